/* Q8_0: 32 weights = half d, 32 signed bytes; w = d * q. */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/fit.h"

#include <math.h>

void quant_q8_0_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)b * 34;
    for (int w = 0; w < 8; w++)
        out->u4[w / 4][w % 4] = quant_read32(block + 2 + 4 * w);
    out->half = quant_finite_half(block);
}

void quant_q8_0_load(const struct quant_slot *slot, struct quant_block *out)
{
    for (int i = 0; i < 32; i++)
        out->q[i] = (int8_t)(slot->u4[i / 16][i / 4 % 4] >> i % 4 * 8);
    out->d = exact_half_to_float(slot->half);
}

float quant_q8_0_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    return b->d * (float)(lo + hi);
}

void quant_q8_0_quantize(const float *x, uint8_t *block)
{
    float d = fabsf(fit_extreme(x, 32)) / 127.0f, inverse = fit_inverse(d);
    quant_write16(block, exact_float_to_half(d));
    for (int i = 0; i < 32; i++)
        block[2 + i] = (uint8_t)(int8_t)roundf(x[i] * inverse);
}
