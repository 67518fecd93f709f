#version 450
/* y[i] = the xor of chains v = v + the products of the four bytes of v and of x[0]. */
#extension GL_EXT_integer_dot_product : require
#include "common.glsl"
#define INT_DOT
#include "dot4.glsl"
layout(push_constant) uniform Args { peak_dot_args a; };
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) writeonly buffer Y { uint y[]; };

void main()
{
    uint i = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x, w = x[0], all = 0u;
    int v[PEAK_CHAINS];
    for (uint c = 0u; c < PEAK_CHAINS; c++)
        v[c] = int(i * PEAK_CHAINS + c);
    for (uint n = 0u; n < a.n_rounds; n++)
        for (uint k = 0u; k < PEAK_UNROLL; k++)
            for (uint c = 0u; c < PEAK_CHAINS; c++)
                v[c] = dot4(uint(v[c]), w, v[c]);
    for (uint c = 0u; c < PEAK_CHAINS; c++)
        all ^= uint(v[c]);
    y[i] = all;
}
