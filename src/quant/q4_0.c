/*
 * Q4_0: 32 weights = half d, 16 bytes of nibbles (low: 0..15, high: 16..31); w = d * (q - 8).
 *
 * Stored with the nibbles' upper bits inverted: as the upper half of a byte, such a nibble is
 * 16 (q - 8), which a mask alone, or a shift and a mask, takes out.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/fit.h"

void quant_q4_0_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)b * 18;
    for (int w = 0; w < 4; w++)
        out->u4[0][w] = quant_read32(block + 2 + 4 * w) ^ 0x88888888u;
    out->half = quant_finite_half(block);
}

void quant_q4_0_load(const struct quant_slot *slot, struct quant_block *out)
{
    quant_unpack_nibbles(slot->u4[0], out->q);
    for (int i = 0; i < 32; i++)
        out->q[i] = (int8_t)(out->q[i] << 4);
    out->d = exact_half_to_float(slot->half) * 0.0625f;
}

float quant_q4_0_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    return b->d * (float)(lo + hi);
}

void quant_q4_0_quantize(const float *x, uint8_t *block)
{
    uint8_t q[32];
    float d = fit_extreme(x, 32) / -8.0f;
    fit_codes(&(struct fit_line){0.0f, fit_inverse(d), 8.5f, 15}, x, q);
    quant_write16(block, exact_float_to_half(d));
    fit_put_nibbles(q, block + 2);
}
