/* The formats that test_quant.c leaves: packed rows of random blocks against dequantisers
 * written here from the formats' definitions, and the codebooks against hashes of their
 * published values. */
#include "quant/quant.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint64_t seed = 2;

static uint32_t next(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

static int u16(const uint8_t *p)
{
    return p[0] | p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)u16(p) | (uint32_t)u16(p + 2) << 16;
}

/* IEEE 754; infinities and NaN become +-65504, as everywhere in this engine. */
static double half_of(int h)
{
    int e = h >> 10 & 31, m = h & 1023;
    double sign = h >> 15 ? -1 : 1;
    if (e == 31)
        return sign * 65504;
    return sign * (e ? ldexp(1024 + m, e - 25) : ldexp(m, -24));
}

static double half(const uint8_t *p)
{
    return half_of(u16(p));
}

/* Element i of a block = plus - minus: two numbers, so that a bound for rounding can be told. */
struct value {
    double plus, minus;
};

static int nibble(const uint8_t *b, int i)
{
    return i < 16 ? b[i] & 15 : b[i - 16] >> 4;
}

static struct value q4_1(const uint8_t *b, int i)
{
    return (struct value){half(b) * nibble(b + 4, i), -half(b + 2)};
}

static struct value q5_1(const uint8_t *b, int i)
{
    int q = nibble(b + 8, i) + 16 * (b[4 + i / 8] >> i % 8 & 1);
    return (struct value){half(b) * q, -half(b + 2)};
}

static struct value q2_k(const uint8_t *b, int i)
{
    int q = b[16 + i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3, s = b[i / 16];
    return (struct value){half(b + 80) * (s & 15) * q, half(b + 82) * (s >> 4)};
}

/* Sixteen 6-bit scales: low nibbles in 8 bytes, then four times four upper pairs, one a byte. */
static struct value q3_k(const uint8_t *b, int i)
{
    const uint8_t *s = b + 96;
    int j = i / 16, scale = (s[j % 8] >> j / 8 * 4 & 15) + 16 * (s[8 + j % 4] >> j / 4 * 2 & 3);
    int q = b[32 + i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
    q -= b[i % 32] >> i / 32 & 1 ? 0 : 4;
    return (struct value){half(b + 108) * (scale - 32) * q, 0};
}

static struct value q5_k(const uint8_t *b, int i)
{
    const uint8_t *s = b + 4;
    int j = i / 32, scale = s[j % 4] & 63, minimum = s[4 + j % 4] & 63;
    if (j >= 4) {
        scale = (s[4 + j] & 15) + 16 * (s[j - 4] >> 6);
        minimum = (s[4 + j] >> 4) + 16 * (s[j] >> 6);
    }
    int q = (b[48 + i / 64 * 32 + i % 32] >> j % 2 * 4 & 15) + 16 * (b[16 + i % 32] >> j & 1);
    return (struct value){half(b) * scale * q, half(b + 2) * minimum};
}

static const int iq4[16] = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static struct value iq4_nl(const uint8_t *b, int i)
{
    return (struct value){half(b) * iq4[nibble(b + 2, i)], 0};
}

static struct value iq4_xs(const uint8_t *b, int i)
{
    int j = i / 32;
    int scale = (b[4 + j / 2] >> j % 2 * 4 & 15) + 16 * (u16(b + 2) >> 2 * j & 3);
    return (struct value){half(b) * (scale - 32) * iq4[nibble(b + 8 + 16 * j, i % 32)], 0};
}

/* E2M1. */
static double fp4(int v)
{
    static const double values[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    return v & 8 ? -values[v & 7] : values[v & 7];
}

/* The scale times 1/2 is clamped to [2^-40, 2^40], below: 0; NaN: 0. */
static struct value mxfp4(const uint8_t *b, int i)
{
    double scale = ldexp(1, b[0] - 127 > 41 ? 41 : b[0] - 127);
    if (b[0] == 255 || b[0] - 127 < -39)
        scale = 0;
    return (struct value){scale * fp4(nibble(b + 1, i)), 0};
}

/* Four UE4M3 scales, then 8 bytes for each 16 elements. NaN: 0. */
static struct value nvfp4(const uint8_t *b, int i)
{
    int s = b[i / 16] & 127, e = s >> 3, m = s & 7, byte = b[4 + i / 16 * 8 + i % 8];
    double scale = e ? ldexp(1 + m / 8.0, e - 7) : ldexp(m / 8.0, -6);
    if (s == 127)
        scale = 0;
    return (struct value){scale * fp4(i / 8 % 2 ? byte >> 4 : byte & 15), 0};
}

static struct value tq2_0(const uint8_t *b, int i)
{
    int q = b[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
    return (struct value){half(b + 64) * (q - 1), 0};
}

/* A byte is a fraction of 256 whose base-3 digits are the weights: each step multiplies by 3 and
 * takes what is carried out of the byte. */
static struct value tq1_0(const uint8_t *b, int i)
{
    int at = i < 160 ? i % 32 : i < 240 ? 32 + i % 16 : 48 + i % 4;
    int n = i < 160 ? i / 32 : i < 240 ? (i - 160) / 16 : (i - 240) / 4;
    int byte = b[at], digit = 0;
    for (int k = 0; k <= n; k++) {
        digit = byte * 3 / 256;
        byte = byte * 3 % 256;
    }
    return (struct value){half(b + 52) * (digit - 1), 0};
}

enum book { IQ1, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S };

/* Value k of entry i of a codebook. */
static int entry(enum book book, int i, int k)
{
    static const char *const owner[] = {"iq1_s", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s"};
    const struct quant_type *type = quant_types;
    while (strcmp(type->name, owner[book]))
        type++;
    uint64_t bytes;
    uint32_t code = quant_table(type, &bytes)[i / 2] >> i % 2 * 16 & 0xffff;
    if (book < IQ3_XXS) {
        static const int iq1[4] = {-1, 0, 1, 99}, iq2[4] = {8, 25, 43, 99};
        return (book == IQ1 ? iq1 : iq2)[code >> 2 * k & 3];
    }
    int v = code >> 3 * k & 7;
    return book == IQ3_S ? 2 * v + 1 : v < 7 ? 4 + 8 * v : 62;
}

/* 7 signs, and an eighth that makes their number even. */
static int signs7(int s)
{
    int n = 0;
    for (int k = 0; k < 7; k++)
        n += s >> k & 1;
    return s + n % 2 * 128;
}

static double negated(int v, int signs, int k)
{
    return signs >> k & 1 ? -v : v;
}

static struct value iq2_xxs(const uint8_t *b, int i)
{
    const uint8_t *p = b + 2 + i / 32 * 8;
    uint32_t rest = u32(p + 4);
    int k = i % 32 / 8;
    double v = negated(entry(IQ2_XXS, p[k], i % 8), signs7(rest >> 7 * k & 127), i % 8);
    return (struct value){half(b) * (0.5 + (rest >> 28)) / 4 * v, 0};
}

static struct value iq2_xs(const uint8_t *b, int i)
{
    int p = u16(b + 2 + i / 8 * 2), scale = b[66 + i / 32] >> i / 16 % 2 * 4 & 15;
    double v = negated(entry(IQ2_XS, p & 511, i % 8), signs7(p >> 9), i % 8);
    return (struct value){half(b) * (0.5 + scale) / 4 * v, 0};
}

static struct value iq2_s(const uint8_t *b, int i)
{
    int index = b[2 + i / 8] + 256 * (b[66 + i / 32] >> i / 8 % 4 * 2 & 3);
    int scale = b[74 + i / 32] >> i / 16 % 2 * 4 & 15;
    double v = negated(entry(IQ2_S, index, i % 8), b[34 + i / 8], i % 8);
    return (struct value){half(b) * (0.5 + scale) / 4 * v, 0};
}

static struct value iq3_xxs(const uint8_t *b, int i)
{
    uint32_t rest = u32(b + 66 + i / 32 * 4);
    double v =
        negated(entry(IQ3_XXS, b[2 + i / 4], i % 4), signs7(rest >> i % 32 / 8 * 7 & 127), i % 8);
    return (struct value){half(b) * (0.5 + (rest >> 28)) / 2 * v, 0};
}

static struct value iq3_s(const uint8_t *b, int i)
{
    int index = b[2 + i / 4] + 256 * (b[66 + i / 32] >> i / 4 % 8 & 1);
    int scale = b[106 + i / 64] >> i / 32 % 2 * 4 & 15;
    double v = negated(entry(IQ3_S, index, i % 4), b[74 + i / 8], i % 8);
    return (struct value){half(b) * (1 + 2 * scale) * v, 0};
}

static struct value iq1_s(const uint8_t *b, int i)
{
    int h = u16(b + 34 + i / 32 * 2), index = b[2 + i / 8] + 256 * (h >> i / 8 % 4 * 3 & 7);
    double v = entry(IQ1, index, i % 8) + (h >> 15 ? -0.125 : 0.125);
    return (struct value){half(b) * (2 * (h >> 12 & 7) + 1) * v, 0};
}

static struct value iq1_m(const uint8_t *b, int i)
{
    const uint8_t *s = b + 48;
    int d = 0, h = b[32 + i / 16] >> i / 8 % 2 * 4 & 15, index = b[i / 8] + 256 * (h & 7);
    for (int k = 0; k < 4; k++)
        d |= (u16(s + 2 * k) >> 12) << 4 * k;
    int scale = u16(s + i / 64 * 2) >> i / 16 % 4 * 3 & 7;
    double v = entry(IQ1, index, i % 8) + (h & 8 ? -0.125 : 0.125);
    return (struct value){half_of(d) * (2 * scale + 1) * v, 0};
}

struct format {
    const char *name;
    struct value (*element)(const uint8_t *block, int i);
};

/* Products of a half and an integer of at most 13 bits are exact; else each of the two numbers, and
 * their difference, is rounded once. */
static void check_row(
    const struct format *format, const struct quant_type *type, uint32_t n, bool special)
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
        const uint8_t *block = file + (size_t)(e / type->block_elements) * type->block_bytes;
        struct value v = format->element(block, (int)(e % type->block_elements));
        double want = v.plus - v.minus, got = quant_element(type, &layout, row, 0, e);
        double bound = v.minus == 0 ? 0 : ldexp(fabs(v.plus) + fabs(v.minus), -23);
        if (!(fabs(got - want) <= bound))
            fail_msg("%s, element %u of %u: %.17g, expected %.17g", type->name, e, n, got, want);
    }
    free(file);
    free(row);
}

static const struct format formats[] = {{"q4_1", q4_1}, {"q5_1", q5_1}, {"q2_k", q2_k},
    {"q3_k", q3_k}, {"q5_k", q5_k}, {"iq4_nl", iq4_nl}, {"iq4_xs", iq4_xs}, {"mxfp4", mxfp4},
    {"nvfp4", nvfp4}, {"tq1_0", tq1_0}, {"tq2_0", tq2_0}, {"iq2_xxs", iq2_xxs}, {"iq2_xs", iq2_xs},
    {"iq2_s", iq2_s}, {"iq3_xxs", iq3_xxs}, {"iq3_s", iq3_s}, {"iq1_s", iq1_s}, {"iq1_m", iq1_m}};
#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

static void elements(void **state)
{
    (void)state;
    for (size_t f = 0; f < N_FORMATS; f++) {
        const struct quant_type *type = quant_types;
        while (strcmp(type->name, formats[f].name))
            type++;
        for (uint32_t k = 1; k <= 40; k++)
            check_row(&formats[f], type, k * type->block_elements, k % 2);
    }
}

/* FNV-1a of the published entries' bytes, first entry and lowest byte first. */
static void codebooks(void **state)
{
    (void)state;
    static const struct {
        int entries, values;
        uint64_t hash;
    } books[] = {[IQ1] = {2048, 8, 0x6703ed863501ae2e},
        [IQ2_XXS] = {256, 8, 0xbb4ee025b5ac6e8e},
        [IQ2_XS] = {512, 8, 0xc9b1ee61e79909bd},
        [IQ2_S] = {1024, 8, 0x123edd38a3b62b90},
        [IQ3_XXS] = {256, 4, 0xdfa5dc83d6a155d5},
        [IQ3_S] = {512, 4, 0xfa37020c25b44829}};
    for (enum book book = IQ1; book <= IQ3_S; book++) {
        uint64_t hash = 0xcbf29ce484222325;
        for (int i = 0; i < books[book].entries; i++)
            for (int k = 0; k < books[book].values; k++)
                hash = (hash ^ (uint8_t)entry(book, i, k)) * 0x100000001b3;
        if (hash != books[book].hash)
            fail_msg("codebook %d: %016llx", (int)book, (unsigned long long)hash);
    }
}

/* Each row of quants.def has a definition here or in test_quant.c, which has eight. */
static void count(void **state)
{
    (void)state;
    assert_int_equal(QT_COUNT, N_FORMATS + 8);
}

/* What a type takes on the device: not much more than in the file. TQ1_0 is stored as TQ2_0. */
static void stored_size(void **state)
{
    (void)state;
    for (int i = 0; i < QT_COUNT; i++) {
        const struct quant_type *type = &quant_types[i];
        uint64_t stored = quant_layout_of(type, 8192).quad_u4 * 4ull, file, table;
        assert_true(quant_file_bytes(type->file_id, 8192, 1, &file));
        if (strcmp(type->name, "tq1_0") && stored * 1000 > file * 1055)
            fail_msg("%s: %d bytes stored as %d", type->name, (int)file, (int)stored);
        assert_true((quant_table(type, &table) == NULL) == (table == 0));
        assert_int_equal(table % 16, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements),
        cmocka_unit_test(codebooks),
        cmocka_unit_test(count),
        cmocka_unit_test(stored_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
