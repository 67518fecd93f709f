/* Nibbles to twice the values of E2M1: 0 1 2 3 4 6 8 12 and their negatives (quant_e2m1); four
 * bytes at once. With bits s h b a: h ? (4 + 2 a) << b : 2 b + a. */
#include "quant/nibbles.glsl"

uint w_value4(uint v)
{
    uint a = v & 0x01010101u, b = (v >> 1) & 0x01010101u, h = (v >> 2) & 0x01010101u;
    uint minus = (v >> 3) & (a | b | h); /* -0 would carry into the next byte */
    uint high = 0x04040404u + 2u * a;
    high += high & (b * 255u);
    uint r = (high & (h * 255u)) | ((2u * b + a) & ~(h * 255u));
    return (r ^ (minus * 255u)) + minus;
}

void w_e2m1(uvec4 v, out uint q[8])
{
    w_nibbles(v, q);
    for (uint i = 0u; i < 8u; i++)
        q[i] = w_value4(q[i]);
}
