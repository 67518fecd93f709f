/* 32 elements: a plane of nibbles; per 256: a word of half d and eight upper bit pairs of the
 * scales, a word of their lower nibbles. value = d * (scale - 32) * value[q] */
#include "quant/iq4.glsl"

struct w_block {
    uint q[8];
    float d;
    int scale;
};

w_block w_load(uint row, uint slots, uint slot, uint block)
{
    w_block w;
    w_iq4(w4[row + slot], w.q);
    uint super = 4u * (row + slots) + block / 8u * 2u, j = block & 7u;
    uint s0 = w1[super], s1 = w1[super + 1u];
    w.scale = int(((s1 >> (j * 4u)) & 15u) | ((s0 >> (16u + j * 2u)) & 3u) << 4) - 32;
    w.d = half_to_float(s0 & 0xffffu);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 32 * 32 * 127 * 127 = 16,516,096 < 2^24. */
    return mul(w.d, float(w.scale * (lo + hi)));
}
