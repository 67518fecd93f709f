/* 32 elements: a plane of nibbles; per 256: two words of exponents, a byte for each 32 (0: the
 * scale is 0). value = 2^(e - 127) * (twice E2M1) */
#include "quant/e2m1.glsl"

struct w_block {
    uint q[8];
    float d;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_e2m1(p.u4[0], w.q);
    uint e = ((p.eighth & 4u) == 0u ? p.super[0] : p.super[1]) >> ((p.eighth & 3u) * 8u);
    w.d = from_bits((e & 255u) << 23);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 32 * 12 * 127 < 2^24. */
    return mul(w.d, float(lo + hi));
}
