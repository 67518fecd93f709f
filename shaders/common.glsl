/*
 * Exact arithmetic: every device gives the bits of src/ref/exact.h, which this file mirrors line by
 * line. Only additions, subtractions and multiplications marked `precise` (NoContraction), integer
 * operations and bit casts; no division, no fma, no transcendental built-ins, no 16-bit floats.
 * Values stay in [2^-120, 2^120] or are exactly 0, so flushed denormals cannot matter: what comes
 * from memory is sanitised by integer tests first.
 */
#ifndef COMMON_GLSL
#define COMMON_GLSL

#extension GL_GOOGLE_include_directive : require
#include "args.h"

layout(constant_id = SPEC_SIZE_X) const uint SIZE_X = 32;
layout(constant_id = SPEC_SIZE_Y) const uint SIZE_Y = 1;
layout(constant_id = SPEC_COLS) const uint COLS = 1;
layout(constant_id = SPEC_KV) const uint KV = KV_TYPE_F16;
layout(constant_id = SPEC_SPLIT) const uint SPLIT = 0; /* SPEC_QUADS in matvec */
layout(constant_id = SPEC_NORM) const uint NORM = 0;
layout(constant_id = SPEC_OUT) const uint OUT = OUT_ROWS;
const uint KV_F16 = KV == KV_TYPE_F16 ? 1u : 0u;
layout(local_size_x_id = SPEC_SIZE_X, local_size_y_id = SPEC_SIZE_Y) in;

float mul(float a, float b)
{
    precise float r = a * b;
    return r;
}

float add(float a, float b)
{
    precise float r = a + b;
    return r;
}

float sub(float a, float b)
{
    precise float r = a - b;
    return r;
}

vec4 mul4(vec4 a, vec4 b)
{
    precise vec4 r = a * b;
    return r;
}

vec4 add4(vec4 a, vec4 b)
{
    precise vec4 r = a + b;
    return r;
}

uint bits(float x)
{
    return floatBitsToUint(x);
}

float from_bits(uint u)
{
    return uintBitsToFloat(u);
}

/* Clamps magnitudes to [2^-40, 2^40], smaller ones to 0, NaN to 0: products and sums of such values
 * neither overflow nor become denormal. */
float sanitize(uint u)
{
    uint a = u & 0x7fffffffu;
    uint s = u & 0x80000000u;
    if (a > 0x7f800000u || a < 0x2b800000u)
        return 0.0;
    return from_bits(s | min(a, 0x53800000u));
}

float sanitize(float x)
{
    return sanitize(bits(x));
}

vec4 sanitize4(uvec4 u)
{
    return vec4(sanitize(u.x), sanitize(u.y), sanitize(u.z), sanitize(u.w));
}

/* 2^-k times a half, exact; infinities and NaN count as +-65504. Without a branch: most of the cost
 * of a weight is here. */
float half_to_float(uint h, uint k)
{
    uint a = min(h & 0x7fffu, 0x7bffu);
    float normal = from_bits((a << 13) + ((112u - k) << 23));
    float denormal = mul(float(int(a)), from_bits((103u - k) << 23));
    return from_bits(bits(a < 0x400u ? denormal : normal) | ((h & 0x8000u) << 16));
}

float half_to_float(uint h)
{
    return half_to_float(h, 0u);
}

/* 6 bits of exponent, 10 of fraction: see quant_read_magnitude. */
float magnitude(uint m)
{
    return from_bits((m << 13) + (103u << 23));
}

/* For the KV cache: round to nearest even; magnitudes above 65504 saturate, those below the normal
 * halves become 0. So unpackHalf2x16 is exact there on any device. */
uint float_to_cache(float x)
{
    uint u = bits(x), a = u & 0x7fffffffu;
    uint h = a >= 0x477ff000u ? 0x7bffu : (a - 0x38000000u + 0xfffu + ((a >> 13) & 1u)) >> 13;
    return a < 0x38800000u ? 0u : ((u >> 16) & 0x8000u) | h;
}

/* 1/d for d in [2^-100, 2^100]: integer seed, four Newton steps. */
float recip(float d)
{
    float y = from_bits(0x7ef311c3u - bits(d));
    for (int i = 0; i < 4; i++)
        y = add(y, mul(y, sub(1.0, mul(d, y))));
    return y;
}

/* 1/sqrt(d) for d in [2^-100, 2^100]. */
float rsqrt(float d)
{
    float y = from_bits(0x5f375a86u - (bits(d) >> 1)), h = mul(0.5, d);
    for (int i = 0; i < 4; i++)
        y = mul(y, sub(1.5, mul(h, mul(y, y))));
    return y;
}

int round_away(float t)
{
    return int(t < 0.0 ? sub(t, 0.5) : add(t, 0.5));
}

/* exp(x): Cody-Waite reduction, Horner polynomial of degree 6. Below -40 it is 0 (p * v must not
 * become denormal), above 80 it is exp(80). */
float exact_exp(float x)
{
    if (x < -40.0)
        return 0.0;
    x = x > 80.0 ? 80.0 : x;
    int n = round_away(mul(x, 1.44269502162933349609375));
    float fn = float(n);
    float r = sub(sub(x, mul(fn, 0.693145751953125)), mul(fn, 1.428606765330187045e-06));
    float p = 0.0013981999;
    p = add(mul(p, r), 0.0083334521);
    p = add(mul(p, r), 0.0416657962);
    p = add(mul(p, r), 0.1666666716);
    p = add(mul(p, r), 0.5);
    p = add(mul(p, r), 1.0);
    p = add(mul(p, r), 1.0);
    return from_bits(bits(p) + uint(n << 23));
}

/* ln(x) for normal positive x: x = 2^e * f with f in [sqrt(1/2), sqrt(2)); ln f by the series of
 * atanh in s = (f - 1) / (f + 1). */
float exact_log(float x)
{
    uint u = bits(x) + 0x3f800000u - 0x3f3504f3u;
    int e = int(u >> 23) - 127;
    float f = from_bits((u & 0x7fffffu) + 0x3f3504f3u);
    float s = mul(sub(f, 1.0), recip(add(f, 1.0))), z = mul(s, s);
    float p = 0.22222222;
    p = add(mul(p, z), 0.28571429);
    p = add(mul(p, z), 0.4);
    p = add(mul(p, z), 0.66666669);
    p = add(mul(p, z), 2.0);
    return add(mul(float(e), 0.693147182464599609375), mul(s, p));
}

/* Signed byte k of a word. */
int byte_of(uint v, uint k)
{
    return int(v << (24u - 8u * k)) >> 24;
}

/* The sum of one token's products over 32 floats, four interleaved sums. */
float block_sum(vec4 a)
{
    return add(add(a.x, a.y), add(a.z, a.w));
}

#endif
