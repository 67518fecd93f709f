/* 32 elements: a plane of low nibbles, a word of fifth bits, a byte of scale and a byte of minimum;
 * per 256: halves d and dmin. value = d * scale * q - dmin * minimum */
#include "quant/nibbles.glsl"
#include "quant/bits.glsl"

struct w_block {
    uint q[8];
    float d, dmin;
    int scale, minimum;
};

w_block w_load(uint row, uint slots, uint slot, uint block)
{
    w_block w;
    w_nibbles(w4[row + slot], w.q);
    uint words = 4u * (row + slots);
    w_bits(w1[words + slot], 4u, w.q);
    words += slots;
    uint sm = w_half(words, slot);
    uint dd = w1[words + (slots + 1u) / 2u + block / 8u];
    w.scale = int(sm & 255u);
    w.minimum = int(sm >> 8);
    w.d = half_to_float(dd & 0xffffu);
    w.dmin = half_to_float(dd >> 16);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 63 * 32 * 31 * 127 < 2^24. */
    return sub(mul(w.d, float(w.scale * (lo + hi))),
               mul(w.dmin, float(w.minimum * (sum_lo + sum_hi))));
}
