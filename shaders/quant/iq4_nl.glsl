/* 32 elements: a plane of nibbles, a half scale. value = d * value[q] */
#include "quant/iq4.glsl"

struct w_block {
    uint q[8];
    float d;
};

w_block w_load(uint row, uint slots, uint slot, uint block)
{
    w_block w;
    w_iq4(w4[row + slot], w.q);
    w.d = half_to_float(w_half(4u * (row + slots), slot));
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 32 * 127 * 127 < 2^24. */
    return mul(w.d, float(lo + hi));
}
