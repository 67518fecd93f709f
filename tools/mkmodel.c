/*
 * mkmodel: writes a model of a named Llama shape with random weights and an invented vocabulary, to
 * try sizes and speeds without a real model.
 *
 * Shapes and mixes of types: src/arch/shape.c; weights, the same that "hekla bench --synthetic"
 * makes: src/arch/synthetic.c.
 */
#define _POSIX_C_SOURCE 200809L
#include "arch/shape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    N_BYTES = 256,
    N_SPECIAL = 256,
    ALIGNMENT = ARCH_TENSOR_ALIGNMENT,
    CHUNK = 1 << 20,
    LONGEST_TOKEN = 8
};
enum { TYPE_NORMAL = 1, TYPE_CONTROL = 3 };

struct maker {
    struct arch_synthetic model;
    const char *path;
    char *temporary;
    FILE *file;
    struct arch_tensor *tensors;
    uint32_t n_tensors;
    uint64_t data_bytes, data_written;
};

static int fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("mkmodel: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return 1;
}

/* ---- writing: an error stays in the stream and is looked at at the end --------------------------
 */

static void put(struct maker *m, const void *data, size_t n)
{
    fwrite(data, 1, n, m->file);
}

static void put_int(struct maker *m, uint64_t value, int n)
{
    for (int i = 0; i < n; i++)
        putc((int)(value >> 8 * i & 255), m->file);
}

static void put_text(struct maker *m, const char *text)
{
    put_int(m, strlen(text), 8);
    put(m, text, strlen(text));
}

static void put_key(struct maker *m, const char *name, uint32_t type)
{
    put_text(m, name);
    put_int(m, type, 4);
}

static void put_key_text(struct maker *m, const char *name, const char *value)
{
    put_key(m, name, GGUF_STRING);
    put_text(m, value);
}

static void put_key_u32(struct maker *m, const char *name, uint32_t value)
{
    put_key(m, name, GGUF_U32);
    put_int(m, value, 4);
}

static void put_key_f32(struct maker *m, const char *name, float value)
{
    uint32_t word;
    memcpy(&word, &value, 4);
    put_key(m, name, GGUF_F32);
    put_int(m, word, 4);
}

static void put_key_array(struct maker *m, const char *name, uint32_t item, uint64_t n)
{
    put_key(m, name, GGUF_ARRAY);
    put_int(m, item, 4);
    put_int(m, n, 8);
}

/* ---- vocabulary: 256 bytes, then every string of bytes in order of length, then special tokens --
 */

static uint32_t n_merges(const struct maker *m)
{
    return m->model.shape.vocab - N_BYTES - N_SPECIAL;
}

/* Token 256 + i is token i / 256 followed by byte i % 256: all strings, each once. */
static size_t token_bytes(uint32_t token, unsigned char out[LONGEST_TOKEN])
{
    if (token < N_BYTES) {
        out[0] = (unsigned char)token;
        return 1;
    }
    size_t n = token_bytes((token - N_BYTES) / 256, out);
    out[n] = (unsigned char)((token - N_BYTES) % 256);
    return n + 1;
}

/* Printable bytes stand for themselves, the others are U+0100 and on, in order. */
static size_t spell(uint32_t token, char *out)
{
    unsigned char bytes[LONGEST_TOKEN];
    size_t n = token_bytes(token, bytes), used = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned b = bytes[i], code = b;
        if (b <= 0x20)
            code = 0x100 + b;
        else if (b >= 0x7f && b <= 0xa0)
            code = 0x121 + (b - 0x7f);
        else if (b == 0xad)
            code = 0x143;
        if (code < 0x80) {
            out[used++] = (char)code;
        } else {
            out[used++] = (char)(0xc0 | code >> 6);
            out[used++] = (char)(0x80 | (code & 63));
        }
    }
    out[used] = 0;
    return used;
}

static void put_tokens(struct maker *m)
{
    static const char *const named[] = {"<|begin_of_text|>", "<|end_of_text|>",
        "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"};
    char text[64];
    uint32_t plain = N_BYTES + n_merges(m);
    put_key_array(m, "tokenizer.ggml.tokens", GGUF_STRING, m->model.shape.vocab);
    for (uint32_t i = 0; i < m->model.shape.vocab; i++) {
        uint32_t special = i - plain;
        if (i < plain)
            spell(i, text);
        else if (special < sizeof(named) / sizeof(named[0]))
            snprintf(text, sizeof(text), "%s", named[special]);
        else
            snprintf(text, sizeof(text), "<|reserved_special_token_%" PRIu32 "|>", special);
        put_text(m, text);
    }
    put_key_array(m, "tokenizer.ggml.token_type", GGUF_I32, m->model.shape.vocab);
    for (uint32_t i = 0; i < m->model.shape.vocab; i++)
        put_int(m, i < plain ? TYPE_NORMAL : TYPE_CONTROL, 4);
    put_key_array(m, "tokenizer.ggml.merges", GGUF_STRING, n_merges(m));
    for (uint32_t i = 0; i < n_merges(m); i++) {
        size_t n = spell(i / 256, text);
        text[n] = ' ';
        spell(i % 256, text + n + 1);
        put_text(m, text);
    }
}

enum { N_KEYS = 23 };

static void put_keys(struct maker *m)
{
    const struct arch_shape *s = &m->model.shape;
    uint32_t first_special = N_BYTES + n_merges(m);
    put_key_text(m, "general.architecture", "llama");
    put_key_text(m, "general.name", s->title);
    put_key_u32(m, "general.alignment", ALIGNMENT);
    put_key_u32(m, "general.file_type", m->model.mix->file_type);
    put_key_u32(m, "llama.vocab_size", s->vocab);
    put_key_u32(m, "llama.context_length", s->ctx);
    put_key_u32(m, "llama.embedding_length", s->embd);
    put_key_u32(m, "llama.block_count", s->layers);
    put_key_u32(m, "llama.feed_forward_length", s->ff);
    put_key_u32(m, "llama.attention.head_count", s->heads);
    put_key_u32(m, "llama.attention.head_count_kv", s->kv_heads);
    put_key_u32(m, "llama.rope.dimension_count", s->head_dim);
    put_key_f32(m, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    put_key_f32(m, "llama.rope.freq_base", 500000.0f);
    put_key_text(m, "tokenizer.ggml.model", "gpt2");
    put_key_text(m, "tokenizer.ggml.pre", "llama-bpe");
    put_tokens(m); /* three keys */
    put_key_u32(m, "tokenizer.ggml.bos_token_id", first_special);
    put_key_u32(m, "tokenizer.ggml.eos_token_id", first_special + 1);
    put_key_u32(m, "tokenizer.ggml.eot_token_id", first_special + 4);
    put_key(m, "tokenizer.ggml.add_bos_token", GGUF_BOOL);
    put_int(m, 1, 1);
}

/* ---- tensors ----------------------------------------------------------------------------------
 */

static void put_directory(struct maker *m)
{
    for (uint32_t i = 0; i < m->n_tensors; i++) {
        const struct arch_tensor *t = &m->tensors[i];
        bool vector = t->rows == 1;
        put_text(m, t->name);
        put_int(m, vector ? 1 : 2, 4);
        put_int(m, t->columns, 8);
        if (!vector)
            put_int(m, t->rows, 8);
        put_int(m, quant_types[t->type].file_id, 4);
        put_int(m, t->offset, 8);
    }
}

static void put_tensor(struct maker *m, const struct arch_tensor *t, uint8_t *buffer)
{
    const struct quant_type *q = &quant_types[t->type];
    uint64_t most = CHUNK / q->block_bytes * q->block_bytes;
    const struct gguf_tensor tensor = {.name = {t->name, strlen(t->name)},
        .n_dims = t->rows == 1 ? 1 : 2,
        .dims = {t->columns, t->rows, 1, 1},
        .type = q->file_id};
    for (uint64_t at = 0; at < t->bytes && !ferror(m->file); at += most) {
        uint64_t n = t->bytes - at < most ? t->bytes - at : most;
        arch_synthetic_make(&m->model, &tensor, at, n, buffer);
        put(m, buffer, (size_t)n);
        m->data_written += n;
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r%3.0f %%", 100 * (double)m->data_written / (double)m->data_bytes);
    }
}

static void put_data(struct maker *m, uint8_t *buffer)
{
    for (uint32_t i = 0; i < m->n_tensors; i++) {
        put_tensor(m, &m->tensors[i], buffer);
        for (uint64_t n = m->tensors[i].bytes; n % ALIGNMENT; n++)
            putc(0, m->file);
    }
}

/* ---- the file ---------------------------------------------------------------------------------
 */

static int check_space(const struct maker *m)
{
    struct statvfs fs;
    char folder[4096];
    const char *slash = strrchr(m->path, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - m->path) + 1 : 1,
        slash ? m->path : ".");
    if (statvfs(folder, &fs) != 0)
        return fail("%s: %s", folder, strerror(errno));
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize, needed = m->data_bytes + (16u << 20);
    if (free_bytes < needed)
        return fail("%s needs %" PRIu64 " MiB, and %s has %" PRIu64 " MiB left", m->path,
            needed >> 20, folder, free_bytes >> 20);
    return 0;
}

static void write_all(struct maker *m, uint8_t *buffer)
{
    put(m, "GGUF", 4);
    put_int(m, 3, 4);
    put_int(m, m->n_tensors, 8);
    put_int(m, N_KEYS, 8);
    put_keys(m);
    put_directory(m);
    while (ftell(m->file) % ALIGNMENT)
        putc(0, m->file);
    put_data(m, buffer);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
}

/* Writes beside the target and renames, so that there is never half a model. */
static int write_file(struct maker *m)
{
    int code = check_space(m);
    size_t cap = strlen(m->path) + 32;
    uint8_t *buffer = malloc(CHUNK + 8);
    m->temporary = malloc(cap);
    if (code || !buffer || !m->temporary) {
        free(buffer);
        return code ? code : fail("not enough memory");
    }
    snprintf(m->temporary, cap, "%s.%ld.tmp", m->path, (long)getpid());
    m->file = fopen(m->temporary, "wb");
    if (!m->file) {
        free(buffer);
        return fail("%s: %s", m->temporary, strerror(errno));
    }
    errno = 0;
    write_all(m, buffer);
    bool bad = ferror(m->file);
    int why = errno;
    if (fclose(m->file) != 0 && !bad) {
        bad = true;
        why = errno;
    }
    if (!bad && rename(m->temporary, m->path) != 0) {
        bad = true;
        why = errno;
    }
    if (bad)
        unlink(m->temporary);
    free(buffer);
    return bad ? fail("%s could not be written: %s", m->path, strerror(why ? why : EIO)) : 0;
}

/* ---- arguments --------------------------------------------------------------------------------
 */

static int usage(void)
{
    printf("usage: mkmodel [flags] OUT\n\n"
           "Writes a GGUF file with a Llama model of random weights and an invented vocabulary.\n\n"
           "  --shape NAME   llama3.2-1b (default), llama3.1-8b, tiny or another of shape.c\n"
           "  --type NAME    f32, f16, q8_0, q4_0 (default), q4_k, q4_k_m or another of shape.c\n"
           "  --layers N     another number of layers than the shape has\n"
           "  --seed N       of the weights; default 0\n");
    return 0;
}

static int set_flag(struct maker *m, const char *flag, const char *value)
{
    char *end = NULL;
    unsigned long long number = strtoull(value, &end, 10);
    bool is_number = *value >= '0' && *value <= '9' && !*end;
    if (!strcmp(flag, "--shape")) {
        const struct arch_shape *shape = arch_shape_find(value, strlen(value));
        if (shape) {
            m->model.shape = *shape;
            return 0;
        }
    } else if (!strcmp(flag, "--type")) {
        const struct arch_mix *type = arch_mix_find(value, strlen(value));
        if (type && arch_synthetic_can(type)) {
            m->model.mix = type;
            return 0;
        }
    } else if (!strcmp(flag, "--layers") && is_number && number >= 1 && number <= 1000) {
        m->model.shape.layers = (uint32_t)number;
        return 0;
    } else if (!strcmp(flag, "--seed") && is_number) {
        m->model.seed = number;
        return 0;
    }
    return fail("%s %s is not understood (mkmodel --help)", flag, value) + 1;
}

/* Shapes first: --layers changes what --shape says. */
static int read_arguments(struct maker *m, int argc, char **argv)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 1; i < argc; i++) {
            bool flag = !strncmp(argv[i], "--", 2), shape = !strcmp(argv[i], "--shape");
            if (flag && i + 1 == argc)
                return fail("%s is not understood (mkmodel --help)", argv[i]) + 1;
            if (flag && shape == (pass == 0)) {
                int code = set_flag(m, argv[i], argv[i + 1]);
                if (code)
                    return code;
            }
            if (!flag)
                m->path = argv[i];
            i += flag;
        }
    return m->path ? 0 : fail("needs the name of the file to write (mkmodel --help)") + 1;
}

int main(int argc, char **argv)
{
    struct maker m = {.model = {.shape = *arch_shape_at(0), .mix = arch_mix_find("q4_0", 4)}};
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return usage();
    int code = read_arguments(&m, argc, argv);
    if (!code)
        m.tensors = arch_shape_tensors(&m.model.shape, m.model.mix, &m.n_tensors, &m.data_bytes);
    if (!code)
        code = m.tensors ? write_file(&m) : fail("not enough memory");
    free(m.temporary);
    free(m.tensors);
    return code;
}
