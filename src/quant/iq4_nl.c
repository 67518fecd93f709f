/*
 * IQ4_NL: 32 weights = half d, 16 bytes of nibbles (low: 0..15, high: 16..31); w = d * value[q],
 * from a table of 16.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/fit.h"

void quant_iq4_nl_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)b * 18;
    for (int w = 0; w < 4; w++)
        out->u4[0][w] = quant_read32(block + 2 + 4 * w);
    out->half = quant_finite_half(block);
}

void quant_iq4_nl_load(const struct quant_slot *slot, struct quant_block *out)
{
    quant_lookup(slot->u4[0], quant_iq4_values, out->q);
    out->d = exact_half_to_float(slot->half);
}

float quant_iq4_nl_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* At most 32 * 127 * 127 < 2^24. */
    return b->d * (float)(lo + hi);
}

void quant_iq4_nl_quantize(const float *x, uint8_t *block)
{
    static const struct fit_scaled type = {.n_sub = 1,
        .n = 32,
        .values = quant_iq4_values,
        .n_values = 16,
        .step = 1.5f,
        .scale_low = 1,
        .scale_high = 1};
    int32_t scale[FIT_MOST_SUBS];
    uint8_t code[FIT_MOST];
    float d = fit_scaled(&type, x, scale, code);
    quant_write16(block, exact_float_to_half(d));
    fit_put_nibbles(code, block + 2);
}
