/* 32 elements: two words of four codebook indices, a word of signs, a byte of upper index bits
 * and one of scale; per 256: f32 d. value = d * (2 scale + 1) * entry */
#include "quant/grid.glsl"

struct w_block {
    uint q[8];
    float d;
    int scale;
};

/* k means 2 k + 1. */
uint four(uint index, uint upper)
{
    return w_spread3(w_entry((index & 255u) | (upper & 1u) << 8)) * 2u + 0x01010101u;
}

w_block w_load(w_slot p)
{
    w_block w;
    for (uint i = 0u; i < 8u; i++) {
        uint v = p.word[i >> 2] >> ((i & 3u) * 8u);
        w.q[i] = w_signed(four(v, p.half_ >> i), (p.word[2] >> (4u * i)) & 15u);
    }
    w.scale = int(2u * (p.half_ >> 8) + 1u);
    w.d = from_bits(p.super[0]);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 31 * 32 * 15 * 127 < 2^24. */
    return mul(w.d, float(w.scale * (lo + hi)));
}
