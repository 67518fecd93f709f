/*
 * Q5_K: 256 weights = half d, half dmin, 12 bytes with eight 6-bit scales and eight 6-bit minimums,
 * 32 bytes of fifth bits (bit j of byte i: weight i of the j-th 32), 128 bytes of nibbles: 32 bytes
 * hold 64 weights, low nibbles first. w = d * scale * q - dmin * minimum, a scale and a minimum for
 * each 32.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/fit.h"

void quant_q5_k_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 176;
    uint32_t j = b % 8, scale, minimum;
    int32_t sign_d, sign_m;
    const uint8_t *high = block + 16, *low = block + 48 + j / 2 * 32;
    uint8_t value[32];
    for (int i = 0; i < 32; i++)
        value[i] = (uint8_t)((j % 2 ? low[i] >> 4 : low[i] & 15) | (high[i] >> j & 1) << 4);
    quant_pack_nibbles(value, out->u4[0]);
    out->word[0] = quant_pack_bits(value, 4);
    quant_scale_min(block + 4, j, &scale, &minimum);
    /* The signs of d and dmin go to their factors. */
    uint32_t d = quant_read_magnitude(block, &sign_d),
             dmin = quant_read_magnitude(block + 2, &sign_m);
    out->half = ((uint32_t)((int32_t)scale * sign_d) & 255) |
                ((uint32_t)((int32_t)minimum * sign_m) & 255) << 8;
    out->super[0] = d | dmin << 16;
}

void quant_q5_k_load(const struct quant_slot *slot, struct quant_block *out)
{
    quant_unpack_nibbles(slot->u4[0], out->q);
    quant_unpack_bits(slot->word[0], 4, out->q);
    out->scale[0] = (int8_t)(slot->half & 255);
    out->scale[1] = (int8_t)(slot->half >> 8);
    out->d = exact_from_bits(quant_magnitude_bits(slot->super[0] & 0xffff));
    out->dmin = exact_from_bits(quant_magnitude_bits(slot->super[0] >> 16));
}

float quant_q5_k_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    /* At most 63 * 32 * 31 * 127 < 2^24. */
    float plus = b->d * (float)(b->scale[0] * (lo + hi));
    float minus = b->dmin * (float)(b->scale[1] * (sum_lo + sum_hi));
    return plus - minus;
}

void quant_q5_k_quantize(const float *x, uint8_t *block)
{
    static const struct fit_affine type = {.n_sub = 8, .n = 32, .top = 31, .scale_top = 63};
    uint8_t scale[FIT_MOST_SUBS], minimum[FIT_MOST_SUBS], code[FIT_MOST];
    struct fit_pair pair = fit_affine(&type, x, scale, minimum, code);
    quant_write16(block, exact_float_to_half(pair.d));
    quant_write16(block + 2, exact_float_to_half(pair.dmin));
    quant_put_scale_min(scale, minimum, block + 4);
    for (int i = 0; i < 32; i++) {
        block[16 + i] = 0;
        for (int j = 0; j < 8; j++)
            block[16 + i] |= (uint8_t)((code[32 * j + i] >> 4) << j);
    }
    for (int i = 0; i < 128; i++) {
        const uint8_t *q = code + i / 32 * 64 + i % 32;
        block[48 + i] = (uint8_t)((q[0] & 15) | (q[32] & 15) << 4);
    }
}
