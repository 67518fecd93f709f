/*
 * NVFP4: 64 weights = 4 bytes of scale (UE4M3, one for each 16), 32 bytes of nibbles: 8 bytes hold
 * 16 weights (low: 0..7, high: 8..15); w = scale / 2 * value[q], value from a table of 16: twice
 * E2M1.
 *
 * UE4M3 is 2^(e - 7) * (1 + m / 8), or m * 2^-9 where e = 0: shifted left by 7 it is the half that
 * is 2^-8 times as large. Bit 7 is ignored; 127, NaN, is stored as 0.
 */
#include "quant/quant.h"

#include "base/exact.h"

static uint32_t sanitized(uint8_t scale)
{
    return (scale & 127u) == 127 ? 0 : scale & 127u;
}

void quant_nvfp4_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 2) * 36, *q = block + 4 + b % 2 * 16;
    const uint8_t *scale = block + b % 2 * 2;
    uint8_t value[32];
    for (uint32_t i = 0; i < 32; i++)
        value[i] = q[i / 16 * 8 + i % 8] >> i / 8 % 2 * 4 & 15;
    quant_pack_nibbles(value, out->u4[0]);
    out->half = sanitized(scale[0]) | sanitized(scale[1]) << 8;
}

void quant_nvfp4_load(const struct quant_slot *slot, struct quant_block *out)
{
    quant_lookup(slot->u4[0], quant_e2m1, out->q);
    out->d = exact_half_to_float((slot->half & 255) << 7) * 128.0f;
    out->dmin = exact_half_to_float(slot->half >> 8 << 7) * 128.0f;
}

float quant_nvfp4_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* At most 16 * 12 * 127 < 2^24. */
    return b->d * (float)lo + b->dmin * (float)hi;
}
