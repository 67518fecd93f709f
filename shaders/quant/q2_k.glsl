/* 32 elements: two words of bit pairs, two bytes of scale (low nibble) and minimum (one per 16);
 * per 256: f32 d and dmin. value = d * scale * q - dmin * minimum */
#include "quant/bits.glsl"

struct w_block {
    uint q[8];
    float d, dmin;
    int scale_lo, scale_hi; /* with the minimum */
};

w_block w_load(w_slot p)
{
    w_block w;
    w.q = uint[8](0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u);
    w_pairs(p.word[0], p.word[1], 0u, w.q);
    w.scale_lo = int(p.half_ & 255u);
    w.scale_hi = int(p.half_ >> 8);
    w.d = from_bits(p.super[0]);
    w.dmin = from_bits(p.super[1]);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 32 * 15 * 3 * 127 < 2^24. */
    return sub(mul(w.d, float((w.scale_lo & 15) * lo + (w.scale_hi & 15) * hi)),
               mul(w.dmin, float((w.scale_lo >> 4) * sum_lo + (w.scale_hi >> 4) * sum_hi)));
}
