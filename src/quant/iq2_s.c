/*
 * IQ2_S: 256 weights = half d, 32 bytes of lower index bits, 32 bytes of signs, 8 bytes of upper
 * index bits (4 pairs), 8 bytes of 4-bit scales, one for each 16; an index names an entry (8
 * weights) of a codebook of 1024. w = d / 8 * (2 scale + 1) * value.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/grid.h"

void quant_iq2_s_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 82;
    uint32_t j = b % 8;
    out->word[0] = quant_read32(block + 2 + 4 * j);
    out->word[1] = quant_read32(block + 34 + 4 * j);
    out->half = block[66 + j] | (uint32_t)block[74 + j] << 8;
    out->super[0] = quant_read_half(block);
}

void quant_iq2_s_load(const struct quant_slot *slot, struct quant_block *out)
{
    for (uint32_t k = 0; k < 4; k++) {
        uint32_t index = (slot->word[0] >> 8 * k & 255) | (slot->half >> 2 * k & 3) << 8;
        quant_values_iq2(
            quant_entry(quant_grid_iq2_s, index), slot->word[1] >> 8 * k & 255, out->q + 8 * k);
    }
    out->scale[0] = (int32_t)(2 * (slot->half >> 8 & 15) + 1);
    out->scale[1] = (int32_t)(2 * (slot->half >> 12) + 1);
    out->d = exact_from_bits(slot->super[0]) * 0.125f;
}

float quant_iq2_s_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* At most 31 * 32 * 43 * 127 < 2^24. */
    return b->d * (float)(b->scale[0] * lo + b->scale[1] * hi);
}
