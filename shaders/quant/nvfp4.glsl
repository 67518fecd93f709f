/* 32 elements: a plane of nibbles, two bytes of scale (UE4M3, one per 16; see nvfp4.c).
 * value = scale / 2 * (twice E2M1) */
#include "quant/e2m1.glsl"

struct w_block {
    uint q[8];
    float d_lo, d_hi;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_e2m1(p.u4[0], w.q);
    w.d_lo = mul(half_to_float((p.half_ & 255u) << 7), 128.0);
    w.d_hi = mul(half_to_float((p.half_ >> 8) << 7), 128.0);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 16 * 12 * 127 < 2^24. */
    return add(mul(w.d_lo, float(lo)), mul(w.d_hi, float(hi)));
}
