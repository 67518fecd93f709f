/* 32 elements: a plane of low nibbles, a word of fifth bits, a half scale.
 * value = d * (q - 16) */
#include "quant/nibbles.glsl"
#include "quant/bits.glsl"

struct w_block {
    uint q[8];
    float d;
};

w_block w_load(uint row, uint slots, uint slot, uint block)
{
    w_block w;
    w_nibbles(w4[row + slot], w.q);
    uint words = 4u * (row + slots);
    w_bits(w1[words + slot], 4u, w.q);
    w.d = half_to_float(w_half(words + slots, slot));
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    return mul(w.d, float(lo + hi - 16 * (sum_lo + sum_hi)));
}
