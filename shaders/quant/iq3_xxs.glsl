/* 32 elements: two words of four codebook indices, a word of signs and scale; per 256: half d.
 * value = d / 4 * (2 scale + 1) * entry */
#include "quant/grid.glsl"

struct w_block {
    uint q[8];
    float d;
    int scale;
};

/* k means 4 + 8 k, but 7 means 62. */
uint four(uint index)
{
    uint k = w_spread3(w_entry(index & 255u));
    return 0x04040404u + k * 8u + (k & (k >> 1) & (k >> 2) & 0x01010101u) * 2u;
}

w_block w_load(uint row, uint slots, uint slot, uint block)
{
    w_block w;
    uint words = 4u * row, signs = w1[words + 2u * slots + slot];
    uvec2 index = uvec2(w1[words + slot], w1[words + slots + slot]);
    for (uint k = 0u; k < 4u; k++) {
        uint i = (k < 2u ? index.x : index.y) >> ((k & 1u) * 16u);
        uint s = w_signs((signs >> (7u * k)) & 127u);
        w.q[2u * k] = w_signed(four(i), s & 15u);
        w.q[2u * k + 1u] = w_signed(four(i >> 8), s >> 4);
    }
    w.scale = int(2u * (signs >> 28) + 1u);
    w.d = mul(half_to_float(w1[words + 3u * slots + block / 8u] & 0xffffu), 0.25);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 31 * 32 * 62 * 127 < 2^24. */
    return mul(w.d, float(w.scale * (lo + hi)));
}
