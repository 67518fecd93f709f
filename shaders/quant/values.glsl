/* Nibbles looked up in w_values: 16 signed bytes, four a word, which the format's file defines. */
#include "quant/nibbles.glsl"

uint w_value(uint nibble)
{
    return (w_values[nibble >> 2] >> ((nibble & 3u) * 8u)) & 255u;
}

void w_lookup(uvec4 v, out uint q[8])
{
    w_nibbles(v, q);
    for (uint i = 0u; i < 8u; i++)
        q[i] = w_value(q[i] & 15u) | w_value((q[i] >> 8) & 15u) << 8 |
               w_value((q[i] >> 16) & 15u) << 16 | w_value(q[i] >> 24) << 24;
}
