/* 32 elements: a word of four codebook indices, 16 bits of their upper bits and signs of delta;
 * per 256: two words of 3-bit scales (one per 16) and, in four nibbles, half d. value = d / 8 *
 * (2 scale + 1) * (8 entry + 8 delta) */
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
        uint nibble = (p.half_ >> (4u * k)) & 15u;
        uint e = w_entry(((p.word[0] >> (8u * k)) & 255u) | (nibble & 7u) << 8);
        w.q[2u * k] = w_iq1(e & 255u, nibble >> 3);
        w.q[2u * k + 1u] = w_iq1(e >> 8, nibble >> 3);
    }
    uint s0 = p.super[0], s1 = p.super[1];
    uint scales = (p.eighth & 4u) == 0u ? s0 : s1;
    scales >>= ((p.eighth >> 1) & 1u) * 16u + (p.eighth & 1u) * 6u;
    w.scale_lo = int(2u * (scales & 7u) + 1u);
    w.scale_hi = int(2u * ((scales >> 3) & 7u) + 1u);
    w.d = mul(half_to_float(((s0 >> 12) & 15u) | (s0 >> 28) << 4 | ((s1 >> 12) & 15u) << 8 |
                            (s1 >> 28) << 12), 0.125);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 15 * 32 * 9 * 127 < 2^24. */
    return mul(w.d, float(w.scale_lo * lo + w.scale_hi * hi));
}
