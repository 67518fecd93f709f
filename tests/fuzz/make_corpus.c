/* Writes the seeds of the fuzz targets: make_corpus FOLDER, which has gguf/, session/ and
 * tokenizer/ in it. Run by hand when the seeds should change; the results are kept in
 * tests/fuzz/corpus. */
#include "../unit/vocab_examples.h"
#include "base/checksum.h"
#include "engine/session_file.h"

#include <stdio.h>

static void save(const char *folder, const char *name, const void *data, size_t n)
{
    char path[1000];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f)) {
        fprintf(stderr, "%s: cannot be written\n", path);
        exit(1);
    }
}

static void save_build(const char *folder, const char *name, struct build *b)
{
    save(folder, name, b->data, b->n);
    build_free(b);
}

static void save_gguf(const char *folder)
{
    static const uint64_t dims[] = {64, 2, 1, 1};
    struct build b = {0};
    build_header(&b, 3, 0, 0);
    save_build(folder, "gguf/empty", &b);
    build_header(&b, 2, 0, 5);
    build_key_int(&b, "general.file_type", GGUF_U16, 7, 2);
    build_key_int(&b, "eps", GGUF_F32, 0x3727c5ac, 4);
    build_key_int(&b, "flag", GGUF_BOOL, 1, 1);
    build_key_int(&b, "wide", GGUF_F64, 0x4004000000000000, 8);
    build_key_array(&b, "names", GGUF_STRING, 2);
    build_text(&b, "a"), build_text(&b, "bc");
    save_build(folder, "gguf/keys", &b);
    build_header(&b, 3, 2, 2);
    build_key_u32(&b, "general.alignment", 64);
    build_key_u32(&b, "split.count", 1);
    build_tensor(&b, "token_embd.weight", 2, dims, 8, 0);
    build_tensor(&b, "norm.weight", 4, dims, 0, 192);
    build_pad(&b, 64);
    for (int i = 0; i < 192 + 512; i++)
        build_int(&b, 0, 1);
    save_build(folder, "gguf/tensors", &b);
    b = build_vocab(&(struct vocab_spec){.merges = {"a a", "aa aa", "l l"},
        .no_types = true,
        .merge_tokens = {"aa", "aaaa", "ll"},
        .bos = 3});
    save_build(folder, "gguf/vocab", &b);
    b = build_vocab(
        &(struct vocab_spec){.pre = "gpt-2", .extra = {{"<|eot_id|>", 3}, {"\n\n", 4}}});
    save_build(folder, "gguf/specials", &b);
}

static void save_vocabularies(const char *folder)
{
    static uint8_t map[4 + 4 * 1024 + 3];
    struct pieces_spec t5 = example_t5;
    t5.map = example_map(map);
    t5.n_map = sizeof(map);
    struct build b = build_pieces(&example_spm);
    save_build(folder, "gguf/spm", &b);
    b = build_pieces(&example_gemma4);
    save_build(folder, "gguf/gemma4", &b);
    b = build_pieces(&example_bert);
    save_build(folder, "gguf/bert", &b);
    b = build_pieces(&t5);
    save_build(folder, "gguf/t5", &b);
}

/* Zeros behind the head. */
static void save_session(const char *folder, const char *name, struct session_file f)
{
    uint8_t bytes[4000] = {0};
    struct checksum sum = {0};
    if (!session_file_place(&f) || f.end > sizeof(bytes)) {
        fprintf(stderr, "%s: too large\n", name);
        exit(1);
    }
    session_file_put_head(&f, bytes);
    checksum_add(&sum, bytes, f.sum);
    for (int i = 0; i < 8; i++)
        bytes[f.sum + (uint64_t)i] = (uint8_t)(checksum_of(&sum) >> 8 * i);
    save(folder, name, bytes, f.end);
}

static void save_sessions(const char *folder)
{
    struct session_file f = {.kv_type = 1,
        .n_layer = 2,
        .width = 8,
        .n_vocab = 5,
        .n_ctx = 9,
        .n_tokens = 3,
        .flags = SESSION_HAS_LOGITS,
        .model_name = "Tiny"};
    save_session(folder, "session/f16", f);
    f.kv_type = 3;
    f.width = f.width_local = 32;
    f.n_local = 1;
    f.window = 2;
    f.local_first = 1;
    f.n_note = 7;
    save_session(folder, "session/window", f);
    f.n_tokens = f.local_first = f.flags = 0;
    save_session(folder, "session/empty", f);
}

/* The first byte chooses a vocabulary. */
static void save_text(const char *folder, const char *name, int kind, const char *text)
{
    char bytes[400];
    bytes[0] = (char)kind;
    size_t n = strlen(text);
    memcpy(bytes + 1, text, n);
    save(folder, name, bytes, n + 1);
}

int main(int argc, char **argv)
{
    static const char *const texts[][2] = {
        {"tokenizer/story", "Once upon a time, there was a fox. \"Who's there?\" it said.\n\n"},
        {"tokenizer/special", "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi"
                              "<|eot_id|><|end_of_text|>"},
        {"tokenizer/space", "  a\t\n \n\n   b\r\n \xc2\xa0\xe3\x80\x80\xe1\xa0\x8e x   "},
        {"tokenizer/unicode",
            "\xc3\xa4\xd0\xb6\xe4\xbd\xa0\xf0\x9f\x98\x80 12345 \xd9\xa3\xd9\xa4"},
        {"tokenizer/invalid", "abc\xf0\x9f\x98 \xff\xc0\x80"},
        {"tokenizer/pieces",
            "ab a  ba\xe2\x96\x81 b<tag> abb aaa cd\n\n\n[MASK]</s>\xef\xac\x80<x>"},
        {"tokenizer/signs", "it'll 'RE ''''``~~ --====!!?? _x_ 'S"},
    };
    if (argc != 2) {
        fprintf(stderr, "usage: make_corpus FOLDER\n");
        return 2;
    }
    save_gguf(argv[1]);
    save_vocabularies(argv[1]);
    save_sessions(argv[1]);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        save_text(argv[1], texts[i][0], (int)i, texts[i][1]);
    return 0;
}
