/* Writes the seeds of the fuzz targets: make_corpus FOLDER, which has gguf/ and tokenizer/ in it.
 * Run by hand when the seeds should change; the results are kept in tests/fuzz/corpus. */
#include "../unit/vocab_build.h"

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
        {"tokenizer/signs", "it'll 'RE ''''``~~ --====!!?? _x_ 'S"},
    };
    if (argc != 2) {
        fprintf(stderr, "usage: make_corpus FOLDER\n");
        return 2;
    }
    save_gguf(argv[1]);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        save(argv[1], texts[i][0], texts[i][1], strlen(texts[i][1]));
    return 0;
}
