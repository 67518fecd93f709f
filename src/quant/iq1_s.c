/*
 * IQ1_S: 256 weights = half d, 32 bytes of lower index bits, then for each 32 two bytes: four times
 * 3 upper index bits, a 3-bit scale, and the sign of delta; an index names an entry (8 weights) of
 * a codebook of 2048. w = d * (2 scale + 1) * (value + delta), delta = -1/8 or 1/8: q is 8 (value +
 * delta).
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/grid.h"

void quant_iq1_s_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 50;
    out->word[0] = quant_read32(block + 2 + b % 8 * 4);
    out->half = quant_read16(block + 34 + b % 8 * 2);
    out->super[0] = quant_read_half(block);
}

void quant_iq1_s_load(const struct quant_slot *slot, struct quant_block *out)
{
    for (uint32_t k = 0; k < 4; k++) {
        uint32_t index = (slot->word[0] >> 8 * k & 255) | (slot->half >> 3 * k & 7) << 8;
        quant_values_iq1(quant_entry(quant_grid_iq1, index), slot->half >> 15, out->q + 8 * k);
    }
    out->scale[0] = (int32_t)(2 * (slot->half >> 12 & 7) + 1);
    out->d = exact_from_bits(slot->super[0]) * 0.125f;
}

float quant_iq1_s_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* At most 15 * 32 * 9 * 127 < 2^24. */
    return b->d * (float)(b->scale[0] * (lo + hi));
}
