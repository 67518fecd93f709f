/* 32 elements: two words of two codebook indices (9 bits) with 7 signs each; per 256: a word of
 * f32 d, two words of scales (nibbles, one per 16). value = d / 8 * (2 scale + 1) * entry */
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
        uint v = (p.word[k >> 1] >> ((k & 1u) * 16u)) & 0xffffu;
        uint e = w_entry(v & 511u), s = w_signs(v >> 9);
        w.q[2u * k] = w_signed(w_iq2(e & 255u), s & 15u);
        w.q[2u * k + 1u] = w_signed(w_iq2(e >> 8), s >> 4);
    }
    uint s = ((p.eighth & 4u) == 0u ? p.super[1] : p.super[2]) >> ((p.eighth & 3u) * 8u);
    w.scale_lo = int(2u * (s & 15u) + 1u);
    w.scale_hi = int(2u * ((s >> 4) & 15u) + 1u);
    w.d = mul(from_bits(p.super[0]), 0.125);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 31 * 32 * 43 * 127 < 2^24. */
    return mul(w.d, float(w.scale_lo * lo + w.scale_hi * hi));
}
