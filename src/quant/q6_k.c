/*
 * Q6_K: 256 weights = 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed byte scales,
 * half d; w = d * scale * (q - 32), a scale for each 16. Of each 128 weights, 64 bytes hold the low
 * nibbles (0..63 low, 64..127 high) and 32 bytes the bit pairs (weight i in byte i % 32).
 *
 * Stored as s = q - 32 in 6 bits, of which a byte takes 4 s. Six words hold values 0..23 that way,
 * four a word; values 24..31 lie in the lower bits of their bytes, two bits in each of three words.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/fit.h"

#include <string.h>

void quant_q6_k_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 210;
    uint32_t half = b % 8 / 4, j = b % 4; /* 128 weights; 32 of them */
    const uint8_t *low = block + half * 64 + j % 2 * 32, *high = block + 128 + half * 32;
    uint8_t value[32];
    for (uint32_t i = 0; i < 32; i++) {
        value[i] = j / 2 ? low[i] >> 4 : low[i] & 15;
        value[i] |= (uint8_t)((high[i] >> 2 * j & 3) << 4);
        value[i] ^= 32;
    }
    for (uint32_t w = 0; w < 6; w++) {
        uint32_t *to = w < 4 ? &out->u4[0][w] : &out->word[w - 4], last = 24 + w / 3 * 4;
        *to = 0;
        for (uint32_t k = 0; k < 4; k++)
            *to |= (uint32_t)(value[4 * w + k] << 2 | (value[last + k] >> (4 - w % 3 * 2) & 3))
                   << 8 * k;
    }
    out->half = quant_read16(block + 192 + b % 8 * 2);
    out->super[0] = exact_bits(exact_from_bits(quant_read_half(block + 208)) * 0.25f);
}

void quant_q6_k_load(const struct quant_slot *slot, struct quant_block *out)
{
    uint8_t *q = (uint8_t *)out->q;
    memset(q + 24, 0, 8);
    for (uint32_t w = 0; w < 6; w++)
        for (uint32_t k = 0; k < 4; k++) {
            uint32_t byte = (w < 4 ? slot->u4[0][w] : slot->word[w - 4]) >> 8 * k & 255;
            q[4 * w + k] = byte & 0xfc;
            q[24 + w / 3 * 4 + k] |= (uint8_t)((byte & 3) << (6 - w % 3 * 2));
        }
    out->scale[0] = (int8_t)(slot->half & 255);
    out->scale[1] = (int8_t)(slot->half >> 8);
    out->d = exact_from_bits(slot->super[0]);
}

float quant_q6_k_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)sum_lo, (void)sum_hi;
    /* Four times a number below 2^24: exact in a float. */
    return b->d * (float)(b->scale[0] * lo + b->scale[1] * hi);
}

void quant_q6_k_quantize(const float *x, uint8_t *block)
{
    int8_t values[64];
    const struct fit_scaled type = {.n_sub = 16,
        .n = 16,
        .values = values,
        .n_values = 64,
        .step = 0.15f,
        .scale_low = -128,
        .scale_high = 127};
    int32_t scale[FIT_MOST_SUBS];
    uint8_t code[FIT_MOST];
    for (int k = 0; k < 64; k++)
        values[k] = (int8_t)(k - 32);
    float d = fit_scaled(&type, x, scale, code);
    for (int i = 0; i < 128; i++) {
        const uint8_t *q = code + i / 64 * 128 + i % 64;
        block[i] = (uint8_t)((q[0] & 15) | (q[64] & 15) << 4);
    }
    for (int i = 0; i < 64; i++) {
        const uint8_t *q = code + i / 32 * 128 + i % 32;
        block[128 + i] = (uint8_t)(q[0] >> 4 | q[32] >> 4 << 2 | q[64] >> 4 << 4 | q[96] >> 4 << 6);
    }
    for (int j = 0; j < 16; j++)
        block[192 + j] = (uint8_t)(int8_t)scale[j];
    quant_write16(block + 208, exact_float_to_half(d));
}
