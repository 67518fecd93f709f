/* 32 elements: a word of four codebook indices, 16 bits of upper index bits, scale and sign of
 * delta; per 256: f32 d. value = d / 8 * (2 scale + 1) * (8 entry + 8 delta) */
#include "quant/grid.glsl"

struct w_block {
    uint q[8];
    float d;
    int scale;
};

w_block w_load(w_slot p)
{
    w_block w;
    for (uint k = 0u; k < 4u; k++) {
        uint e = w_entry(((p.word[0] >> (8u * k)) & 255u) | ((p.half_ >> (3u * k)) & 7u) << 8);
        w.q[2u * k] = w_iq1(e & 255u, p.half_ >> 15);
        w.q[2u * k + 1u] = w_iq1(e >> 8, p.half_ >> 15);
    }
    w.scale = int(2u * ((p.half_ >> 12) & 7u) + 1u);
    w.d = mul(from_bits(p.super[0]), 0.125);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 15 * 32 * 9 * 127 < 2^24. */
    return mul(w.d, float(w.scale * (lo + hi)));
}
