/*
 * Rotation tables. sin, cos, exp and log in double arithmetic from additions, multiplications and
 * divisions alone, so that every host computes the same table.
 * RoPE: https://arxiv.org/abs/2104.09864, YaRN: https://arxiv.org/abs/2309.00071
 */
#include "model/model.h"

#include <stdlib.h>

#define PI 3.14159265358979323846

static double exact_floor(double x)
{
    double t = (double)(int64_t)x;
    return t > x ? t - 1 : t;
}

/* Taylor series after reduction by multiples of ln 2. */
static double det_exp(double x)
{
    double n = exact_floor(x / 0.693147180559945309417 + 0.5), r = x - n * 0.693147180559945309417;
    double term = 1, sum = 1;
    for (int i = 1; i < 22; i++) {
        term = term * r / i;
        sum = sum + term;
    }
    for (; n > 0; n--)
        sum = sum * 2;
    for (; n < 0; n++)
        sum = sum * 0.5;
    return sum;
}

/* x > 0: powers of two out, then the series of atanh. */
static double det_log(double x)
{
    double e = 0;
    for (; x > 1.5; e++)
        x = x * 0.5;
    for (; x < 0.75; e--)
        x = x * 2;
    double s = (x - 1) / (x + 1), z = s * s, term = s, sum = 0;
    for (int i = 1; i < 60; i += 2) {
        sum = sum + term / i;
        term = term * z;
    }
    return 2 * sum + e * 0.693147180559945309417;
}

static void det_sincos(double x, double *sin_out, double *cos_out)
{
    /* pi/2 in three parts: x stays below 2^20, so the products are exact enough. */
    double n = exact_floor(x / (PI / 2) + 0.5);
    double r = ((x - n * 1.57079632673412561417) - n * 6.07710050630396597660e-11) -
               n * 2.02226624879595063154e-21;
    double z = r * r, s = 0, c = 0, ts = r, tc = 1;
    for (int i = 1; i < 24; i += 2) {
        s = s + ts;
        c = c + tc;
        tc = -tc * z / (double)(i * (i + 1));
        ts = -ts * z / (double)((i + 1) * (i + 2));
    }
    switch ((int64_t)n & 3) {
    case 0:
        *sin_out = s, *cos_out = c;
        break;
    case 1:
        *sin_out = c, *cos_out = -s;
        break;
    case 2:
        *sin_out = -s, *cos_out = -c;
        break;
    default:
        *sin_out = -c, *cos_out = s;
    }
}

/* The pair index whose wavelength makes `turns` rotations over the original context. */
static double yarn_dim(const struct model_rope *r, double turns)
{
    return r->n_rot * det_log(r->original_ctx / (turns * 2 * PI)) / (2 * det_log(r->base));
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* Radians per position of pair i. */
static double frequency(const struct model_rope *r, uint32_t i, const float *freqs)
{
    double plain = det_exp(-2.0 * i / r->n_rot * det_log(r->base)) / (freqs ? freqs[i] : 1.0);
    if (r->scaling == ROPE_SCALING_NONE)
        return plain;
    double slow = plain / r->factor;
    if (r->scaling == ROPE_SCALING_LINEAR)
        return slow;
    double low = exact_floor(yarn_dim(r, r->beta_fast));
    double high = -exact_floor(-yarn_dim(r, r->beta_slow));
    low = clamp(low, 0, r->n_rot - 1.0);
    high = clamp(high, 0, r->n_rot - 1.0);
    double width = high - low > 0.001 ? high - low : 0.001;
    double keep = (1 - clamp((i - low) / width, 0, 1)) * r->ext_factor;
    return slow * (1 - keep) + plain * keep;
}

/* YaRN also stretches Q and K a little: the rotation carries the factor. */
static double magnitude(const struct model_rope *r)
{
    if (r->scaling != ROPE_SCALING_YARN || r->ext_factor == 0)
        return r->attn_factor;
    double log = 0.1 * det_log(r->factor);
    return r->attn_factor * (1 + log) / (1 + r->log_multiplier * log);
}

uint64_t rope_table_bytes(const struct model_rope *rope, uint32_t n_ctx)
{
    return (ROPE_LOW + ((uint64_t)n_ctx + ROPE_LOW - 1) / ROPE_LOW) * (rope->n_rot / 2) * 8;
}

float *rope_table_create(
    const struct model_rope *rope, uint32_t n_ctx, const float *freqs, uint64_t *bytes)
{
    uint32_t half = rope->n_rot / 2, rows = ROPE_LOW + (n_ctx + ROPE_LOW - 1) / ROPE_LOW;
    *bytes = rope_table_bytes(rope, n_ctx);
    float *table = malloc(*bytes ? *bytes : 1);
    if (!table)
        return NULL;
    double scale = magnitude(rope);
    for (uint32_t i = 0; i < half; i++) {
        double f = frequency(rope, i, freqs);
        if (f < 1e-20) /* no product with its sine may be too small for some devices */
            f = 0;
        for (uint32_t row = 0; row < rows; row++) {
            double pos = row < ROPE_LOW ? row : (double)(row - ROPE_LOW) * ROPE_LOW, s, c;
            double size = row < ROPE_LOW ? scale : 1;
            det_sincos(pos * f, &s, &c);
            table[2 * (row * half + i)] = (float)(c * size);
            table[2 * (row * half + i) + 1] = (float)(s * size);
        }
    }
    return table;
}
