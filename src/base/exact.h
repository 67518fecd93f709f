/*
 * base/exact: the arithmetic that every device reproduces bit for bit; shaders/common.glsl mirrors
 * it line by line. Only f32 additions, subtractions and multiplications in the order written
 * (compile with -ffp-contract=off), integer operations and bit casts. Rules and reasons:
 * src/ref/ref.h.
 */
#ifndef BASE_EXACT_H
#define BASE_EXACT_H

#include <stdint.h>
#include <string.h>

static inline uint32_t exact_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}

static inline float exact_from_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, 4);
    return x;
}

/* Clamps magnitudes to [2^-40, 2^40], smaller ones to 0, NaN to 0. */
static inline float exact_sanitize(float x)
{
    uint32_t u = exact_bits(x), a = u & 0x7fffffffu, s = u & 0x80000000u;
    if (a > 0x7f800000u || a < 0x2b800000u)
        return 0.0f;
    return exact_from_bits(s | (a < 0x53800000u ? a : 0x53800000u));
}

/* Exact; infinities and NaN become +-65504. */
static inline float exact_half_to_float(uint32_t h)
{
    uint32_t s = (h & 0x8000u) << 16, e = (h >> 10) & 31u, m = h & 1023u;
    if (e == 31u)
        return exact_from_bits(s | 0x477fe000u);
    if (e == 0u)
        return exact_from_bits(s | exact_bits((float)(int32_t)m * exact_from_bits(0x33800000u)));
    return exact_from_bits(s | ((e + 112u) << 23) | (m << 13));
}

/* Round to nearest even; magnitudes above 65504 saturate. */
static inline uint32_t exact_float_to_half(float x)
{
    uint32_t u = exact_bits(x), s = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
    if (a >= 0x477ff000u)
        return s | 0x7bffu;
    if (a < 0x33000000u)
        return s;
    if (a < 0x38800000u) { /* denormal half: shift the significand */
        uint32_t shift = 126u - (a >> 23);
        uint32_t m = (a & 0x7fffffu) | 0x800000u;
        uint32_t r = m >> shift, rest = m & ((1u << shift) - 1u), tie = 1u << (shift - 1u);
        r += (rest > tie || (rest == tie && (r & 1u) != 0u)) ? 1u : 0u;
        return s | r;
    }
    return s | ((a - 0x38000000u + 0xfffu + ((a >> 13) & 1u)) >> 13);
}

/* For the KV cache: those below the normal halves become 0, as devices may do with them. */
static inline uint32_t exact_float_to_cache(float x)
{
    return (exact_bits(x) & 0x7fffffffu) < 0x38800000u ? 0 : exact_float_to_half(x);
}

/* 1/d for d in [2^-100, 2^100]: integer seed, four Newton steps. */
static inline float exact_recip(float d)
{
    float y = exact_from_bits(0x7ef311c3u - exact_bits(d));
    for (int i = 0; i < 4; i++) {
        float e = 1.0f - d * y;
        y = y + y * e;
    }
    return y;
}

/* 1/sqrt(d) for d in [2^-100, 2^100]. */
static inline float exact_rsqrt(float d)
{
    float y = exact_from_bits(0x5f375a86u - (exact_bits(d) >> 1)), h = 0.5f * d;
    for (int i = 0; i < 4; i++) {
        float t = y * y;
        y = y * (1.5f - h * t);
    }
    return y;
}

static inline int32_t exact_round_away(float t)
{
    return (int32_t)(t < 0.0f ? t - 0.5f : t + 0.5f);
}

/* exp(x): Cody-Waite reduction, Horner polynomial of degree 6; 0 below -40, exp(80) above 80. */
static inline float exact_exp(float x)
{
    if (x < -40.0f)
        return 0.0f;
    x = x > 80.0f ? 80.0f : x;
    int32_t n = exact_round_away(x * 1.44269502162933349609375f);
    float fn = (float)n;
    float r = x - fn * 0.693145751953125f;
    r = r - fn * 1.428606765330187045e-06f;
    float p = 0.0013981999f;
    p = p * r + 0.0083334521f;
    p = p * r + 0.0416657962f;
    p = p * r + 0.1666666716f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return exact_from_bits(exact_bits(p) + ((uint32_t)n << 23));
}

/* ln(x) for normal positive x: x = 2^e * f with f in [sqrt(1/2), sqrt(2)); ln f by the series of
 * atanh in s = (f - 1) / (f + 1). */
static inline float exact_log(float x)
{
    uint32_t u = exact_bits(x) + 0x3f800000u - 0x3f3504f3u;
    int32_t e = (int32_t)(u >> 23) - 127;
    float f = exact_from_bits((u & 0x7fffffu) + 0x3f3504f3u);
    float s = (f - 1.0f) * exact_recip(f + 1.0f), z = s * s;
    float p = 0.22222222f;
    p = p * z + 0.28571429f;
    p = p * z + 0.4f;
    p = p * z + 0.66666669f;
    p = p * z + 2.0f;
    float high = (float)e * 0.693147182464599609375f;
    return high + s * p;
}

#endif
