/*
 * IQ2_XXS: 256 weights = half d, then for each 32: 4 bytes, each an entry (8 weights) of a codebook
 * of 256, and a word: four times 7 signs, and a 4-bit scale on top. w = d / 8 * (2 scale + 1) *
 * value.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/grid.h"

void quant_iq2_xxs_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 66;
    out->word[0] = quant_read32(block + 2 + b % 8 * 8);
    out->word[1] = quant_read32(block + 6 + b % 8 * 8);
    out->super[0] = quant_read_half(block);
}

void quant_iq2_xxs_load(const struct quant_slot *slot, struct quant_block *out)
{
    for (uint32_t k = 0; k < 4; k++)
        quant_values_iq2(quant_entry(quant_grid_iq2_xxs, slot->word[0] >> 8 * k & 255),
            quant_signs(slot->word[1] >> 7 * k & 127), out->q + 8 * k);
    out->scale[0] = (int32_t)(2 * (slot->word[1] >> 28) + 1);
    out->d = exact_from_bits(slot->super[0]) * 0.125f;
}

float quant_iq2_xxs_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* At most 31 * 32 * 43 * 127 < 2^24. */
    return b->d * (float)(b->scale[0] * (lo + hi));
}
