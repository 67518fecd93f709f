/*
 * quant/grid: what the codebook formats (IQ1, IQ2, IQ3) share. A codebook holds two 16-bit entries
 * a word; shaders/quant/grid.glsl mirrors this file.
 */
#ifndef QUANT_GRID_H
#define QUANT_GRID_H

#include <stdint.h>

extern const uint32_t quant_grid_iq1[1024];
extern const uint32_t quant_grid_iq2_xxs[128];
extern const uint32_t quant_grid_iq2_xs[256];
extern const uint32_t quant_grid_iq2_s[512];
extern const uint32_t quant_grid_iq3_xxs[128];
extern const uint32_t quant_grid_iq3_s[256];

static inline uint32_t quant_entry(const uint32_t *grid, uint32_t i)
{
    return grid[i / 2] >> i % 2 * 16 & 0xffff;
}

/* 7 signs -> 8: the number of negative values is even. */
static inline uint32_t quant_signs(uint32_t s)
{
    return s | (uint32_t)__builtin_parity(s) << 7;
}

/* 8 values of an IQ2 entry; bit k of signs: value k is negative. */
static inline void quant_values_iq2(uint32_t entry, uint32_t signs, int8_t q[8])
{
    static const int8_t value[4] = {8, 25, 43, 60}; /* no table has a 3 */
    for (int k = 0; k < 8; k++) {
        int8_t v = value[entry >> 2 * k & 3];
        q[k] = signs >> k & 1 ? (int8_t)-v : v;
    }
}

/* 8 values of an IQ1 entry, times 8 and moved by -1 or +1. */
static inline void quant_values_iq1(uint32_t entry, uint32_t minus, int8_t q[8])
{
    for (int k = 0; k < 8; k++)
        q[k] = (int8_t)(8 * ((int)(entry >> 2 * k & 3) - 1) + (minus ? -1 : 1));
}

#endif
