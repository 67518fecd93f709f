/* Nibbles looked up in the 16 values of IQ4_NL and IQ4_XS: signed bytes -127 -104 -83 -65, -49
 * -35 -22 -10, 1 13 25 38, 53 69 89 113 (quant_iq4_values). Selected, not indexed: an array
 * might be copied for each invocation. */
#include "quant/nibbles.glsl"

uint w_value(uint nibble)
{
    uint low = (nibble & 4u) == 0u ? 0xbfad9881u : 0xf6eaddcfu;
    uint high = (nibble & 4u) == 0u ? 0x26190d01u : 0x71594535u;
    return (((nibble & 8u) == 0u ? low : high) >> ((nibble & 3u) * 8u)) & 255u;
}

void w_iq4(uvec4 v, out uint q[8])
{
    w_nibbles(v, q);
    for (uint i = 0u; i < 8u; i++)
        q[i] = w_value(q[i] & 15u) | w_value((q[i] >> 8) & 15u) << 8 |
               w_value((q[i] >> 16) & 15u) << 16 | w_value(q[i] >> 24) << 24;
}
