/*
 * IQ4_XS: 256 weights = half d, 2 bytes of upper scale bits (pair j of 8), 4 bytes of lower ones
 * (nibble j), 128 bytes of nibbles: 16 bytes hold 32 weights (low: 0..15, high: 16..31). w = d *
 * (scale - 32) * value[q], a 6-bit scale for each 32, value from a table of 16.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/fit.h"

#include <string.h>

void quant_iq4_xs_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 136;
    for (uint32_t w = 0; w < 4; w++)
        out->u4[0][w] = quant_read32(block + 8 + b % 8 * 16 + 4 * w);
    out->super[0] = quant_read32(block);
    out->super[1] = quant_read32(block + 4);
}

void quant_iq4_xs_load(const struct quant_slot *slot, struct quant_block *out)
{
    const uint32_t *s = slot->super;
    quant_lookup(slot->u4[0], quant_iq4_values, out->q);
    uint32_t low = s[1] >> slot->eighth * 4 & 15, high = s[0] >> (16 + slot->eighth * 2) & 3;
    out->scale[0] = (int32_t)(low | high << 4) - 32;
    out->d = exact_half_to_float(s[0] & 0xffff);
}

float quant_iq4_xs_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* At most 32 * 32 * 127 * 127 = 16,516,096 < 2^24. */
    return b->d * (float)(b->scale[0] * (lo + hi));
}

void quant_iq4_xs_quantize(const float *x, uint8_t *block)
{
    static const struct fit_scaled type = {.n_sub = 8,
        .n = 32,
        .values = quant_iq4_values,
        .n_values = 16,
        .step = 1.5f,
        .scale_low = -32,
        .scale_high = 31};
    int32_t scale[FIT_MOST_SUBS];
    uint8_t code[FIT_MOST];
    float d = fit_scaled(&type, x, scale, code);
    memset(block, 0, 8);
    quant_write16(block, exact_float_to_half(d));
    for (int j = 0; j < 8; j++) {
        int s = scale[j] + 32;
        block[2 + j / 4] |= (uint8_t)((s >> 4) << j % 4 * 2);
        block[4 + j / 2] |= (uint8_t)((s & 15) << j % 2 * 4);
        fit_put_nibbles(code + 32 * j, block + 8 + 16 * j);
    }
}
