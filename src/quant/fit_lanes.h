/*
 * quant/fit internals: four floats side by side. Compilers make vector instructions of them, or
 * four scalar ones; the results are the same, as each lane is plain IEEE arithmetic in a fixed
 * order.
 */
#ifndef QUANT_FIT_LANES_H
#define QUANT_FIT_LANES_H

#include "base/exact.h"

#include <stdint.h>
#include <string.h>

enum { FIT_LANES = 4 };

typedef float fit_lanes __attribute__((vector_size(16)));
typedef int32_t fit_mask __attribute__((vector_size(16)));

static inline fit_lanes fit_load(const float *x)
{
    fit_lanes v;
    memcpy(&v, x, sizeof(v));
    return v;
}

static inline void fit_store(float *x, fit_lanes v)
{
    memcpy(x, &v, sizeof(v));
}

static inline fit_lanes fit_all(float x)
{
    return (fit_lanes){x, x, x, x};
}

static inline float fit_join(fit_lanes v)
{
    return (v[0] + v[2]) + (v[1] + v[3]);
}

/* To the nearest whole numbers from low to high, ties to even; these are below 2^22. */
static inline fit_lanes fit_round_lanes(fit_lanes x, fit_lanes low, fit_lanes high)
{
    fit_mask below = x<low, above = x> high;
    x = (fit_lanes)(((fit_mask)x & ~below) | ((fit_mask)low & below));
    x = (fit_lanes)(((fit_mask)x & ~above) | ((fit_mask)high & above));
    return (x + 0x1.8p23f) - 0x1.8p23f;
}

static inline float fit_clamp(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

static inline float fit_round(float x, float low, float high)
{
    return (fit_clamp(x, low, high) + 0x1.8p23f) - 0x1.8p23f;
}

/* The value of d as stored. */
static inline float fit_half(float d)
{
    return exact_half_to_float(exact_float_to_half(d));
}

#endif
