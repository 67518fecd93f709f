/* 32 elements: a word of four codebook indices, a word of signs and scale; per 256: f32 d.
 * value = d / 8 * (2 scale + 1) * entry */
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
        uint e = w_entry((p.word[0] >> (8u * k)) & 255u);
        uint s = w_signs((p.word[1] >> (7u * k)) & 127u);
        w.q[2u * k] = w_signed(w_iq2(e & 255u), s & 15u);
        w.q[2u * k + 1u] = w_signed(w_iq2(e >> 8), s >> 4);
    }
    w.scale = int(2u * (p.word[1] >> 28) + 1u);
    w.d = mul(from_bits(p.super[0]), 0.125);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 31 * 32 * 43 * 127 < 2^24. */
    return mul(w.d, float(w.scale * (lo + hi)));
}
