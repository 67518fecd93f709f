/* 32 elements: a plane of nibbles, a word of halves d and m. value = d * q + m */
#include "quant/nibbles.glsl"

struct w_block {
    uint q[8];
    float d, m;
};

w_block w_load(uint row, uint slots, uint slot, uint block)
{
    w_block w;
    w_nibbles(w4[row + slot], w.q);
    uint dm = w1[4u * (row + slots) + slot];
    w.d = half_to_float(dm & 0xffffu);
    w.m = half_to_float(dm >> 16);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 32 * 15 * 127 < 2^24. */
    return add(mul(w.d, float(lo + hi)), mul(w.m, float(sum_lo + sum_hi)));
}
