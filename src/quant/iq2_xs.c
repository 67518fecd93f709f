/*
 * IQ2_XS: 256 weights = half d, 32 times 2 bytes (9 bits: an entry, 8 weights, of a codebook of
 * 512; 7 signs), 8 bytes of 4-bit scales, one for each 16. w = d / 8 * (2 scale + 1) * value.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/grid.h"

void quant_iq2_xs_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 74;
    out->word[0] = quant_read32(block + 2 + b % 8 * 8);
    out->word[1] = quant_read32(block + 6 + b % 8 * 8);
    out->super[0] = quant_read_half(block);
    out->super[1] = quant_read32(block + 66);
    out->super[2] = quant_read32(block + 70);
}

void quant_iq2_xs_load(const struct quant_slot *slot, struct quant_block *out)
{
    for (uint32_t k = 0; k < 4; k++) {
        uint32_t v = slot->word[k / 2] >> k % 2 * 16 & 0xffff;
        quant_values_iq2(
            quant_entry(quant_grid_iq2_xs, v & 511), quant_signs(v >> 9), out->q + 8 * k);
    }
    uint32_t s = slot->super[1 + slot->eighth / 4] >> slot->eighth % 4 * 8;
    out->scale[0] = (int32_t)(2 * (s & 15) + 1);
    out->scale[1] = (int32_t)(2 * (s >> 4 & 15) + 1);
    out->d = exact_from_bits(slot->super[0]) * 0.125f;
}

float quant_iq2_xs_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* At most 31 * 32 * 43 * 127 < 2^24. */
    return b->d * (float)(b->scale[0] * lo + b->scale[1] * hi);
}
