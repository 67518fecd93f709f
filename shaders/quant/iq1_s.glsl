/* 32 elements: a word of four codebook indices, 16 bits of upper index bits, scale and sign of
 * delta; per 256: half d. value = d / 8 * (2 scale + 1) * (8 entry + 8 delta) */
#include "quant/grid.glsl"

struct w_block {
    uint q[8];
    float d;
    int scale;
};

w_block w_load(uint row, uint slots, uint slot, uint block)
{
    w_block w;
    uint words = 4u * row, index = w1[words + slot];
    words += slots;
    uint h = w_half(words, slot);
    for (uint k = 0u; k < 4u; k++) {
        uint e = w_entry(((index >> (8u * k)) & 255u) | ((h >> (3u * k)) & 7u) << 8);
        w.q[2u * k] = w_iq1(e & 255u, h >> 15);
        w.q[2u * k + 1u] = w_iq1(e >> 8, h >> 15);
    }
    w.scale = int(2u * ((h >> 12) & 7u) + 1u);
    w.d = mul(half_to_float(w1[words + (slots + 1u) / 2u + block / 8u] & 0xffffu), 0.125);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 15 * 32 * 9 * 127 < 2^24. */
    return mul(w.d, float(w.scale * (lo + hi)));
}
