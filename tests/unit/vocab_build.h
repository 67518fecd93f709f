/* A small byte-level vocabulary as a GGUF image: 256 bytes, some merges, special tokens. */
#ifndef TESTS_VOCAB_BUILD_H
#define TESTS_VOCAB_BUILD_H

#include "base/utf8.h"
#include "gguf_build.h"

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

#endif
