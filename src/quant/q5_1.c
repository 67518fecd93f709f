/*
 * Q5_1: 32 weights = half d, half m, 4 bytes of fifth bits (bit i: weight i), 16 bytes of nibbles
 * (low: 0..15, high: 16..31); w = d * q + m.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/fit.h"

void quant_q5_1_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)b * 24;
    uint32_t fifth = quant_read32(block + 4);
    uint8_t bit[32];
    for (uint32_t i = 0; i < 32; i++)
        bit[i] = fifth >> i & 1;
    for (int w = 0; w < 4; w++)
        out->u4[0][w] = quant_read32(block + 8 + 4 * w);
    out->word[0] = quant_pack_bits(bit, 0);
    out->word[1] = quant_finite_half(block) | quant_finite_half(block + 2) << 16;
}

void quant_q5_1_load(const struct quant_slot *slot, struct quant_block *out)
{
    quant_unpack_nibbles(slot->u4[0], out->q);
    quant_unpack_bits(slot->word[0], 4, out->q);
    out->d = exact_half_to_float(slot->word[1] & 0xffff);
    out->dmin = exact_half_to_float(slot->word[1] >> 16);
}

float quant_q5_1_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    /* At most 32 * 31 * 127 < 2^24. */
    return b->d * (float)(lo + hi) + b->dmin * (float)(sum_lo + sum_hi);
}

void quant_q5_1_quantize(const float *x, uint8_t *block)
{
    uint8_t q[32];
    float low, high;
    fit_range(x, 32, &low, &high);
    float d = (high - low) / 31.0f;
    fit_codes(&(struct fit_line){low, fit_inverse(d), 0.5f, 31}, x, q);
    quant_write16(block, exact_float_to_half(d));
    quant_write16(block + 2, exact_float_to_half(low));
    fit_put_fifths(q, block + 4);
    fit_put_nibbles(q, block + 8);
}
