/* 32 elements: two words of low bit pairs, a word of high bits, two signed byte scales (one per
 * 16); per 256: f32 d. value = d * scale * (q - 4) */
#include "quant/bits.glsl"

struct w_block {
    uint q[8];
    float d;
    int scale_lo, scale_hi;
};

w_block w_load(w_slot p)
{
    w_block w;
    w.q = uint[8](0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u);
    w_pairs(p.word[0], p.word[1], 0u, w.q);
    w_bits(p.word[2], 2u, w.q);
    w.scale_lo = byte_of(p.half_, 0u);
    w.scale_hi = byte_of(p.half_, 1u);
    w.d = from_bits(p.super[0]);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 32 * 32 * 4 * 127 < 2^24. */
    return mul(w.d, float(w.scale_lo * (lo - 4 * sum_lo) + w.scale_hi * (hi - 4 * sum_hi)));
}
