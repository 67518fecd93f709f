/* base/draw: what a draw is made of, the same on the device (shaders/sample.comp), in the reference
 * and in src/sample: keys that order like scores, probabilities as whole numbers, so that no order
 * of additions matters, and random numbers that follow from seed, position and token alone. */
#ifndef BASE_DRAW_H
#define BASE_DRAW_H

#include "base/exact.h"
#include "base/philox.h"

/* exp(0) in units of draw_mass. */
#define DRAW_UNIT 16777216.0f

/* Orders like x. */
static inline uint32_t draw_key(float x)
{
    uint32_t u = exact_bits(x);
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}

/* exp(score - top) in units of 2^-24. */
static inline uint32_t draw_mass(float score, float top)
{
    return (uint32_t)(int32_t)(exact_exp(score - top) * DRAW_UNIT);
}

/* Uniform in (0, 1). `use` tells the draws of one position apart; 0 is the choice of the token. */
static inline float draw_uniform(uint64_t seed, uint32_t pos, uint32_t id, uint32_t use)
{
    uint32_t r[4];
    philox_block(
        (uint32_t[4]){id, pos, use}, (uint32_t[2]){(uint32_t)seed, (uint32_t)(seed >> 32)}, r);
    return ((float)(int32_t)(r[0] >> 9) + 0.5f) * 1.1920928955078125e-07f;
}

/* The id with the largest score + gumbel is drawn with probability exp(score) / sum. */
static inline float draw_gumbel(uint64_t seed, uint32_t pos, uint32_t id)
{
    return 0.0f - exact_log(0.0f - exact_log(draw_uniform(seed, pos, id, 0)));
}

/* The part of `all` that top-p wants, rounded in the pieces a device computes: hi * 4096 + lo. */
static inline uint64_t draw_share(uint64_t all, float top_p)
{
    uint64_t p = (uint32_t)(int32_t)(top_p * 65536.0f), hi = all >> 12, lo = all & 4095;
    uint64_t share = (hi * p >> 16) * 4096 + (((hi * p & 65535) * 4096 + lo * p) >> 16);
    return share ? share : 1; /* a top_p below 2^-16 keeps the likeliest */
}

#endif
