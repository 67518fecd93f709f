/* Writing model files with other weight types: heads, the choice of types, and that a failure
 * leaves nothing behind. */
#include "gguf_build.h"
#include "quant_rows.h"

#include "base/outfile.h"
#include "convert/convert.h"
#include "gguf/write.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { NAME = 256, MOST_TENSORS = 64 };

static char folder[NAME], in[NAME + 16], out[NAME + 16], temporary[NAME + 32];
static float weights[1 << 20];

/* ---- models -----------------------------------------------------------------------------------
 */

struct shape {
    const char *name;
    uint64_t row, rows;
    uint32_t type; /* F32, F16 or BF16: the weights' bytes are then any */
};

static uint64_t bytes_of(const struct shape *s)
{
    uint64_t bytes;
    assert_true(quant_file_bytes(s->type, s->row, s->rows, &bytes));
    return bytes;
}

static void write_bytes(const char *path, const void *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static uint8_t *read_bytes(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s is missing", path);
    fseek(file, 0, SEEK_END);
    *n = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*n + 1);
    assert_int_equal(fread(data, 1, *n, file), *n);
    fclose(file);
    return data;
}

/* After a header and `keys`: the directory, and for each tensor the beginning of `weights`. */
static void add_tensors(struct build *b, const struct shape *shapes, uint32_t n, size_t alignment)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t dims[2] = {shapes[i].row, shapes[i].rows};
        build_tensor(b, shapes[i].name, shapes[i].rows > 1 ? 2 : 1, dims, shapes[i].type, at);
        at += (bytes_of(&shapes[i]) + alignment - 1) / alignment * alignment;
    }
    build_pad(b, alignment);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(bytes_of(&shapes[i]) <= sizeof(weights));
        build_bytes(b, weights, (size_t)bytes_of(&shapes[i]));
        build_pad(b, alignment);
    }
}

static void write_model(const struct shape *shapes, uint32_t n, uint32_t layers, uint32_t kv_heads)
{
    struct build b = {0};
    build_header(&b, 3, n, 4);
    build_key_text(&b, "general.architecture", "llama");
    build_key_u32(&b, "llama.block_count", layers);
    build_key_u32(&b, "llama.attention.head_count", 8);
    build_key_u32(&b, "llama.attention.head_count_kv", kv_heads);
    add_tensors(&b, shapes, n, 32);
    write_bytes(in, b.data, b.n);
    build_free(&b);
}

/* Uniform in -1..1. */
static int reset(void **state)
{
    (void)state;
    uint64_t x = 3;
    for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        weights[i] = (float)(int32_t)(x >> 32) * 0x1p-31f;
    }
    unlink(in);
    unlink(out);
    unlink(temporary);
    return 0;
}

static const struct shape small[] = {{"token_embd.weight", 256, 40, 0},
    {"blk.0.attn_q.weight", 512, 2000, 0}, {"blk.0.attn_norm.weight", 256, 1, 0},
    {"blk.0.ffn_down.weight", 768, 5, 0}};
enum { N_SMALL = sizeof(small) / sizeof(small[0]) };

/* ---- running ----------------------------------------------------------------------------------
 */

static hekla_status open_with(struct convert **c, const char *type, struct hekla_error *err)
{
    hekla_error_clear(err);
    *c = NULL;
    return convert_open(
        c, &(struct convert_options){.in = in, .out = out, .mix = mix_find(type)}, err);
}

static hekla_status convert_with(
    const struct convert_run *run, const char *type, struct hekla_error *err)
{
    struct convert *c;
    hekla_status status = open_with(&c, type, err);
    if (!status)
        status = convert_run(c, run, err);
    convert_close(c);
    return status;
}

static hekla_status convert(const char *type, uint32_t n_threads, struct hekla_error *err)
{
    return convert_with(&(struct convert_run){.n_threads = n_threads}, type, err);
}

static void must_convert(const char *type, uint32_t n_threads)
{
    struct hekla_error err = {0};
    if (convert(type, n_threads, &err))
        fail_msg("%s", err.text);
    assert_int_not_equal(access(temporary, F_OK), 0);
}

static void expect_failure(const char *type, hekla_status code, const char *words)
{
    struct hekla_error err = {0};
    for (uint32_t n = 1; n <= 4; n += 3) {
        hekla_status status = convert(type, n, &err);
        if (status != code || !strstr(err.text, words))
            fail_msg("\"%s\" (%d), expected \"%s\" (%d)", err.text, status, words, code);
        assert_int_not_equal(access(temporary, F_OK), 0);
    }
}

static struct gguf *open_result(void)
{
    struct gguf *g;
    struct hekla_error err = {0};
    if (gguf_open(&g, out, quant_file_bytes, &err))
        fail_msg("%s", err.text);
    return g;
}

/* ---- heads ------------------------------------------------------------------------------------
 */

/* Keys of every type; the two that are set, in the middle; and the split's, which go. */
static void add_all_keys(struct build *b, uint32_t file_type)
{
    static const int sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    char name[32];
    for (uint32_t type = 0; type < GGUF_VALUE_TYPE_COUNT; type++) {
        snprintf(name, sizeof(name), "scalar.%u", type);
        if (sizes[type])
            build_key_int(b, name, type, type == GGUF_BOOL ? 1 : 0x8182838485868788u, sizes[type]);
        snprintf(name, sizeof(name), "array.%u", type);
        if (sizes[type])
            build_key_array(b, name, type, 3);
        for (int i = 0; sizes[type] && i < 3; i++)
            build_int(b, type == GGUF_BOOL ? (uint64_t)i & 1 : 0xf1f2f3f4f5f6f7f8u, sizes[type]);
    }
    build_key_u32(b, "general.file_type", file_type);
    build_key_text(b, "text", "a \"text\"\n");
    build_key_array(b, "texts", GGUF_STRING, 3);
    build_text(b, "one");
    build_text(b, "");
    build_text_n(b, "t\0ree", 5);
    build_key_array(b, "none", GGUF_STRING, 0);
    build_key_array(b, "nothing", GGUF_U16, 0);
    build_key_u32(b, "general.alignment", 128);
}

static void heads_are_copied(void **state)
{
    (void)state;
    struct build b = {0}, expected = {0};
    const struct shape *t = &small[2];
    uint64_t dims[1] = {t->row};
    size_t n;
    build_header(&b, 2, 1, 22 + 6 + 3);
    build_key_u32(&b, "split.no", 0);
    build_key_int(&b, "split.count", GGUF_U16, 1, 2);
    build_key_int(&b, "split.tensors.count", GGUF_I32, 1, 4);
    add_all_keys(&b, 0);
    add_tensors(&b, t, 1, 128);
    write_bytes(in, b.data, b.n);
    must_convert("Q5_K_M", 1);

    build_header(&expected, 3, 1, 22 + 6 + 1);
    add_all_keys(&expected, 17);
    build_key_u32(&expected, "general.quantization_version", 2);
    build_tensor(&expected, t->name, 1, dims, 0, 0);
    build_pad(&expected, 128);
    build_bytes(&expected, weights, (size_t)bytes_of(t));
    build_pad(&expected, 128);
    uint8_t *got = read_bytes(out, &n);
    assert_int_equal(n, expected.n);
    assert_memory_equal(got, expected.data, n);
    free(got);
    build_free(&b);
    build_free(&expected);
}

/* A type given as another kind of integer, or already with a version. */
static void keys_are_replaced(void **state)
{
    (void)state;
    struct build b = {0};
    build_header(&b, 3, 1, 3);
    build_key_int(&b, "general.quantization_version", GGUF_U8, 1, 1);
    build_key_text(&b, "between", "x");
    build_key_int(&b, "general.file_type", GGUF_I64, 0, 8);
    add_tensors(&b, small, 1, 32);
    write_bytes(in, b.data, b.n);
    must_convert("BF16", 2);
    struct gguf *g = open_result();
    uint32_t value;
    assert_int_equal(g->n_keys, 3);
    assert_true(gguf_string_is(g->keys[0].name, "general.quantization_version"));
    assert_true(gguf_string_is(g->keys[2].name, "general.file_type"));
    assert_int_equal(g->keys[2].type, GGUF_U32);
    assert_int_equal(gguf_get_u32(g, "general.file_type", true, 0, &value, NULL), HEKLA_OK);
    assert_int_equal(value, 32);
    gguf_close(g);
    build_free(&b);
}

/* ---- types ------------------------------------------------------------------------------------
 */

static void expect_types(const char *mix, const char *const *expected, uint32_t n)
{
    struct convert *c;
    struct hekla_error err = {0};
    if (open_with(&c, mix, &err))
        fail_msg("%s", err.text);
    assert_int_equal(convert_tensor_count(c), n);
    for (uint32_t i = 0; i < n; i++) {
        struct convert_tensor t = convert_tensor_at(c, i);
        if (strcmp(t.to->label, expected[i]) != 0)
            fail_msg("%s: %.*s is %s, expected %s", mix, (int)t.name.n, t.name.data, t.to->label,
                expected[i]);
    }
    convert_close(c);
}

/* Eight layers of a model with `output`: which of attn_v and ffn_down get more. */
static void check_layers(const char *mix, uint32_t kv_heads, const char *base, const char *v,
    const char *down, const char *attn_output)
{
    static char names[MOST_TENSORS][40];
    struct shape shapes[MOST_TENSORS];
    const char *expected[MOST_TENSORS];
    static const char *const labels[] = {['2'] = "Q2_K",
        ['3'] = "Q3_K",
        ['4'] = "Q4_K",
        ['5'] = "Q5_K",
        ['6'] = "Q6_K",
        ['n'] = "IQ4_NL",
        ['8'] = "Q8_0",
        ['0'] = "Q4_0"};
    static const char *const kinds[] = {"attn_q", "attn_v", "attn_output", "ffn_down", "ffn_up"};
    uint32_t n = 0;
    for (uint32_t layer = 0; layer < 8; layer++)
        for (uint32_t k = 0; k < 5; k++, n++) {
            snprintf(names[n], sizeof(names[n]), "blk.%u.%s.weight", layer, kinds[k]);
            shapes[n] = (struct shape){names[n], 256, 2, 0};
            const char *code = k == 1   ? v + layer
                               : k == 2 ? attn_output
                               : k == 3 ? down + layer
                                        : base;
            expected[n] = labels[(unsigned char)*code];
        }
    shapes[n] = (struct shape){"token_embd.weight", 256, 4, 0};
    expected[n++] = labels[(unsigned char)*base];
    shapes[n] = (struct shape){"output.weight", 256, 4, 0};
    expected[n++] = labels[*base == '8' ? '8' : '6'];
    write_model(shapes, n, 8, kv_heads);
    expect_types(mix, expected, n);
}

static void mixes(void **state)
{
    (void)state;
    check_layers("Q8_0", 8, "8", "88888888", "88888888", "8");
    check_layers("Q4_0", 2, "0", "00000000", "00000000", "0");
    check_layers("Q2_K", 8, "2", "33333333", "33333333", "3");
    check_layers("Q2_K", 2, "2", "44444444", "33333333", "3");
    check_layers("Q2_K_S", 8, "2", "22222222", "42222222", "2");
    check_layers("Q2_K_S", 1, "2", "44444444", "42222222", "2");
    check_layers("Q3_K_S", 2, "3", "33333333", "33333333", "3");
    check_layers("Q3_K_M", 2, "3", "55444444", "44444444", "4");
    check_layers("q3_k", 2, "3", "55444444", "44444444", "4");
    check_layers("Q3_K_L", 2, "3", "55555555", "55555555", "5");
    check_layers("Q4_K_S", 2, "4", "55554444", "54444444", "4");
    check_layers("Q4_K_M", 2, "4", "64464466", "64464466", "4");
    check_layers("Q5_K_S", 2, "5", "55555555", "55555555", "5");
    check_layers("Q5_K_M", 2, "5", "65565566", "65565566", "5");
    check_layers("Q6_K", 2, "6", "66666666", "66666666", "6");
    check_layers("IQ4_NL", 2, "n", "55555555", "5nnnnnnn", "n");
    check_layers("IQ4_NL", 4, "n", "nnnnnnnn", "5nnnnnnn", "n");
    assert_null(mix_find("Q4"));
    assert_null(mix_find("F32"));
}

static void odd_rows(void **state)
{
    (void)state;
    static const struct shape shapes[] = {{"a.weight", 288, 3, 0}, {"b.weight", 40, 3, 0},
        {"c.weight", 7, 3, 0}, {"token_embd.weight", 288, 4, 0}, {"x_norm.weight", 256, 2, 0},
        {"a.bias", 256, 2, 0}};
    static const char *const types[][7] = {{"Q2_K", "Q4_0", "F16", "F16", "Q8_0", "F32", "F32"},
        {"Q3_K_S", "Q4_0", "F16", "F16", "Q8_0", "F32", "F32"},
        {"Q4_K_M", "Q5_0", "F16", "F16", "Q8_0", "F32", "F32"},
        {"Q5_K_M", "Q5_1", "F16", "F16", "Q8_0", "F32", "F32"},
        {"Q6_K", "Q8_0", "F16", "F16", "Q8_0", "F32", "F32"},
        {"IQ4_XS", "IQ4_NL", "F16", "F16", "Q8_0", "F32", "F32"},
        {"Q8_0", "Q8_0", "F16", "F16", "Q8_0", "F32", "F32"},
        {"MXFP4", "MXFP4", "F16", "F16", "Q8_0", "F32", "F32"},
        {"F16", "F16", "F16", "F16", "F16", "F32", "F32"}};
    write_model(shapes, 6, 2, 4);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        expect_types(types[i][0], types[i] + 1, 6);
        must_convert(types[i][0], 2);
        gguf_close(open_result());
    }
}

/* ---- data -------------------------------------------------------------------------------------
 */

/* Every tensor, from each kind of source, is what the type's own function makes of its blocks. */
static void data_of(uint32_t source, const char *mix)
{
    struct shape shapes[N_SMALL];
    memcpy(shapes, small, sizeof(shapes));
    for (int i = 0; i < N_SMALL; i++)
        shapes[i].type = source;
    write_model(shapes, N_SMALL, 1, 8);
    must_convert(mix, 3);
    struct gguf *g = open_result();
    const struct quant_type *from = quant_find(source);
    static float x[512 * 2000];
    static uint8_t expected[512 * 2000 * 2];
    for (int i = 0; i < N_SMALL; i++) {
        const struct gguf_tensor *t = &g->tensors[i];
        const struct quant_type *to = quant_find(t->type);
        const uint8_t *got = g->files[0].data + t->offset;
        assert_true(gguf_string_is(t->name, shapes[i].name));
        if (to == from) {
            assert_memory_equal(got, weights, t->n_bytes);
            continue;
        }
        dequantize_row(from, (const uint8_t *)weights, (uint32_t)t->n_elements, x);
        quantize_row(to, x, (uint32_t)t->n_elements, expected);
        assert_memory_equal(got, expected, t->n_bytes);
    }
    gguf_close(g);
}

/* Halves as all but F32 has them: any 16 bits that are finite. */
static void fill_halves(void)
{
    uint16_t *halves = (uint16_t *)weights;
    for (size_t i = 0; i < sizeof(weights) / 2; i++)
        halves[i] = (uint16_t)(0x3000 + (i * 40503u) % 0x1000 + (i & 1) * 0x8000);
}

static void data_is_converted(void **state)
{
    (void)state;
    data_of(0, "Q4_0");
    data_of(0, "Q4_K_M");
    data_of(0, "F16");
    fill_halves();
    data_of(1, "Q5_K_M");
    data_of(1, "BF16");
    data_of(1, "F16");
    data_of(30, "Q8_0");
    data_of(30, "F16");
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    size_t n, n_again;
    write_model(small, N_SMALL, 1, 8);
    must_convert("Q4_K_M", 1);
    uint8_t *first = read_bytes(out, &n);
    for (uint32_t threads = 2; threads <= 7; threads += 5) {
        must_convert("Q4_K_M", threads); /* over the file that is there */
        uint8_t *again = read_bytes(out, &n_again);
        assert_int_equal(n, n_again);
        assert_memory_equal(first, again, n);
        free(again);
    }
    free(first);
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

static void set_word(uint64_t i, uint32_t word)
{
    memcpy(&weights[i], &word, 4);
}

static void bad_values(void **state)
{
    (void)state;
    set_word(512 * 1900 + 7, 0xffc00000u); /* the second tensor only: others are shorter */
    set_word(512 * 1901, 0x7f800000u);
    write_model(small, N_SMALL, 1, 8);
    expect_failure(
        "Q4_K_M", HEKLA_FORMAT, "tensor blk.0.attn_q.weight has a NaN in row 1900, column 7");
    assert_int_not_equal(access(out, F_OK), 0);
    set_word(512 * 1900 + 7, 0);
    write_model(small, N_SMALL, 1, 8);
    expect_failure("BF16", HEKLA_FORMAT, "has the value inf in row 1901, column 0; BF16 holds");
    weights[512 * 1901] = -70000;
    write_model(small, N_SMALL, 1, 8);
    expect_failure("Q8_0", HEKLA_FORMAT, "has the value -70000 in row 1901, column 0; Q8_0 holds");
    must_convert("BF16", 2);
    set_word(12, 0x7fa00000u); /* in a vector, too, which is only copied */
    write_model(small + 2, 1, 1, 8);
    expect_failure("Q8_0", HEKLA_FORMAT, "attn_norm.weight has a NaN in row 0, column 12");
    fill_halves();
    ((uint16_t *)weights)[3] = 0xfc01;
    struct shape half = {"a.weight", 256, 2, 1};
    write_model(&half, 1, 1, 8);
    expect_failure("Q8_0", HEKLA_FORMAT, "a.weight has a NaN in row 0, column 3");
    ((uint16_t *)weights)[3] = 0xfc00;
    write_model(&half, 1, 1, 8);
    expect_failure("Q8_0", HEKLA_FORMAT, "a.weight has the value -inf in row 0, column 3");
}

static void bad_sources(void **state)
{
    (void)state;
    struct shape shapes[] = {{"a.weight", 256, 2, 0}, {"b.weight", 256, 2, 8}};
    size_t n;
    write_model(shapes, 2, 1, 8);
    expect_failure("Q4_0", HEKLA_UNSUPPORTED, "tensor b.weight is of type Q8_0, and quantising a");
    write_model(shapes, 1, 1, 8);
    uint8_t *data = read_bytes(in, &n);
    write_bytes(in, data, n - 1);
    expect_failure("Q4_0", HEKLA_FORMAT, "truncated: tensor a.weight");
    write_bytes(in, data, 30);
    expect_failure("Q4_0", HEKLA_FORMAT, "truncated");
    write_bytes(in, "what?", 5);
    expect_failure("Q4_0", HEKLA_FORMAT, "not a GGUF file");
    unlink(in);
    expect_failure("Q4_0", HEKLA_IO, "No such file");
    free(data);
}

/* Under any name: the same, a hard link, a symbolic one, and that of the temporary file. */
static void same_file(void **state)
{
    (void)state;
    size_t n, n_after;
    write_model(small, 1, 1, 8);
    uint8_t *before = read_bytes(in, &n);
    assert_int_equal(link(in, out), 0);
    expect_failure("Q4_0", HEKLA_ARGUMENT, "is the file to read");
    unlink(out);
    assert_int_equal(symlink(in, out), 0);
    expect_failure("Q4_0", HEKLA_ARGUMENT, "is the file to read");
    unlink(out);
    struct hekla_error err = {0};
    assert_int_equal(link(in, temporary), 0);
    assert_int_equal(convert("Q4_0", 1, &err), HEKLA_ARGUMENT);
    assert_int_equal(unlink(temporary), 0);
    uint8_t *after = read_bytes(in, &n_after);
    assert_int_equal(n, n_after);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
}

/* ---- the file that is written -----------------------------------------------------------------
 */

static bool stop_at_half(void *user, double fraction)
{
    (void)user;
    return fraction < 0.5;
}

/* What was there stays there until the new file is whole; what a killed run left is no obstacle. */
static void old_file_stays(void **state)
{
    (void)state;
    struct hekla_error err = {0};
    struct convert_run run = {.n_threads = 1, .progress = stop_at_half};
    size_t n;
    write_model(small, N_SMALL, 1, 8);
    write_bytes(out, "old", 3);
    write_bytes(temporary, weights, sizeof(weights));
    assert_int_equal(convert_with(&run, "Q4_K_M", &err), HEKLA_IO);
    assert_non_null(strstr(err.text, "cancelled"));
    assert_int_not_equal(access(temporary, F_OK), 0);
    uint8_t *data = read_bytes(out, &n);
    assert_int_equal(n, 3);
    free(data);
    write_bytes(temporary, weights, sizeof(weights));
    must_convert("Q4_K_M", 1);
    gguf_close(open_result());
}

static void bad_targets(void **state)
{
    (void)state;
    struct hekla_error err = {0};
    write_model(small, 1, 1, 8);
    assert_int_equal(mkdir(out, 0700), 0);
    expect_failure("Q4_0", HEKLA_IO, "is a directory");
    assert_int_equal(rmdir(out), 0);
    assert_int_equal(mkfifo(out, 0600), 0);
    expect_failure("Q4_0", HEKLA_IO, "is not a regular file");
    unlink(out);
    assert_int_equal(symlink("/nonexistent", temporary), 0);
    assert_int_equal(convert("Q4_0", 1, &err), HEKLA_IO);
    assert_int_equal(unlink(temporary), 0); /* not ours: left alone */
    assert_int_not_equal(access(out, F_OK), 0);
}

/* A second run of the same target must not write into the first one's file. */
static void second_writer(void **state)
{
    (void)state;
    int ready[2], go[2], status;
    char byte = 0;
    struct hekla_error err = {0};
    write_model(small, 1, 1, 8);
    assert_int_equal(pipe(ready) | pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct outfile file;
        close(go[1]);
        bool ok = outfile_open(&file, out, NULL) == HEKLA_OK && write(ready[1], "", 1) == 1;
        ok = ok && read(go[0], &byte, 1) == 0; /* until the other end is closed */
        outfile_abandon(&file);
        _exit(ok ? 0 : 1);
    }
    close(go[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(convert("Q4_0", 1, &err), HEKLA_IO);
    assert_non_null(strstr(err.text, "is being written by another run"));
    assert_int_equal(access(temporary, F_OK), 0);
    close(go[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(ready[0]);
    close(ready[1]);
    must_convert("Q4_0", 1);
}

/* In a process of its own: no file may grow beyond `limit`. */
static int run_limited(rlim_t limit)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct hekla_error err = {0};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
        bool ok = convert("Q8_0", 2, &err) == HEKLA_IO && strstr(err.text, "File too large");
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void no_room(void **state)
{
    (void)state;
    write_model(small, N_SMALL, 1, 8);
    static const rlim_t limits[] = {0, 100, 4096, 1000000};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        assert_int_equal(run_limited(limits[i]), 0);
        assert_int_not_equal(access(out, F_OK), 0);
        assert_int_not_equal(access(temporary, F_OK), 0);
    }
}

/* What a full disk does later, when there was room at first: writes fail. */
static void failing_writes(void **state)
{
    (void)state;
    struct outfile file;
    struct hekla_error err = {0};
    assert_int_equal(outfile_open(&file, out, &err), HEKLA_OK);
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0 && dup2(full, file.fd) >= 0);
    close(full);
    assert_int_equal(outfile_write(&file, 0, "x", 1, &err), HEKLA_IO);
    assert_non_null(strstr(err.text, "No space left"));
    outfile_abandon(&file);
    assert_int_not_equal(access(temporary, F_OK), 0);
    outfile_abandon(&file); /* harmless */
}

static int make_folder(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%.200s/hekla-convert-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    snprintf(in, sizeof(in), "%s/in.gguf", folder);
    snprintf(out, sizeof(out), "%s/out.gguf", folder);
    snprintf(temporary, sizeof(temporary), "%s" OUTFILE_SUFFIX, out);
    return 0;
}

static int remove_folder(void **state)
{
    reset(state);
    return rmdir(folder); /* fails if anything was left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(heads_are_copied, reset),
        cmocka_unit_test_setup(keys_are_replaced, reset),
        cmocka_unit_test_setup(mixes, reset),
        cmocka_unit_test_setup(odd_rows, reset),
        cmocka_unit_test_setup(data_is_converted, reset),
        cmocka_unit_test_setup(threads_do_not_matter, reset),
        cmocka_unit_test_setup(bad_values, reset),
        cmocka_unit_test_setup(bad_sources, reset),
        cmocka_unit_test_setup(same_file, reset),
        cmocka_unit_test_setup(old_file_stays, reset),
        cmocka_unit_test_setup(bad_targets, reset),
        cmocka_unit_test_setup(second_writer, reset),
        cmocka_unit_test_setup(no_room, reset),
        cmocka_unit_test_setup(failing_writes, reset),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
