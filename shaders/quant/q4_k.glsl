/* 32 elements: a plane of nibbles, a byte of scale and a byte of minimum; per 256: halves d and
 * dmin. value = d * scale * q - dmin * minimum */
#include "quant/nibbles.glsl"

struct w_block {
    uint q[8];
    float d, dmin;
    int scale, minimum;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_nibbles(p.u4[0], w.q);
    w.scale = int(p.half_ & 255u);
    w.minimum = int(p.half_ >> 8);
    w.d = half_to_float(p.super[0] & 0xffffu);
    w.dmin = half_to_float(p.super[0] >> 16);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    return sub(mul(w.d, float(w.scale * (lo + hi))),
               mul(w.dmin, float(w.minimum * (sum_lo + sum_hi))));
}
