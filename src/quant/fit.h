/*
 * quant/fit: what the type files' quantize functions share: codes for a block of weights, and the
 * scales for them. Plain C in a fixed order: the same bytes on every machine.
 */
#ifndef QUANT_FIT_H
#define QUANT_FIT_H

#include <stdint.h>

/* The first x of the largest magnitude, with its sign. */
float fit_extreme(const float *x, uint32_t n);
void fit_range(const float *x, uint32_t n, float *low, float *high);
/* 1 / d; 0 where that is not finite. */
float fit_inverse(float d);

/* q = (x - base) * inverse + offset, cut to a whole number of at most `top`. */
struct fit_line {
    float base, inverse, offset;
    int32_t top;
};
void fit_codes(const struct fit_line *line, const float x[32], uint8_t q[32]);

/* 32 codes -> 16 bytes (low nibbles 0..15, high ones 16..31); and their fifth bits -> 4 bytes. */
void fit_put_nibbles(const uint8_t q[32], uint8_t out[16]);
void fit_put_fifths(const uint8_t q[32], uint8_t out[4]);

enum { FIT_MOST = 256, FIT_MOST_SUBS = 16 };

/* Blocks of n_sub * n weights that are d * scale[sub] * value. */
struct fit_scaled {
    uint32_t n_sub, n; /* n: 16 or 32 */
    const int8_t *values;
    uint32_t n_values; /* of `values`, ascending */
    float step;        /* between the ends of the range that are tried */
    int32_t scale_low, scale_high;
};
/* Finds d (a half's value), scale and code (an index into values). */
float fit_scaled(const struct fit_scaled *type, const float *x, int32_t scale[FIT_MOST_SUBS],
    uint8_t code[FIT_MOST]);

/* Blocks of n_sub * n weights that are d * scale[sub] * code - dmin * minimum[sub]. */
struct fit_affine {
    uint32_t n_sub, n;
    int32_t top, scale_top; /* of codes; of scales and minimums */
};
struct fit_pair {
    float d, dmin; /* values of halves */
};
struct fit_pair fit_affine(const struct fit_affine *type, const float *x,
    uint8_t scale[FIT_MOST_SUBS], uint8_t minimum[FIT_MOST_SUBS], uint8_t code[FIT_MOST]);

#endif
