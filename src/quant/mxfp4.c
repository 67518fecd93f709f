/*
 * MXFP4: 32 weights = byte e, 16 bytes of nibbles (low: 0..15, high: 16..31); w = 2^(e - 128) *
 * value[q], value from a table of 16: twice E2M1. Stored with the byte e - 1, the exponent of a
 * float, and sanitised then, so that kernels need not: a scale above 2^40 becomes 2^40, below 2^-40
 * or NaN (255) 0.
 */
#include "quant/quant.h"

#include "base/exact.h"

void quant_mxfp4_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)b * 17;
    for (int w = 0; w < 4; w++)
        out->u4[0][w] = quant_read32(block + 1 + 4 * w);
    uint32_t e = block[0] < 128 - 40 || block[0] == 255 ? 0 : block[0] - 1u;
    e = e < 127 + 40 ? e : 127 + 40;
    out->super[b % 8 / 4] = e << b % 4 * 8;
    out->super[1 - b % 8 / 4] = 0;
}

void quant_mxfp4_load(const struct quant_slot *slot, struct quant_block *out)
{
    quant_lookup(slot->u4[0], quant_e2m1, out->q);
    uint32_t e = slot->super[slot->eighth / 4] >> slot->eighth % 4 * 8 & 255;
    out->d = exact_from_bits(e << 23);
}

float quant_mxfp4_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* At most 32 * 12 * 127 < 2^24. */
    return b->d * (float)(lo + hi);
}
