/* 32 elements: two words of bit pairs; per 256: f32 d. value = d * (q - 1) */
#include "quant/bits.glsl"

struct w_block {
    uint q[8];
    float d;
};

w_block w_load(w_slot p)
{
    w_block w;
    w.q = uint[8](0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u);
    w_pairs(p.word[0], p.word[1], 0u, w.q);
    w.d = from_bits(p.super[0]);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 32 * 2 * 127 < 2^24. */
    return mul(w.d, float(lo + hi - (sum_lo + sum_hi)));
}
