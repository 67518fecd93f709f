/* 32 elements: a plane of nibbles (value + 8), a half scale. */
#include "quant/nibbles.glsl"

struct w_block {
    uint q[8];
    float d;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_nibbles(p.u4[0], w.q);
    w.d = half_to_float(p.half_);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    return mul(w.d, float(lo + hi - 8 * (sum_lo + sum_hi)));
}
