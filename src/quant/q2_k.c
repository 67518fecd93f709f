/*
 * Q2_K: 256 weights = 16 bytes with a scale (low nibble) and a minimum (high nibble) for each 16,
 * 64 bytes of bit pairs, half d, half dmin; w = d * scale * q - dmin * minimum. Of each 128
 * weights, weight i is in byte i % 32, at bit i / 32 * 2.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/fit.h"

#include <string.h>

void quant_q2_k_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 84, *q = block + 16 + b % 8 / 4 * 32;
    uint8_t value[32];
    for (uint32_t i = 0; i < 32; i++)
        value[i] = q[i] >> b % 4 * 2 & 3;
    quant_pack_pairs(value, 0, out->word);
    out->half = quant_read16(block + b % 8 * 2);
    out->super[0] = quant_read_half(block + 80);
    out->super[1] = quant_read_half(block + 82);
}

void quant_q2_k_load(const struct quant_slot *slot, struct quant_block *out)
{
    memset(out->q, 0, sizeof(out->q));
    quant_unpack_pairs(slot->word, 0, out->q);
    out->scale[0] = (int32_t)(slot->half & 255); /* with the minimum */
    out->scale[1] = (int32_t)(slot->half >> 8);
    out->d = exact_from_bits(slot->super[0]);
    out->dmin = exact_from_bits(slot->super[1]);
}

float quant_q2_k_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    /* At most 32 * 15 * 3 * 127 < 2^24. */
    float plus = b->d * (float)((b->scale[0] & 15) * lo + (b->scale[1] & 15) * hi);
    float minus = b->dmin * (float)((b->scale[0] >> 4) * sum_lo + (b->scale[1] >> 4) * sum_hi);
    return plus - minus;
}

void quant_q2_k_quantize(const float *x, uint8_t *block)
{
    static const struct fit_affine type = {.n_sub = 16, .n = 16, .top = 3, .scale_top = 15};
    uint8_t scale[FIT_MOST_SUBS], minimum[FIT_MOST_SUBS], code[FIT_MOST];
    struct fit_pair pair = fit_affine(&type, x, scale, minimum, code);
    memset(block, 0, 80);
    for (int j = 0; j < 16; j++)
        block[j] = (uint8_t)(scale[j] | minimum[j] << 4);
    for (int i = 0; i < 256; i++)
        block[16 + i / 128 * 32 + i % 32] |= (uint8_t)(code[i] << i % 128 / 32 * 2);
    quant_write16(block + 80, exact_float_to_half(pair.d));
    quant_write16(block + 82, exact_float_to_half(pair.dmin));
}
