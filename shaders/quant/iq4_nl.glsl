/* 32 elements: a plane of nibbles, a half scale. value = d * value[q] */
#include "quant/iq4.glsl"

struct w_block {
    uint q[8];
    float d;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_iq4(p.u4[0], w.q);
    w.d = w_half(p.half_);
    return w;
}

#define W_FLOATS
float w_term(w_block w, float lo, float all, float sum)
{
    /* At most 32 * 127 * 127 < 2^24. */
    return mul(w.d, all);
}
