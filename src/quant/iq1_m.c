/*
 * IQ1_M: 256 weights = 32 bytes of lower index bits, 16 bytes of nibbles (3 upper index bits, the
 * sign of delta), four times 2 bytes: four 3-bit scales, one for each 16, and on top a nibble of
 * half d (the first is the lowest); an index names an entry (8 weights) of a codebook of 2048. w =
 * d * (2 scale + 1) * (value + delta), delta = -1/8 or 1/8: q is 8 (value + delta).
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/grid.h"

void quant_iq1_m_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 56;
    out->word[0] = quant_read32(block + b % 8 * 4);
    out->half = quant_read16(block + 32 + b % 8 * 2);
    out->super[0] = quant_read32(block + 48);
    out->super[1] = quant_read32(block + 52);
}

void quant_iq1_m_load(const struct quant_slot *slot, struct quant_block *out)
{
    for (uint32_t k = 0; k < 4; k++) {
        uint32_t nibble = slot->half >> 4 * k & 15;
        uint32_t index = (slot->word[0] >> 8 * k & 255) | (nibble & 7) << 8;
        quant_values_iq1(quant_entry(quant_grid_iq1, index), nibble >> 3, out->q + 8 * k);
    }
    const uint32_t *s = slot->super;
    uint32_t j = slot->eighth;
    uint32_t scales = s[j / 4] >> (j / 2 % 2 * 16 + j % 2 * 6);
    out->scale[0] = (int32_t)(2 * (scales & 7) + 1);
    out->scale[1] = (int32_t)(2 * (scales >> 3 & 7) + 1);
    uint32_t d =
        (s[0] >> 12 & 15) | (s[0] >> 28) << 4 | (s[1] >> 12 & 15) << 8 | (s[1] >> 28) << 12;
    out->d = exact_half_to_float(d) * 0.125f;
}

float quant_iq1_m_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* At most 15 * 32 * 9 * 127 < 2^24. */
    return b->d * (float)(b->scale[0] * lo + b->scale[1] * hi);
}
