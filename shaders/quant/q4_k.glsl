/* 32 elements: a plane of nibbles, a signed byte each of scale and minimum; per 256: magnitudes
 * of d and dmin. value = d * scale * q - dmin * minimum */
#include "quant/nibbles.glsl"

struct w_block {
    uint q[8];
    float d, dmin;
    float scale, minimum;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_nibbles(p.u4[0], w.q);
    w.scale = float(byte_of(p.half_, 0u));
    w.minimum = float(byte_of(p.half_, 1u));
    w.d = magnitude(p.super[0] & 0xffffu);
    w.dmin = magnitude(p.super[0] >> 16);
    return w;
}

#define W_FLOATS
float w_term(w_block w, float lo, float all, float sum)
{
    /* Integers below 2^24: floats are exact, and faster on some GPUs. */
    return sub(mul(w.d, mul(w.scale, all)),
               mul(w.dmin, mul(w.minimum, sum)));
}
