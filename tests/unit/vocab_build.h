/* Small vocabularies as GGUF images. */
#ifndef TESTS_VOCAB_BUILD_H
#define TESTS_VOCAB_BUILD_H

#include "base/utf8.h"
#include "gguf_build.h"

#include <stdio.h>

/* Byte-level: 256 bytes, some merges, special tokens. */
struct vocab_spec {
    const char *model, *pre; /* NULL: "gpt2", "llama-bpe"; "" leaves the key out */
    const char *merges[8];
    const char *merge_tokens[8]; /* what the merges make, in the file's spelling */
    struct {
        const char *text;
        uint32_t type;
    } extra[8];
    int leave_out; /* a byte whose token becomes another; 0: none */
    uint32_t bos;  /* 0: no key */
    bool no_types;
    uint32_t extra_types; /* entries more than there are tokens */
};

/* The character that stands for a byte: itself if it is printable Latin-1, else U+0100 and on. */
static inline size_t build_byte_text(int byte, char out[4])
{
    uint32_t code = 0x100;
    for (int b = 0; b <= byte; b++) {
        bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xff && b != 0xad);
        if (b == byte)
            return utf8_encode(printable ? (uint32_t)b : code, out);
        code += !printable;
    }
    return 0;
}

static inline struct build build_vocab(const struct vocab_spec *spec)
{
    struct build b = {0};
    uint32_t n_merges = 0, n_tokens = 0, n_extra = 0;
    while (n_merges < 8 && spec->merges[n_merges])
        n_merges++;
    while (n_tokens < 8 && spec->merge_tokens[n_tokens])
        n_tokens++;
    while (n_extra < 8 && spec->extra[n_extra].text)
        n_extra++;
    const char *pre = spec->pre ? spec->pre : "llama-bpe";
    uint32_t n = 256 + n_tokens + n_extra;
    build_header(&b, 3, 0, 3u + (pre[0] != 0) + (spec->bos != 0) + !spec->no_types);
    build_key_text(&b, "tokenizer.ggml.model", spec->model ? spec->model : "gpt2");
    if (pre[0])
        build_key_text(&b, "tokenizer.ggml.pre", pre);
    build_key_array(&b, "tokenizer.ggml.tokens", GGUF_STRING, n);
    for (int i = 0; i < 256; i++) {
        char text[4];
        if (spec->leave_out && spec->leave_out == i)
            build_text(&b, "other");
        else
            build_text_n(&b, text, build_byte_text(i, text));
    }
    for (uint32_t i = 0; i < n_tokens; i++)
        build_text(&b, spec->merge_tokens[i]);
    for (uint32_t i = 0; i < n_extra; i++)
        build_text(&b, spec->extra[i].text);
    if (!spec->no_types) {
        build_key_array(&b, "tokenizer.ggml.token_type", GGUF_I32, (uint64_t)n + spec->extra_types);
        for (uint32_t i = 0; i < n + spec->extra_types; i++)
            build_int(
                &b, i < 256 + n_tokens || i >= n ? 1 : spec->extra[i - 256 - n_tokens].type, 4);
    }
    build_key_array(&b, "tokenizer.ggml.merges", GGUF_STRING, n_merges);
    for (uint32_t i = 0; i < n_merges; i++)
        build_text(&b, spec->merges[i]);
    if (spec->bos)
        build_key_u32(&b, "tokenizer.ggml.bos_token_id", spec->bos);
    return b;
}

enum { MOST_PIECES = 48 };

/* Tokens as they are given, at their ids; then, if `bytes`, 256 that are spelled <0x00> and on. */
struct pieces_spec {
    const char *model, *pre; /* pre NULL: no key */
    struct {
        const char *text;
        uint32_t type; /* 0: normal */
        float score;
    } pieces[MOST_PIECES];
    const char *merges[16];
    bool bytes, no_scores;
    struct {
        const char *name; /* of a key, without tokenizer.ggml. */
        uint32_t type;    /* GGUF_U32 or GGUF_BOOL */
        uint32_t value;
    } keys[12];
    const char *name;   /* general.name */
    const uint8_t *map; /* [n_map] precompiled_charsmap */
    uint32_t n_map;
    uint32_t byte_score; /* bits of a float */
};

static inline uint32_t float_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}

static inline void build_piece_arrays(struct build *b, const struct pieces_spec *spec, uint32_t n)
{
    uint32_t n_bytes = spec->bytes ? 256 : 0;
    build_key_array(b, "tokenizer.ggml.tokens", GGUF_STRING, n + n_bytes);
    for (uint32_t i = 0; i < n; i++)
        build_text(b, spec->pieces[i].text);
    for (uint32_t i = 0; i < n_bytes; i++) {
        char text[8];
        snprintf(text, sizeof(text), "<0x%02X>", i);
        build_text(b, text);
    }
    build_key_array(b, "tokenizer.ggml.token_type", GGUF_I32, n + n_bytes);
    for (uint32_t i = 0; i < n + n_bytes; i++)
        build_int(b, i >= n ? 6 : spec->pieces[i].type ? spec->pieces[i].type : 1, 4);
    if (spec->no_scores)
        return;
    build_key_array(b, "tokenizer.ggml.scores", GGUF_F32, n + n_bytes);
    for (uint32_t i = 0; i < n + n_bytes; i++)
        build_int(b, i >= n ? spec->byte_score : float_bits(spec->pieces[i].score), 4);
}

static inline struct build build_pieces(const struct pieces_spec *spec)
{
    struct build b = {0};
    uint32_t n = 0, n_merges = 0, n_keys = 0;
    while (n < MOST_PIECES && spec->pieces[n].text)
        n++;
    while (n_merges < 16 && spec->merges[n_merges])
        n_merges++;
    while (n_keys < 12 && spec->keys[n_keys].name)
        n_keys++;
    build_header(&b, 3, 0,
        3u + !spec->no_scores + (spec->pre != NULL) + (n_merges > 0) + n_keys +
            (spec->name != NULL) + (spec->map != NULL));
    build_key_text(&b, "tokenizer.ggml.model", spec->model);
    if (spec->pre)
        build_key_text(&b, "tokenizer.ggml.pre", spec->pre);
    if (spec->name)
        build_key_text(&b, "general.name", spec->name);
    build_piece_arrays(&b, spec, n);
    if (n_merges)
        build_key_array(&b, "tokenizer.ggml.merges", GGUF_STRING, n_merges);
    for (uint32_t i = 0; i < n_merges; i++)
        build_text(&b, spec->merges[i]);
    if (spec->map) {
        build_key_array(&b, "tokenizer.ggml.precompiled_charsmap", GGUF_U8, spec->n_map);
        build_bytes(&b, spec->map, spec->n_map);
    }
    for (uint32_t i = 0; i < n_keys; i++) {
        char name[80];
        snprintf(name, sizeof(name), "tokenizer.ggml.%s", spec->keys[i].name);
        build_key_int(&b, name, spec->keys[i].type, spec->keys[i].value,
            spec->keys[i].type == GGUF_BOOL ? 1 : 4);
    }
    return b;
}

#endif
