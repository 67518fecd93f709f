/* 32 elements: a plane of low nibbles, a word of fifth bits, a signed byte each of scale and minimum;
 * per 256: magnitudes of d and dmin. value = d * scale * q - dmin * minimum */
#include "quant/nibbles.glsl"
#include "quant/bits.glsl"

struct w_block {
    uint q[8];
    float d, dmin;
    float scale, minimum;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_nibbles(p.u4[0], w.q);
    w_bits(p.word[0], 4u, w.q);
    w.scale = float(byte_of(p.half_, 0u));
    w.minimum = float(byte_of(p.half_, 1u));
    w.d = magnitude(p.super[0] & 0xffffu);
    w.dmin = magnitude(p.super[0] >> 16);
    return w;
}

#define W_FLOATS
float w_term(w_block w, float lo, float all, float sum)
{
    /* Integers of at most 63 * 32 * 31 * 127 < 2^24: floats are exact, and faster on some GPUs. */
    return sub(mul(w.d, mul(w.scale, all)),
               mul(w.dmin, mul(w.minimum, sum)));
}
