/*
 * IQ3_S: 256 weights = half d, 64 bytes of lower index bits, 8 bytes of upper ones (one bit an
 * index), 32 bytes of signs, 4 bytes of 4-bit scales, one for each 32; an index names an entry (4
 * weights) of a codebook of 512. w = d * (2 scale + 1) * value.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/grid.h"

void quant_iq3_s_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 110;
    uint32_t j = b % 8;
    out->word[0] = quant_read32(block + 2 + 8 * j);
    out->word[1] = quant_read32(block + 6 + 8 * j);
    out->word[2] = quant_read32(block + 74 + 4 * j);
    out->half = block[66 + j] | (block[106 + j / 2] >> j % 2 * 4 & 15u) << 8;
    out->super[0] = quant_read_half(block);
}

void quant_iq3_s_load(const struct quant_slot *slot, struct quant_block *out)
{
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t index = slot->word[i / 16] >> i / 4 % 4 * 8 & 255;
        index |= (slot->half >> i / 4 & 1) << 8;
        int8_t v = (int8_t)(2 * (quant_entry(quant_grid_iq3_s, index) >> i % 4 * 3 & 7) + 1);
        out->q[i] = slot->word[2] >> i & 1 ? (int8_t)-v : v;
    }
    out->scale[0] = (int32_t)(2 * (slot->half >> 8) + 1);
    out->d = exact_from_bits(slot->super[0]);
}

float quant_iq3_s_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* At most 31 * 32 * 15 * 127 < 2^24. */
    return b->d * (float)(b->scale[0] * (lo + hi));
}
