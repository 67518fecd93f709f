#version 450
/* y[i] = the sum of chains v = v * x[0] + x[1]: small whole numbers as floats. With x[0] = -1 or 1
 * they stay so, and all of it is exact, fused or not; and no compiler knows that. */
#include "common.glsl"
layout(push_constant) uniform Args { peak_f32_args a; };
layout(binding = 0) readonly buffer X { int x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };

void main()
{
    uint i = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x;
    vec4 factor = vec4(ivec4(x[0])), term = vec4(ivec4(x[1]));
    ivec4 first = ivec4(int(i & 15u)) + ivec4(0, 1, 2, 3);
    vec4 v0 = vec4(first), v1 = vec4(first + 4), v2 = vec4(first + 8);
    for (uint n = 0u; n < a.n_rounds; n++)
        for (uint k = 0u; k < PEAK_UNROLL; k++) {
            v0 = fma(v0, factor, term);
            v1 = fma(v1, factor, term);
            v2 = fma(v2, factor, term);
        }
    vec4 sum = add4(add4(v0, v1), v2);
    y[i] = block_sum(sum);
}
