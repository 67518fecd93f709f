/* 32 elements: a plane of low nibbles, two words of high bit pairs, two signed byte scales (one per
 * 16); per 256: half d. value = d * scale * (q - 32) */
#include "quant/nibbles.glsl"
#include "quant/bits.glsl"

struct w_block {
    uint q[8];
    float d;
    int scale_lo, scale_hi;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_nibbles(p.u4[0], w.q);
    w_pairs(p.word[0], p.word[1], 4u, w.q);
    w.scale_lo = byte_of(p.half_, 0u);
    w.scale_hi = byte_of(p.half_, 1u);
    w.d = half_to_float(p.super[0] & 0xffffu);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 2 * 128 * 16 * 32 * 127 < 2^24: exact in a float. */
    return mul(w.d,
               float(w.scale_lo * (lo - 32 * sum_lo) + w.scale_hi * (hi - 32 * sum_hi)));
}
