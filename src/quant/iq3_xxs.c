/*
 * IQ3_XXS: 256 weights = half d, 64 bytes, each an entry (4 weights) of a codebook of 256, then for
 * each 32 a word: four times 7 signs, and a 4-bit scale on top. w = d / 4 * (2 scale + 1) * value.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/grid.h"

void quant_iq3_xxs_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 98;
    out->word[0] = quant_read32(block + 2 + b % 8 * 8);
    out->word[1] = quant_read32(block + 6 + b % 8 * 8);
    out->word[2] = quant_read32(block + 66 + b % 8 * 4);
    out->super[0] = quant_read_half(block);
}

void quant_iq3_xxs_load(const struct quant_slot *slot, struct quant_block *out)
{
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t index = slot->word[i / 16] >> i / 4 % 4 * 8 & 255;
        uint32_t k = quant_entry(quant_grid_iq3_xxs, index) >> i % 4 * 3 & 7;
        uint32_t signs = quant_signs(slot->word[2] >> i / 8 * 7 & 127);
        int8_t v = (int8_t)(k == 7 ? 62 : 4 + 8 * k);
        out->q[i] = signs >> i % 8 & 1 ? (int8_t)-v : v;
    }
    out->scale[0] = (int32_t)(2 * (slot->word[2] >> 28) + 1);
    out->d = exact_from_bits(slot->super[0]) * 0.25f;
}

float quant_iq3_xxs_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* At most 31 * 32 * 62 * 127 < 2^24. */
    return b->d * (float)(b->scale[0] * (lo + hi));
}
