/*
 * TQ2_0: 256 weights = 64 bytes of bit pairs, half d; w = d * (q - 1). Of each 128 weights, weight
 * i is in byte i % 32, at bit i / 32 * 2.
 */
#include "quant/quant.h"

#include "base/exact.h"

#include <string.h>

void quant_tq2_0_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 66, *q = block + b % 8 / 4 * 32;
    uint8_t value[32];
    for (uint32_t i = 0; i < 32; i++)
        value[i] = q[i] >> b % 4 * 2 & 3;
    quant_pack_pairs(value, 0, out->word);
    out->super[0] = quant_read_half(block + 64);
}

void quant_tq2_0_load(const struct quant_slot *slot, struct quant_block *out)
{
    memset(out->q, 0, sizeof(out->q));
    quant_unpack_pairs(slot->word, 0, out->q);
    out->d = exact_from_bits(slot->super[0]);
}

float quant_tq2_0_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    /* At most 32 * 2 * 127 < 2^24. */
    return b->d * (float)(lo + hi - (sum_lo + sum_hi));
}
