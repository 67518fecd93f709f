/*
 * Q5_0: 32 weights = half d, 4 bytes of fifth bits (bit i: weight i), 16 bytes of nibbles (low:
 * 0..15, high: 16..31); w = d * (q - 16).
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/fit.h"

void quant_q5_0_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)b * 22;
    uint32_t fifth = quant_read32(block + 2);
    uint8_t bit[32];
    for (uint32_t i = 0; i < 32; i++)
        bit[i] = fifth >> i & 1;
    out->word[0] = quant_pack_bits(bit, 0);
    for (int w = 0; w < 4; w++)
        out->u4[0][w] = quant_read32(block + 6 + 4 * w);
    out->half = quant_finite_half(block);
}

void quant_q5_0_load(const struct quant_slot *slot, struct quant_block *out)
{
    quant_unpack_nibbles(slot->u4[0], out->q);
    quant_unpack_bits(slot->word[0], 4, out->q);
    out->d = exact_half_to_float(slot->half);
}

float quant_q5_0_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    return b->d * (float)(lo + hi - 16 * (sum_lo + sum_hi));
}

void quant_q5_0_quantize(const float *x, uint8_t *block)
{
    uint8_t q[32];
    float d = fit_extreme(x, 32) / -16.0f;
    fit_codes(&(struct fit_line){0.0f, fit_inverse(d), 16.5f, 31}, x, q);
    quant_write16(block, exact_float_to_half(d));
    fit_put_fifths(q, block + 2);
    fit_put_nibbles(q, block + 6);
}
