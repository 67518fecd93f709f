/* 32 elements: a word of four codebook indices, a word of signs, a byte of upper index bits and
 * one of scales (nibbles, one per 16); per 256: f32 d. value = d / 8 * (2 scale + 1) * entry */
#include "quant/grid.glsl"

struct w_block {
    uint q[8];
    float d;
    int scale_lo, scale_hi;
};

w_block w_load(w_slot p)
{
    w_block w;
    for (uint k = 0u; k < 4u; k++) {
        uint e = w_entry(((p.word[0] >> (8u * k)) & 255u) | ((p.half_ >> (2u * k)) & 3u) << 8);
        uint s = p.word[1] >> (8u * k);
        w.q[2u * k] = w_signed(w_iq2(e & 255u), s & 15u);
        w.q[2u * k + 1u] = w_signed(w_iq2(e >> 8), (s >> 4) & 15u);
    }
    w.scale_lo = int(2u * ((p.half_ >> 8) & 15u) + 1u);
    w.scale_hi = int(2u * (p.half_ >> 12) + 1u);
    w.d = mul(from_bits(p.super[0]), 0.125);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 31 * 32 * 43 * 127 < 2^24. */
    return mul(w.d, float(w.scale_lo * lo + w.scale_hi * hi));
}
