/* 32 elements: a plane of nibbles, two bytes of scale (UE4M3, one per 16; see nvfp4.c).
 * value = scale / 2 * (twice E2M1) */
#include "quant/e2m1.glsl"

struct w_block {
    uint q[8];
    float d_lo, d_hi;
};

w_block w_load(uint row, uint slots, uint slot, uint block)
{
    w_block w;
    w_e2m1(w4[row + slot], w.q);
    uint s = w_half(4u * (row + slots), slot);
    w.d_lo = mul(half_to_float((s & 255u) << 7), 128.0);
    w.d_hi = mul(half_to_float((s >> 8) << 7), 128.0);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 16 * 12 * 127 < 2^24. */
    return add(mul(w.d_lo, float(lo)), mul(w.d_hi, float(hi)));
}
