/* 32 elements: two words of four codebook indices, a word of signs and scale; per 256: f32 d.
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

w_block w_load(w_slot p)
{
    w_block w;
    for (uint k = 0u; k < 4u; k++) {
        uint i = p.word[k >> 1] >> ((k & 1u) * 16u);
        uint s = w_signs((p.word[2] >> (7u * k)) & 127u);
        w.q[2u * k] = w_signed(four(i), s & 15u);
        w.q[2u * k + 1u] = w_signed(four(i >> 8), s >> 4);
    }
    w.scale = int(2u * (p.word[2] >> 28) + 1u);
    w.d = mul(from_bits(p.super[0]), 0.25);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 31 * 32 * 62 * 127 < 2^24. */
    return mul(w.d, float(w.scale * (lo + hi)));
}
