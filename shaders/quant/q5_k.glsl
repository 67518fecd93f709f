/* 32 elements: a plane of low nibbles, a word of fifth bits, a byte of scale and a byte of minimum;
 * per 256: halves d and dmin. value = d * scale * q - dmin * minimum */
#include "quant/nibbles.glsl"
#include "quant/bits.glsl"

struct w_block {
    uint q[8];
    float d, dmin;
    int scale, minimum;
};

w_block w_load(w_slot p)
{
    w_block w;
    w_nibbles(p.u4[0], w.q);
    w_bits(p.word[0], 4u, w.q);
    w.scale = int(p.half_ & 255u);
    w.minimum = int(p.half_ >> 8);
    w.d = half_to_float(p.super[0] & 0xffffu);
    w.dmin = half_to_float(p.super[0] >> 16);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 63 * 32 * 31 * 127 < 2^24. */
    return sub(mul(w.d, float(w.scale * (lo + hi))),
               mul(w.dmin, float(w.minimum * (sum_lo + sum_hi))));
}
