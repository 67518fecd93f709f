/* 32 elements: a plane of nibbles (value + 8), a half scale. */
#include "quant/nibbles.glsl"

struct w_block {
    uint q[8];
    float d;
};

w_block w_load(uint row, uint slots, uint slot, uint block)
{
    w_block w;
    w_nibbles(w4[row + slot], w.q);
    w.d = half_to_float(w_half(4u * (row + slots), slot));
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    return mul(w.d, float(lo + hi - 8 * (sum_lo + sum_hi)));
}
