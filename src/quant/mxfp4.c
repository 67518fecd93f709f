/*
 * MXFP4: 32 weights = byte e, 16 bytes of nibbles (low: 0..15, high: 16..31); w = 2^(e - 128) *
 * value[q], value from a table of 16: twice E2M1. Stored with the byte e - 1, the exponent of a
 * float, and sanitised then, so that kernels need not: a scale above 2^40 becomes 2^40, below 2^-40
 * or NaN (255) 0.
 */
#include "quant/quant.h"

#include "base/exact.h"
#include "quant/fit.h"

#include <math.h>
#include <stdbool.h>

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

/* Codes for the scale 2^exponent of E2M1's values; returns the squared error in units of it. */
static float codes_at(const float *x, int exponent, uint8_t q[32])
{
    float sum = 0.0f;
    for (int i = 0; i < 32; i++) {
        float y = ldexpf(x[i], 1 - exponent), a = fabsf(y);
        int k = 0;
        while (k < 7 && a > 0.5f * (float)(quant_e2m1[k] + quant_e2m1[k + 1]))
            k++;
        float e = a - quant_e2m1[k];
        sum += e * e;
        q[i] = (uint8_t)(k && y < 0.0f ? k | 8 : k);
    }
    return sum;
}

/* The power of two below a quarter of the largest weight lets that be at most 8, cut to 6; with the
 * next one nothing is cut but steps are twice as wide. */
void quant_mxfp4_quantize(const float *x, uint8_t *block)
{
    uint8_t q[32], wide[32];
    int exponent;
    frexpf(fit_extreme(x, 32), &exponent);
    exponent -= 3;
    exponent = exponent < -127 ? -127 : exponent;
    float error = codes_at(x, exponent, q), error_wide = codes_at(x, exponent + 1, wide);
    bool widen = 4.0f * error_wide < error;
    block[0] = (uint8_t)(exponent + widen + 127);
    fit_put_nibbles(widen ? wide : q, block + 1);
}
