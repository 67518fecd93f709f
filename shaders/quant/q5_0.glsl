/* 32 elements: a plane of low nibbles, a word of fifth bits, a half scale.
 * value = d * (q - 16) */
#include "quant/nibbles.glsl"
#include "quant/bits.glsl"

struct w_block {
    uint q[8];
    float d;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_nibbles(p.u4[0], w.q);
    w_bits(p.word[0], 4u, w.q);
    w.d = w_half(p.half_);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    return mul(w.d, float(lo + hi - 16 * (sum_lo + sum_hi)));
}
