/* GGUF: what good files give, and that every kind of bad file is refused with one sentence. */
#define _POSIX_C_SOURCE 200809L
#include "base/utf8.h"
#include "gguf_build.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { F32 = 0, Q8_0 = 8, UNKNOWN_TYPE = 999 };

static const uint64_t dims_64x2[] = {64, 2};

static hekla_status open_build(struct gguf **g, const struct build *b, struct hekla_error *err)
{
    return gguf_open_memory(g, b->data, b->n, "test.gguf", test_type_bytes, err);
}

static void check_sentence(const struct hekla_error *err, hekla_status code, const char *part)
{
    size_t n = strlen(err->text);
    assert_int_equal(err->code, code);
    assert_int_not_equal(n, 0);
    assert_int_equal(utf8_check(err->text, n), n);
    if (!strstr(err->text, part))
        fail_msg("\"%s\" does not say \"%s\"", err->text, part);
}

/* Opens b, which must fail with this code and words; frees it. */
static void expect_refused(struct build *b, hekla_status code, const char *part)
{
    struct gguf *g = NULL;
    struct hekla_error err = {0};
    /* A copy of the exact size, so that a sanitizer sees every read past the end. */
    uint8_t *data = malloc(b->n ? b->n : 1);
    assert_non_null(data);
    if (b->n)
        memcpy(data, b->data, b->n);
    assert_int_equal(gguf_open_memory(&g, data, b->n, "test.gguf", test_type_bytes, &err), code);
    assert_null(g);
    check_sentence(&err, code, part);
    free(data);
    build_free(b);
}

/* All value types, an array of numbers, one of strings, three tensors. */
static struct build build_full(uint32_t version)
{
    struct build b = {0};
    build_header(&b, version, 3, 18);
    build_key_int(&b, "t.u8", GGUF_U8, 200, 1);
    build_key_int(&b, "t.i8", GGUF_I8, (uint64_t)-5, 1);
    build_key_int(&b, "t.u16", GGUF_U16, 60000, 2);
    build_key_int(&b, "t.i16", GGUF_I16, 300, 2);
    build_key_int(&b, "t.u32", GGUF_U32, 4000000000u, 4);
    build_key_int(&b, "t.i32", GGUF_I32, (uint64_t)-1, 4);
    build_key_int(&b, "t.f32", GGUF_F32, 0x3fc00000, 4); /* 1.5 */
    build_key_int(&b, "t.bool", GGUF_BOOL, 1, 1);
    build_key_text(&b, "t.text", "hello");
    build_key_int(&b, "t.u64", GGUF_U64, 77, 8);
    build_key_int(&b, "t.big", GGUF_U64, 1ull << 32, 8);
    build_key_int(&b, "t.i64", GGUF_I64, 5, 8);
    build_key_int(&b, "t.f64", GGUF_F64, 0x4004000000000000, 8); /* 2.5 */
    build_key_int(&b, "t.nan", GGUF_F32, 0x7fc00000, 4);
    build_key_int(&b, "t.huge", GGUF_F64, 0x7fe0000000000000, 8);
    build_key_array(&b, "t.ints", GGUF_I32, 3);
    build_int(&b, 1, 4), build_int(&b, 2, 4), build_int(&b, 3, 4);
    build_key_array(&b, "t.texts", GGUF_STRING, 2);
    build_text(&b, "a"), build_text(&b, "");
    build_key_u32(&b, "general.alignment", 64);
    build_tensor(&b, "one", 2, dims_64x2, Q8_0, 0);
    build_tensor(&b, "two", 1, dims_64x2, F32, 192);
    build_tensor(&b, "odd", 1, dims_64x2, UNKNOWN_TYPE, 448);
    build_pad(&b, 64);
    for (int i = 0; i < 448; i++)
        build_int(&b, 0xaa, 1);
    return b;
}

static void good_file(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct build b = build_full(version);
        struct hekla_error err = {0};
        struct gguf *g = NULL;
        assert_int_equal(open_build(&g, &b, &err), HEKLA_OK);
        assert_int_equal(g->version, version);
        assert_int_equal(g->n_keys, 18);
        assert_int_equal(g->n_tensors, 3);
        assert_int_equal(g->n_files, 1);
        assert_string_equal(gguf_name(g), "test.gguf");
        const struct gguf_tensor *t = gguf_find_tensor(g, "one");
        assert_non_null(t);
        assert_true(gguf_string_is(t->name, "one"));
        assert_int_equal(t->n_dims, 2);
        assert_int_equal(t->dims[0], 64);
        assert_int_equal(t->dims[1], 2);
        assert_int_equal(t->dims[2], 1);
        assert_int_equal(t->n_elements, 128);
        assert_int_equal(t->n_bytes, 4 * 34);
        assert_int_equal(t->offset, b.n - 448);
        assert_int_equal(gguf_find_tensor(g, "two")->n_bytes, 256);
        assert_int_equal(gguf_find_tensor(g, "odd")->n_bytes, 0);
        assert_int_equal(gguf_find_tensor(g, "odd")->type, UNKNOWN_TYPE);
        assert_null(gguf_find_tensor(g, "on"));
        assert_null(gguf_find_key(g, "t.u"));
        assert_null(gguf_find_key(g, ""));
        assert_int_equal(gguf_check_unchanged(g, &err), HEKLA_OK);
        gguf_close(g);
        build_free(&b);
    }
    gguf_close(NULL);
}

static void read_integers(const struct gguf *g)
{
    static const struct {
        const char *key;
        uint32_t value;
    } good[] = {{"t.u8", 200}, {"t.u16", 60000}, {"t.i16", 300}, {"t.u32", 4000000000u},
        {"t.u64", 77}, {"t.i64", 5}, {"none", 9}};
    static const struct {
        const char *key, *says;
    } bad[] = {{"t.i8", "t.i8 is -5"}, {"t.i32", "t.i32 is -1"}, {"t.big", "is 4294967296"},
        {"t.f32", "t.f32 is a 32-bit float, expected an integer"}, {"t.bool", "is a boolean"},
        {"t.text", "is a string"}, {"t.ints", "array of 3 items, each a 32-bit integer"}};
    uint32_t u;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(gguf_get_u32(g, good[i].key, false, 9, &u, NULL), HEKLA_OK);
        assert_int_equal(u, good[i].value);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hekla_error err = {0};
        u = 123;
        assert_int_equal(gguf_get_u32(g, bad[i].key, false, 9, &u, &err), HEKLA_FORMAT);
        check_sentence(&err, HEKLA_FORMAT, bad[i].says);
        assert_int_equal(u, 123);
    }
}

static void typed_reads(void **state)
{
    (void)state;
    struct build b = build_full(3);
    struct gguf *g = NULL;
    assert_int_equal(open_build(&g, &b, NULL), HEKLA_OK);
    read_integers(g);
    float f;
    bool flag;
    struct gguf_string s;
    const struct gguf_key *key;
    assert_int_equal(gguf_get_f32(g, "t.f32", true, 0, &f, NULL), HEKLA_OK);
    assert_true(f == 1.5f);
    assert_int_equal(gguf_get_f32(g, "t.f64", true, 0, &f, NULL), HEKLA_OK);
    assert_true(f == 2.5f);
    assert_int_equal(gguf_get_f32(g, "none", false, 7, &f, NULL), HEKLA_OK);
    assert_true(f == 7);
    assert_int_equal(gguf_get_f32(g, "t.nan", false, 7, &f, NULL), HEKLA_FORMAT);
    assert_int_equal(gguf_get_f32(g, "t.huge", false, 7, &f, NULL), HEKLA_FORMAT);
    assert_int_equal(gguf_get_f32(g, "t.u32", false, 7, &f, NULL), HEKLA_FORMAT);
    assert_int_equal(gguf_get_bool(g, "t.bool", true, false, &flag, NULL), HEKLA_OK);
    assert_true(flag);
    assert_int_equal(gguf_get_bool(g, "none", false, false, &flag, NULL), HEKLA_OK);
    assert_false(flag);
    assert_int_equal(gguf_get_bool(g, "t.u8", true, false, &flag, NULL), HEKLA_FORMAT);
    assert_int_equal(gguf_get_string(g, "t.text", true, &s, NULL), HEKLA_OK);
    assert_true(gguf_string_is(s, "hello"));
    assert_false(gguf_string_is(s, "hell"));
    assert_int_equal(gguf_get_string(g, "none", false, &s, NULL), HEKLA_OK);
    assert_null(s.data);
    assert_int_equal(gguf_get_string(g, "t.texts", false, &s, NULL), HEKLA_FORMAT);
    assert_int_equal(gguf_get_array(g, "t.ints", true, GGUF_I32, &key, NULL), HEKLA_OK);
    assert_int_equal(key->n, 3);
    assert_int_equal(key->data[8], 3);
    assert_int_equal(gguf_get_array(g, "t.texts", true, GGUF_STRING, &key, NULL), HEKLA_OK);
    assert_true(gguf_string_is(key->strings[0], "a"));
    assert_true(gguf_string_is(key->strings[1], ""));
    assert_int_equal(gguf_get_array(g, "none", false, GGUF_STRING, &key, NULL), HEKLA_OK);
    assert_null(key);
    struct hekla_error err = {0};
    assert_int_equal(gguf_get_array(g, "t.ints", true, GGUF_F32, &key, &err), HEKLA_FORMAT);
    check_sentence(&err, HEKLA_FORMAT, "expected an array, each item a 32-bit float");
    hekla_error_clear(&err);
    assert_int_equal(gguf_get_string(g, "none", true, &s, &err), HEKLA_FORMAT);
    check_sentence(&err, HEKLA_FORMAT, "test.gguf: key none is missing");
    gguf_close(g);
    build_free(&b);
}

static void truncated_everywhere(void **state)
{
    (void)state;
    struct build full = build_full(3);
    for (size_t n = 0; n < full.n; n++) {
        struct build cut = {0};
        build_bytes(&cut, full.data, n);
        /* Damage to the magic is found first, all else is about a missing end. */
        expect_refused(&cut, HEKLA_FORMAT,
            n == 0  ? "is empty"
            : n < 4 ? "not a GGUF file"
                    : "truncated");
    }
    build_free(&full);
}

/* One byte changed at a time: any outcome but a crash, and a sentence with each failure. */
static void mutated_everywhere(void **state)
{
    (void)state;
    struct build b = build_full(3);
    for (size_t i = 0; i < b.n; i++) {
        static const uint8_t changes[] = {0x01, 0x80, 0xff};
        for (size_t j = 0; j < sizeof(changes); j++) {
            struct gguf *g = NULL;
            struct hekla_error err = {0};
            b.data[i] ^= changes[j];
            hekla_status status = open_build(&g, &b, &err);
            assert_int_equal(status, err.code);
            assert_int_equal(status == HEKLA_OK, err.text[0] == 0);
            assert_int_equal(status == HEKLA_OK, g != NULL);
            gguf_close(g);
            b.data[i] ^= changes[j];
        }
    }
    build_free(&b);
}

static void bad_headers(void **state)
{
    (void)state;
    struct build b = {0};
    build_bytes(&b, "PK\x03\x04....", 8);
    expect_refused(&b, HEKLA_FORMAT,
        "test.gguf: not a GGUF file (begins with \"PK\\x03\\x04\", expected \"GGUF\")");
    build_header(&b, 1, 0, 0);
    expect_refused(&b, HEKLA_UNSUPPORTED, "GGUF version 1 is not supported, expected 2 or 3");
    build_header(&b, 4, 0, 0);
    expect_refused(&b, HEKLA_UNSUPPORTED, "GGUF version 4 is not supported, expected 2 or 3");
    build_header(&b, 0x03000000, 0, 0);
    expect_refused(&b, HEKLA_UNSUPPORTED, "big-endian");
    static const uint64_t counts[] = {1, 1000, 1ull << 32, 1ull << 60, UINT64_MAX};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        build_header(&b, 3, counts[i], 0);
        expect_refused(&b, HEKLA_FORMAT, "tensors, which cannot fit in 0 bytes");
        build_header(&b, 3, 0, counts[i]);
        expect_refused(&b, HEKLA_FORMAT, "keys, which cannot fit in 0 bytes");
    }
}

static void bad_keys(void **state)
{
    (void)state;
    struct build b = {0};
    build_header(&b, 3, 0, 1);
    build_key_int(&b, "k", GGUF_VALUE_TYPE_COUNT, 0, 8);
    expect_refused(&b, HEKLA_FORMAT, "key k has value type 13, expected 0..12");
    build_header(&b, 3, 0, 1);
    build_key_int(&b, "k", GGUF_BOOL, 2, 1);
    expect_refused(&b, HEKLA_FORMAT, "key k has the boolean 2 at byte 37");
    build_header(&b, 3, 0, 1);
    build_key_int(&b, "", GGUF_U64, 2, 8);
    expect_refused(&b, HEKLA_FORMAT, "is 0 bytes long");
    build_header(&b, 3, 0, 2);
    build_key_u32(&b, "same", 1);
    build_key_u32(&b, "same", 1);
    expect_refused(&b, HEKLA_FORMAT, "key same occurs twice");
    static const uint64_t lengths[] = {100, 1ull << 40, 1ull << 61, 1ull << 62, UINT64_MAX};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        build_header(&b, 3, 0, 1);
        build_key_int(&b, "k", GGUF_STRING, lengths[i], 8);
        expect_refused(&b, HEKLA_FORMAT, "truncated: key k needs bytes");
        build_header(&b, 3, 0, 1);
        build_int(&b, lengths[i], 8);
        build_bytes(&b, "k.......", 8);
        expect_refused(&b, HEKLA_FORMAT, "truncated: the name of key 0 needs bytes");
        build_header(&b, 3, 0, 1);
        build_key_array(&b, "k", GGUF_F64, lengths[i]);
        expect_refused(&b, HEKLA_FORMAT, "truncated: key k has");
        build_header(&b, 3, 0, 1);
        build_key_array(&b, "k", GGUF_STRING, lengths[i]);
        expect_refused(&b, HEKLA_FORMAT, "truncated: key k has");
    }
    build_header(&b, 3, 0, 1);
    build_key_array(&b, "k", GGUF_ARRAY, 1);
    build_int(&b, GGUF_U8, 4), build_int(&b, 0, 8);
    expect_refused(&b, HEKLA_UNSUPPORTED, "key k is an array of arrays");
    build_header(&b, 3, 0, 1);
    build_key_array(&b, "k", 77, 1);
    expect_refused(&b, HEKLA_FORMAT, "key k has value type 77");
    build_header(&b, 3, 0, 1);
    build_key_array(&b, "k", GGUF_BOOL, 2);
    build_int(&b, 0x0301, 2);
    expect_refused(&b, HEKLA_FORMAT, "key k has the boolean 3");
}

static void bad_alignment(void **state)
{
    (void)state;
    static const uint32_t bad[] = {0, 3, 24, 1u << 21, 0x80000000};
    struct build b = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        build_header(&b, 3, 0, 1);
        build_key_u32(&b, "general.alignment", bad[i]);
        expect_refused(&b, HEKLA_FORMAT, "general.alignment is");
    }
    build_header(&b, 3, 0, 1);
    build_key_text(&b, "general.alignment", "32");
    expect_refused(&b, HEKLA_FORMAT, "key general.alignment is a string");
}

static void refuse_tensor(
    uint32_t n_dims, const uint64_t *dims, uint32_t type, uint64_t offset, const char *says)
{
    struct build b = {0};
    build_header(&b, 3, 1, 0);
    build_tensor(&b, "blk.3.up", n_dims, dims, type, offset);
    build_pad(&b, 32);
    for (int i = 0; i < 256; i++)
        build_int(&b, 0, 1);
    expect_refused(&b, HEKLA_FORMAT, says);
}

static void bad_tensors(void **state)
{
    (void)state;
    static const uint64_t zero[] = {64, 0}, wide[] = {1ull << 40, 1ull << 40, 4},
                          huge[] = {UINT64_MAX, 2}, five[] = {1, 1, 1, 1, 1}, big[] = {1ull << 59},
                          row[] = {128};
    refuse_tensor(0, NULL, F32, 0, "tensor blk.3.up has 0 dimensions, expected 1..4");
    refuse_tensor(5, five, F32, 0, "has 5 dimensions");
    refuse_tensor(2, zero, F32, 0, "has size 0 in dimension 1");
    refuse_tensor(3, wide, F32, 0, "in dimension 1");
    refuse_tensor(2, huge, F32, 0, "in dimension 0");
    refuse_tensor(1, big, F32, 0, "truncated: tensor blk.3.up needs bytes");
    refuse_tensor(
        1, row, F32, 0, "truncated: tensor blk.3.up needs bytes 64..576, the file has 320");
    refuse_tensor(1, dims_64x2, F32, 8, "has offset 8, expected a multiple of the alignment 32");
    refuse_tensor(1, dims_64x2, F32, 32, "truncated: tensor blk.3.up needs");
    refuse_tensor(1, dims_64x2, F32, UINT64_MAX - 31, "truncated: tensor blk.3.up needs");
    refuse_tensor(1, dims_64x2, UNKNOWN_TYPE, 288, "truncated: tensor blk.3.up needs");
    struct build b = {0};
    build_header(&b, 3, 2, 0);
    build_tensor(&b, "same", 1, dims_64x2, UNKNOWN_TYPE, 0);
    build_tensor(&b, "same", 1, dims_64x2, UNKNOWN_TYPE, 0);
    build_pad(&b, 32);
    expect_refused(&b, HEKLA_FORMAT, "tensor same occurs twice");
}

/* Names from the file cannot make a sentence long, unprintable or invalid. */
static void hostile_names(void **state)
{
    (void)state;
    char name[60000];
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = (char)(i * 7);
    struct build b = {0};
    build_header(&b, 3, 0, 1);
    build_text_n(&b, name, sizeof(name));
    build_int(&b, 99, 4);
    build_int(&b, 0, 8);
    expect_refused(&b, HEKLA_FORMAT, "... has value type 99");
}

/* A hundred thousand keys: looking them up must not take the square of that. */
static void many_keys(void **state)
{
    (void)state;
    enum { N = 100000 };
    char name[32];
    struct build b = {0};
    build_header(&b, 3, 0, N);
    for (uint32_t i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "key.%u", i);
        build_key_u32(&b, name, i);
    }
    struct gguf *g = NULL;
    assert_int_equal(open_build(&g, &b, NULL), HEKLA_OK);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t value;
        snprintf(name, sizeof(name), "key.%u", i);
        assert_int_equal(gguf_get_u32(g, name, true, 0, &value, NULL), HEKLA_OK);
        assert_int_equal(value, i);
    }
    gguf_close(g);
    build_free(&b);
}

/* ---- files ------------------------------------------------------------------------------------
 */

struct folder {
    char path[64];
};

static int make_folder(void **state)
{
    static struct folder folder;
    strcpy(folder.path, "/tmp/hekla-test-XXXXXX");
    *state = &folder;
    return mkdtemp(folder.path) ? 0 : -1;
}

static int remove_folder(void **state)
{
    const struct folder *folder = *state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder->path);
    return system(command);
}

static const char *write_file(const struct folder *folder, const char *name, struct build *b)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    if (b->n)
        assert_int_equal(fwrite(b->data, 1, b->n, f), b->n);
    assert_int_equal(fclose(f), 0);
    build_free(b);
    return path;
}

static void refuse_path(const char *path, hekla_status code, const char *says)
{
    struct gguf *g = NULL;
    struct hekla_error err = {0};
    assert_int_equal(gguf_open(&g, path, test_type_bytes, &err), code);
    assert_null(g);
    check_sentence(&err, code, says);
}

static void bad_paths(void **state)
{
    const struct folder *folder = *state;
    struct build b = {0};
    build_header(&b, 3, 0, 0);
    const char *path = write_file(folder, "a.gguf", &b);
    struct gguf *g = NULL;
    assert_int_equal(gguf_open(&g, path, test_type_bytes, NULL), HEKLA_OK);
    gguf_close(g);
    if (geteuid() != 0) {
        assert_int_equal(chmod(path, 0), 0);
        refuse_path(path, HEKLA_IO, "a.gguf: Permission denied");
    }
    refuse_path(write_file(folder, "empty.gguf", &b), HEKLA_FORMAT, "empty.gguf: is empty");
    refuse_path(folder->path, HEKLA_IO, "is a directory");
    char other[512];
    snprintf(other, sizeof(other), "%s/missing.gguf", folder->path);
    refuse_path(other, HEKLA_IO, "missing.gguf: No such file");
    snprintf(other, sizeof(other), "%s/pipe", folder->path);
    assert_int_equal(mkfifo(other, 0600), 0);
    refuse_path(other, HEKLA_IO, "is not a regular file");
    memset(other, 'd', sizeof(other) - 1);
    memcpy(other + 400, ".gguf", 6);
    refuse_path(other, HEKLA_IO, "d.gguf: File name too long");
}

static void changed_file(void **state)
{
    const struct folder *folder = *state;
    struct build b = build_full(3);
    const char *path = write_file(folder, "changing.gguf", &b);
    struct hekla_error err = {0};
    struct gguf *g = NULL;
    assert_int_equal(gguf_open(&g, path, test_type_bytes, &err), HEKLA_OK);
    assert_int_equal(gguf_check_unchanged(g, &err), HEKLA_OK);
    const struct timespec times[2] = {{1000000000, 0}, {1000000000, 5}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(gguf_check_unchanged(g, &err), HEKLA_IO);
    check_sentence(&err, HEKLA_IO, "it was written to after it was opened");
    hekla_error_clear(&err);
    assert_int_equal(truncate(path, 10), 0);
    assert_int_equal(gguf_check_unchanged(g, &err), HEKLA_IO);
    check_sentence(&err, HEKLA_IO, "now it has 10");
    gguf_close(g);
}

struct part {
    uint32_t no, count, total;
    const char *tensor; /* NULL: none */
};

static const char *write_part(const struct folder *folder, const char *name, struct part p)
{
    struct build b = {0};
    build_header(&b, 3, p.tensor != NULL, 3);
    build_key_int(&b, "split.no", GGUF_U16, p.no, 2);
    build_key_int(&b, "split.count", GGUF_U16, p.count, 2);
    build_key_int(&b, "split.tensors.count", GGUF_I32, p.total, 4);
    if (p.tensor) {
        build_tensor(&b, p.tensor, 1, dims_64x2, Q8_0, 0);
        build_pad(&b, 32);
        for (uint32_t i = 0; i < 68; i++)
            build_int(&b, p.no, 1);
    }
    return write_file(folder, name, &b);
}

static void split_model(void **state)
{
    const struct folder *folder = *state;
    write_part(folder, "m-00003-of-00003.gguf", (struct part){2, 3, 2, "b"});
    const char *path = write_part(folder, "m-00002-of-00003.gguf", (struct part){1, 3, 2, "a"});
    refuse_path(path, HEKLA_ARGUMENT, "is part 2 of 3: open the first, /tmp/");
    refuse_path(path, HEKLA_ARGUMENT, "/m-00001-of-00003.gguf");
    path = write_part(folder, "m-00001-of-00003.gguf", (struct part){0, 3, 2, NULL});
    struct hekla_error err = {0};
    struct gguf *g = NULL;
    assert_int_equal(gguf_open(&g, path, test_type_bytes, &err), HEKLA_OK);
    assert_int_equal(g->n_files, 3);
    assert_int_equal(g->n_tensors, 2);
    const struct gguf_tensor *b = gguf_find_tensor(g, "b");
    assert_non_null(b);
    assert_int_equal(b->file, 2);
    assert_int_equal(g->files[2].data[b->offset], 2);
    assert_int_equal(gguf_find_tensor(g, "a")->file, 1);
    assert_int_equal(gguf_check_unchanged(g, &err), HEKLA_OK);
    gguf_close(g);
}

static void bad_splits(void **state)
{
    const struct folder *folder = *state;
    const struct part first = {0, 2, 2, "a"};
    const char *path = write_part(folder, "renamed.gguf", first);
    refuse_path(path, HEKLA_ARGUMENT, "does not end in -00001-of-00002.gguf");
    path = write_part(folder, "second.gguf", (struct part){1, 2, 2, "a"});
    refuse_path(path, HEKLA_ARGUMENT, "open the first, whose name ends in -00001-of-00002.gguf");
    path = write_part(folder, "s-00001-of-00002.gguf", first);
    refuse_path(path, HEKLA_IO, "s-00002-of-00002.gguf: No such file");
    write_part(folder, "s-00002-of-00002.gguf", (struct part){0, 2, 2, "b"});
    path = write_part(folder, "s-00001-of-00002.gguf", first);
    refuse_path(path, HEKLA_FORMAT, "is not its part 2 of 2");
    write_part(folder, "s-00002-of-00002.gguf", (struct part){1, 2, 2, "a"});
    path = write_part(folder, "s-00001-of-00002.gguf", first);
    refuse_path(path, HEKLA_FORMAT, "tensor a occurs twice");
    write_part(folder, "s-00002-of-00002.gguf", (struct part){1, 2, 2, "b"});
    path = write_part(folder, "s-00001-of-00002.gguf", (struct part){0, 2, 3, "a"});
    refuse_path(path, HEKLA_FORMAT, "2 tensors in all, expected 3");
    path = write_part(folder, "wild.gguf", (struct part){7, 2, 2, "a"});
    refuse_path(path, HEKLA_FORMAT, "split.no is 7 and split.count 2");
    struct build b = {0};
    build_header(&b, 3, 0, 1);
    build_key_u32(&b, "split.count", 2);
    expect_refused(&b, HEKLA_UNSUPPORTED, "parts in memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_file),
        cmocka_unit_test(typed_reads),
        cmocka_unit_test(truncated_everywhere),
        cmocka_unit_test(mutated_everywhere),
        cmocka_unit_test(bad_headers),
        cmocka_unit_test(bad_keys),
        cmocka_unit_test(bad_alignment),
        cmocka_unit_test(bad_tensors),
        cmocka_unit_test(hostile_names),
        cmocka_unit_test(many_keys),
        cmocka_unit_test_setup_teardown(bad_paths, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(changed_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(split_model, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(bad_splits, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
