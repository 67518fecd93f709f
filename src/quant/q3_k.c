/*
 * Q3_K: 256 weights = 32 bytes of high bits, 64 bytes of low bit pairs, 12 bytes with sixteen 6-bit
 * scales, half d; w = d * (scale - 32) * (q - 4), a scale for each 16. The high bit of weight i is
 * bit i / 32 of byte i % 32; of each 128 weights, the pair of weight i is in byte i % 32, at
 * bit i / 32 * 2.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/fit.h"

#include <string.h>

/* Scale j of 16: low nibbles in bytes 0..7, upper bit pairs in bytes 8..11. */
static uint32_t signed_scale(const uint8_t *s, uint32_t j)
{
    uint32_t low = j < 8 ? s[j] & 15u : s[j - 8] >> 4;
    return (low | (s[8 + j % 4] >> j / 4 * 2 & 3u) << 4) - 32;
}

void quant_q3_k_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 110, *low = block + 32 + b % 8 / 4 * 32;
    const uint8_t *scales = block + 96;
    uint8_t value[32];
    for (uint32_t i = 0; i < 32; i++)
        value[i] = (uint8_t)((low[i] >> b % 4 * 2 & 3) | (block[i] >> b % 8 & 1) << 2);
    quant_pack_pairs(value, 0, out->word);
    out->word[2] = quant_pack_bits(value, 2);
    out->half =
        (signed_scale(scales, b % 8 * 2) & 255) | (signed_scale(scales, b % 8 * 2 + 1) & 255) << 8;
    out->super[0] = quant_read_half(block + 108);
}

void quant_q3_k_load(const struct quant_slot *slot, struct quant_block *out)
{
    memset(out->q, 0, sizeof(out->q));
    quant_unpack_pairs(slot->word, 0, out->q);
    quant_unpack_bits(slot->word[2], 2, out->q);
    out->scale[0] = (int8_t)(slot->half & 255);
    out->scale[1] = (int8_t)(slot->half >> 8);
    out->d = exact_from_bits(slot->super[0]);
}

float quant_q3_k_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    /* At most 32 * 32 * 4 * 127 < 2^24. */
    return b->d * (float)(b->scale[0] * (lo - 4 * sum_lo) + b->scale[1] * (hi - 4 * sum_hi));
}

void quant_q3_k_quantize(const float *x, uint8_t *block)
{
    static const int8_t values[8] = {-4, -3, -2, -1, 0, 1, 2, 3};
    static const struct fit_scaled type = {.n_sub = 16,
        .n = 16,
        .values = values,
        .n_values = 8,
        .step = 0.15f,
        .scale_low = -32,
        .scale_high = 31};
    int32_t scale[FIT_MOST_SUBS];
    uint8_t code[FIT_MOST];
    float d = fit_scaled(&type, x, scale, code);
    memset(block, 0, 108);
    for (int i = 0; i < 256; i++) {
        block[i % 32] |= (uint8_t)((code[i] >> 2) << i / 32);
        block[32 + i / 128 * 32 + i % 32] |= (uint8_t)((code[i] & 3) << i % 128 / 32 * 2);
    }
    for (int j = 0; j < 16; j++) {
        int s = scale[j] + 32;
        block[96 + j % 8] |= (uint8_t)((s & 15) << j / 8 * 4);
        block[104 + j % 4] |= (uint8_t)((s >> 4) << j / 4 * 2);
    }
    quant_write16(block + 108, exact_float_to_half(d));
}
