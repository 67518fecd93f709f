/* 32 elements: a plane of low nibbles, a word of fifth bits, a word of halves d and m.
 * value = d * q + m */
#include "quant/nibbles.glsl"
#include "quant/bits.glsl"

struct w_block {
    uint q[8];
    float d, m;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_nibbles(p.u4[0], w.q);
    w_bits(p.word[0], 4u, w.q);
    w.d = w_half(p.word[1] & 0xffffu);
    w.m = w_half(p.word[1] >> 16);
    return w;
}

#define W_FLOATS
float w_term(w_block w, float lo, float all, float sum)
{
    /* At most 32 * 31 * 127 < 2^24. */
    return add(mul(w.d, all), mul(w.m, sum));
}
