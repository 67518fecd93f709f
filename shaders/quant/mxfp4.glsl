/* 32 elements: a plane of nibbles; per 256: two words of exponents, a byte for each 32 (0: the
 * scale is 0). value = 2^(e - 127) * (twice E2M1) */
#include "quant/e2m1.glsl"

struct w_block {
    uint q[8];
    float d;
};

w_block w_load(uint row, uint slots, uint slot, uint block)
{
    w_block w;
    w_e2m1(w4[row + slot], w.q);
    uint e = w1[4u * (row + slots) + block / 4u] >> ((block & 3u) * 8u);
    w.d = from_bits((e & 255u) << 23);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* At most 32 * 12 * 127 < 2^24. */
    return mul(w.d, float(lo + hi));
}
