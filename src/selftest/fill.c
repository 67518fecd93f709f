/* Patterns of inputs. */
#include "selftest/tester.h"

#include "base/exact.h"

#include <string.h>

uint32_t test_random(struct test *t)
{
    uint64_t z = t->own->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) >> 32);
}

float test_uniform(struct test *t)
{
    return (float)(test_random(t) >> 8) * 0x1p-24f;
}

/* Variance 1, near enough: what matters is that signs and exponents vary. */
static float normal(struct test *t)
{
    float sum = 0;
    for (int i = 0; i < 4; i++)
        sum += test_uniform(t);
    return (sum - 2.0f) * 1.7320508f;
}

static uint32_t extreme(struct test *t)
{
    static const uint32_t edges[] = {
        0x2b800000, 0x2b7fffff, 0x2b800001, /* 2^-40 */
        0x53800000, 0x537fffff, 0x53800001, /* 2^40 */
        0x7f7fffff, 0x00800000, 0x00000001, 0x00000000, 0x7f800000, 0x7fc00000, 0x477fe000,
        0x477fefff, 0x477ff000, /* halves: largest, and where rounding overflows */
        0x33000000, 0x33000001, 0x387fffff, 0x38800000, /* halves: smallest */
        0x3f800000, 0x3f7fffff, 0x42fe0000, 0x42ff0000, /* 1, 127, 127.5 */
        0xc2200000, 0xc2200001, 0x42a00000,             /* exp: -40, 80 */
    };
    uint32_t r = test_random(t);
    return edges[(r >> 1) % (sizeof(edges) / sizeof(edges[0]))] ^ r << 31;
}

static uint32_t special(struct test *t)
{
    uint32_t r = test_random(t);
    switch (r % 16) {
    case 0:
        return 0x7f800000u | (r & 0x80000000u);
    case 1:
        return 0x7f800001u | (r & 0x807fffffu);
    default:
        return exact_bits(normal(t));
    }
}

static uint32_t word_of(struct test *t, enum fill fill)
{
    uint32_t r;
    switch (fill) {
    case FILL_OUTLIERS:
        return exact_bits(normal(t) * (test_random(t) % 50 ? 0.02f : 3000.0f));
    case FILL_ZERO:
        return test_random(t) & 0x80000000u;
    case FILL_EXTREME:
        return extreme(t);
    case FILL_DENORMAL: /* exponents 0 to 87: up to 2^-40 */
        r = test_random(t);
        return (r & 0x807fffffu) | (r >> 23 & 1 ? r >> 5 & 3u : test_random(t) % 88u) << 23;
    case FILL_SPECIAL:
        return special(t);
    case FILL_BITS:
        return test_random(t);
    case FILL_ONE_HOT:
        return 0;
    default:
        return exact_bits(normal(t));
    }
}

void tester_fill(struct test *t, uint32_t *out, uint32_t n, enum fill fill)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = word_of(t, fill);
    if (fill == FILL_ONE_HOT && n)
        out[test_random(t) % n] = exact_bits(1.0f);
}

static void fill_bytes(struct test *t, uint8_t *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = (uint8_t)(test_random(t) >> 13);
}

enum scales { SCALES_ANY, SCALES_USUAL, SCALES_TINY };

/* TINY: where a half is denormal. */
static bool is_wanted(enum scales scales, float d)
{
    float a = d < 0 ? -d : d;
    if (scales == SCALES_TINY)
        return a < 0x1p-14f;
    return scales == SCALES_ANY || a == 0.0f || (a > 0x1p-14f && a < 0x1p-2f);
}

/* Any bits are a valid block. Where scales differ by 2^30 most of a sum is lost in rounding, and
 * errors with it; so most rows get scales of a kind. */
static void fill_int_blocks(struct test *t, const struct quant_type *type, uint8_t *out,
    uint32_t n_blocks, enum scales scales)
{
    enum { MOST_TRIES = 500 }; /* not every format has tiny ones */
    for (uint32_t b = 0; b < n_blocks; b++) {
        uint8_t *block = out + (size_t)b * type->block_bytes;
        struct quant_slot slot = {0}; /* eighth: the first of its super block */
        struct quant_block values;
        uint32_t tries = 0;
        do {
            memset(&values, 0, sizeof(values));
            fill_bytes(t, block, type->block_bytes);
            type->slot(block, 0, 32, &slot);
            type->load(&slot, &values);
        } while (++tries < MOST_TRIES &&
                 !(is_wanted(scales, values.d) && is_wanted(scales, values.dmin)));
    }
}

static void fill_float(
    struct test *t, const struct quant_type *type, uint8_t *out, uint32_t n, uint32_t kind)
{
    static const enum fill fills[] = {FILL_BITS, FILL_EXTREME, FILL_NORMAL, FILL_NORMAL};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t u = word_of(t, fills[kind]);
        uint32_t half = kind == 3 ? exact_float_to_half(exact_from_bits(u)) : u >> 16;
        for (uint32_t k = 0; k < type->block_bytes; k++)
            out[i * type->block_bytes + k] =
                (uint8_t)((type->block_bytes == 2 ? half : u) >> 8 * k);
    }
}

void tester_fill_blocks(
    struct test *t, const struct quant_type *type, uint8_t *out, uint32_t n_blocks)
{
    uint32_t kind = test_random(t) % 4;
    if (t->inexact) /* for which halves must do */
        kind = 3;
    if (type->class == QUANT_CLASS_INT)
        fill_int_blocks(t, type, out, n_blocks,
            kind == 0   ? SCALES_ANY
            : kind == 1 ? SCALES_TINY
                        : SCALES_USUAL);
    else
        fill_float(t, type, out, n_blocks, kind);
}
