/* 32 elements: a plane of low nibbles, a word of fifth bits, a word of halves d and m.
 * value = d * q + m */
#include "quant/nibbles.glsl"
#include "quant/bits.glsl"

struct w_block {
    uint q[8];
    float d, m;
};

w_block w_load(uint row, uint slots, uint slot, uint block)
{
    w_block w;
    w_nibbles(w4[row + slot], w.q);
    uint words = 4u * (row + slots);
    w_bits(w1[words + slot], 4u, w.q);
    uint dm = w1[words + slots + slot];
    w.d = half_to_float(dm & 0xffffu);
    w.m = half_to_float(dm >> 16);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 32 * 31 * 127 < 2^24. */
    return add(mul(w.d, float(lo + hi)), mul(w.m, float(sum_lo + sum_hi)));
}
