/* Weight formats: packed rows against dequantisers written here from the formats' definitions, the
 * layout of slots, and sizes in files. */
#include "quant/quant.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint64_t seed = 1;

static uint32_t next(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

static int u8(const uint8_t *p, size_t i)
{
    return p[i];
}

static uint32_t u16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

/* IEEE 754; infinities and NaN become +-65504, as everywhere in this engine. */
static double half(const uint8_t *p)
{
    uint32_t h = u16(p), e = h >> 10 & 31, m = h & 1023;
    double sign = h >> 15 ? -1 : 1;
    if (e == 31)
        return sign * 65504;
    return sign * (e ? ldexp(1024 + m, (int)e - 25) : ldexp(m, -24));
}

static double bounded(double x)
{
    double a = fabs(x);
    return isnan(x) || a < 0x1p-40 ? 0 : copysign(a > 0x1p40 ? 0x1p40 : a, x);
}

static double float_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* Element i of a block. The sizes of the two products of which Q4_K is the difference go to *size,
 * so that a bound for rounding can be told. */
static double f32(const uint8_t *b, int i, double *size)
{
    (void)i, (void)size;
    return bounded(float_bits(u16(b) | u16(b + 2) << 16));
}

static double f16(const uint8_t *b, int i, double *size)
{
    (void)i, (void)size;
    return half(b);
}

static double bf16(const uint8_t *b, int i, double *size)
{
    (void)i, (void)size;
    return bounded(float_bits(u16(b) << 16));
}

static int nibble(const uint8_t *b, int i)
{
    return i < 16 ? u8(b, i) & 15 : u8(b, i - 16) >> 4;
}

static double q4_0(const uint8_t *b, int i, double *size)
{
    (void)size;
    return half(b) * (nibble(b + 2, i) - 8);
}

/* half d, 32 bits of fifth bits, nibbles as in Q4_0. */
static double q5_0(const uint8_t *b, int i, double *size)
{
    (void)size;
    return half(b) * ((nibble(b + 6, i) | (u8(b + 2, i / 8) >> i % 8 & 1) << 4) - 16);
}

static double q8_0(const uint8_t *b, int i, double *size)
{
    (void)size;
    return half(b) * (int8_t)b[2 + i];
}

/* The twelve bytes as 6-bit fields: scales 0-3 and minimums 0-3 are the low six bits of bytes 0-7;
 * the others have their low four bits in bytes 8-11 and two more atop the first eight bytes. */
static double q4_k(const uint8_t *b, int i, double *size)
{
    const uint8_t *s = b + 4;
    int j = i / 32, scale = u8(s, j % 4) & 63, minimum = u8(s, 4 + j % 4) & 63;
    if (j >= 4) {
        scale = (u8(s, 4 + j) & 15) + 16 * (u8(s, j - 4) >> 6);
        minimum = (u8(s, 4 + j) >> 4) + 16 * (u8(s, j) >> 6);
    }
    int byte = u8(b, 16 + i / 64 * 32 + i % 32), q = i / 32 % 2 ? byte >> 4 : byte & 15;
    *size = fabs(half(b) * scale * q) + fabs(half(b + 2) * minimum);
    return half(b) * scale * q - half(b + 2) * minimum;
}

static double q6_k(const uint8_t *b, int i, double *size)
{
    (void)size;
    int part = i / 128, within = i % 128;
    int low = u8(b, part * 64 + within % 64), high = u8(b, 128 + part * 32 + within % 32);
    int q = (within < 64 ? low & 15 : low >> 4) | (high >> within / 32 * 2 & 3) << 4;
    return half(b + 208) * (int8_t)b[192 + i / 16] * (q - 32);
}

static const struct {
    const char *name;
    double (*element)(const uint8_t *block, int i, double *size);
} formats[] = {{"f32", f32}, {"f16", f16}, {"bf16", bf16}, {"q4_0", q4_0}, {"q5_0", q5_0},
    {"q8_0", q8_0}, {"q4_k", q4_k}, {"q6_k", q6_k}};

/* Products of a half and a small integer fit an f32, so all but Q4_K are exact; there each product
 * is exact (11 + 6 + 4 bits) and their difference is rounded once. */
static void check_row(const struct quant_type *type, int format, uint32_t n, bool special)
{
    uint32_t blocks = n / type->block_elements;
    size_t bytes = (size_t)blocks * type->block_bytes;
    uint8_t *file = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        file[i] = (uint8_t)(special && next() % 3 == 0 ? (next() & 1 ? 0xff : 0) : next() >> 7);
    struct quant_layout layout = quant_layout_of(type, n);
    uint32_t *row = malloc(quant_rows_bytes(&layout, 1));
    memset(row, 0xa5, quant_rows_bytes(&layout, 1));
    quant_pack_rows(type, &layout, file, 0, 1, row);
    for (uint32_t e = 0; e < n; e++) {
        double size = 0;
        const uint8_t *block = file + (size_t)(e / type->block_elements) * type->block_bytes;
        double want = formats[format].element(block, (int)(e % type->block_elements), &size);
        double got = quant_element(type, &layout, row, 0, e);
        if (fabs(got - want) > (size > 0 ? ldexp(fabs(want), -24) : 0))
            fail_msg("%s, element %u of %u: %.17g, expected %.17g", type->name, e, n, got, want);
    }
    free(file);
    free(row);
}

static void every_format(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 7, 32, 33, 96, 100, 256, 352, 768, 1056, 1280, 2304, 11008};
    for (int q = 0; q < QT_COUNT; q++) {
        const struct quant_type *type = &quant_types[q];
        int format = 0, n_formats = sizeof(formats) / sizeof(formats[0]);
        while (format < n_formats && strcmp(formats[format].name, type->name))
            format++;
        if (format == n_formats)
            continue; /* in test_quant_formats.c */
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            for (int round = 0; round < 4 && sizes[i] % type->block_elements == 0; round++)
                check_row(type, format, sizes[i], round % 2);
    }
}

/* A NaN or an infinity as an INT format's scale acts as the largest half. */
static void special_scales(void **state)
{
    (void)state;
    const struct quant_type *type = &quant_types[QT_q8_0];
    struct quant_layout layout = quant_layout_of(type, 32);
    static const struct {
        uint32_t half;
        float value;
    } cases[] = {{0x7c00, 65504}, {0xfc00, -65504}, {0x7e01, 65504}, {0x0001, 0x1p-24f},
        {0x83ff, -0x1.ff8p-15f}, {0x0000, 0}, {0x3c00, 1}, {0x7bff, 65504}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t file[34] = {(uint8_t)cases[i].half, (uint8_t)(cases[i].half >> 8), 1, 0xff};
        uint32_t row[64];
        assert_true(quant_rows_bytes(&layout, 1) <= sizeof(row));
        quant_pack_rows(type, &layout, file, 0, 1, row);
        assert_true(quant_element(type, &layout, row, 0, 0) == cases[i].value);
        assert_true(quant_element(type, &layout, row, 0, 1) == -cases[i].value);
        assert_true(quant_element(type, &layout, row, 0, 2) == 0);
    }
}

/* Every block has a slot of its own, lanes have consecutive blocks, no lane is without any, and the
 * row has room for all planes. */
static void layouts(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 70000; n += n < 5000 ? 1 : 997) {
        for (int q = 0; q < QT_COUNT; q++) {
            const struct quant_type *type = &quant_types[q];
            struct quant_layout l = quant_layout_of(type, n);
            uint64_t bytes = (uint64_t)l.slots * (64 * type->n_u4 + 16 * type->n_word) +
                             type->n_half * ((l.slots + 1) / 2 * 16) +
                             type->n_super * ((l.n_blocks + 7) / 8 * 16);
            assert_int_equal(quant_rows_bytes(&l, 4), bytes);
            assert_int_equal(quant_rows_bytes(&l, 5), 2 * bytes);
        }
        struct quant_layout l = quant_layout_of(&quant_types[0], n);
        assert_int_equal(l.n_blocks, (n + 31) / 32);
        assert_int_equal(l.slots, l.steps * l.lanes);
        assert_in_range(l.lanes, 1, 32);
        assert_true(l.slots >= l.n_blocks && l.slots < l.n_blocks + l.steps);
        static uint8_t used[4096];
        memset(used, 0, sizeof(used));
        for (uint32_t b = 0; b < l.n_blocks; b++) {
            uint32_t slot = quant_slot_of(&l, b);
            assert_true(slot < l.slots && slot % l.lanes == b / l.steps);
            assert_int_equal(used[slot]++, 0);
        }
    }
}

/* What no block uses is 0: kernels may read it. */
static void unused_slots(void **state)
{
    (void)state;
    const struct quant_type *type = &quant_types[QT_f32];
    struct quant_layout l = quant_layout_of(type, 33 * 32 + 5);
    uint32_t *row = malloc(quant_rows_bytes(&l, 1)), *file = malloc(l.n * 4ull);
    for (uint32_t i = 0; i < l.n; i++)
        file[i] = 0x3f800000;
    memset(row, 0xff, quant_rows_bytes(&l, 1));
    quant_pack_rows(type, &l, (const uint8_t *)file, 0, 1, row);
    uint32_t ones = 0;
    for (uint32_t i = 0; i < quant_rows_bytes(&l, 1) / 4; i++) {
        assert_true(row[i] == 0 || row[i] == 0x3f800000);
        ones += row[i] != 0;
    }
    assert_int_equal(ones, l.n);
    free(row);
    free(file);
}

static void file_bytes(void **state)
{
    (void)state;
    uint64_t bytes = 7;
    assert_true(quant_file_bytes(quant_types[QT_q4_k].file_id, 512, 3, &bytes));
    assert_int_equal(bytes, 3 * 2 * 144);
    assert_true(quant_file_bytes(quant_types[QT_f32].file_id, 0, 5, &bytes));
    assert_int_equal(bytes, 0);
    assert_true(quant_file_bytes(quant_types[QT_q8_0].file_id, 1ull << 40, 1ull << 10, &bytes));
    assert_true(bytes == (1ull << 45) * 34);
    assert_false(quant_file_bytes(quant_types[QT_q8_0].file_id, 33, 1, &bytes));
    assert_false(quant_file_bytes(quant_types[QT_q4_k].file_id, 32, 1, &bytes));
    assert_false(quant_file_bytes(quant_types[QT_f32].file_id, 1ull << 62, 1, &bytes));
    assert_false(quant_file_bytes(quant_types[QT_f16].file_id, 1ull << 40, 1ull << 40, &bytes));
    assert_false(quant_file_bytes(9, 32, 1, &bytes)); /* Q8_1 is not supported */
    assert_false(quant_file_bytes(UINT32_MAX, 32, 1, &bytes));
}

static void names(void **state)
{
    (void)state;
    for (int q = 0; q < QT_COUNT; q++) {
        assert_ptr_equal(quant_find(quant_types[q].file_id), &quant_types[q]);
        assert_string_equal(quant_file_type_name(quant_types[q].file_id), quant_types[q].label);
        assert_non_null(strstr(quant_supported(), quant_types[q].label));
    }
    assert_null(quant_find(9));
    assert_string_equal(quant_file_type_name(9), "Q8_1");
    assert_null(quant_file_type_name(4));
    assert_null(quant_file_type_name(100000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_format),
        cmocka_unit_test(special_scales), cmocka_unit_test(layouts), cmocka_unit_test(unused_slots),
        cmocka_unit_test(file_bytes), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
