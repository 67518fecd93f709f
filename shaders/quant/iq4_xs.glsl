/* 32 elements: a plane of nibbles; per 256: a word of half d and eight upper bit pairs of the
 * scales, a word of their lower nibbles. value = d * (scale - 32) * value[q] */
#include "quant/iq4.glsl"

struct w_block {
    uint q[8];
    float d;
    int scale;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_iq4(p.u4[0], w.q);
    w.scale = int(((p.super[1] >> (p.eighth * 4u)) & 15u) |
                  ((p.super[0] >> (16u + p.eighth * 2u)) & 3u) << 4) - 32;
    w.d = half_to_float(p.super[0] & 0xffffu);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 32 * 32 * 127 * 127 = 16,516,096 < 2^24. */
    return mul(w.d, float(w.scale * (lo + hi)));
}
