#version 450
/* y[i] = the sum of chains v = v * x[0] + x[1]. With x[0] = -1 or 1 and small whole numbers all of
 * it is exact, fused or not, and no compiler knows that. */
#include "common.glsl"
layout(push_constant) uniform Args { peak_f32_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };

void main()
{
    uint i = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x;
    vec4 factor = vec4(x[0]), term = vec4(x[1]), first = vec4(float(i & 15u));
    vec4 v0 = add4(first, vec4(0.0, 1.0, 2.0, 3.0));
    vec4 v1 = add4(first, vec4(4.0, 5.0, 6.0, 7.0));
    vec4 v2 = add4(first, vec4(8.0, 9.0, 10.0, 11.0));
    for (uint n = 0u; n < a.n_rounds; n++)
        for (uint k = 0u; k < PEAK_UNROLL; k++) {
            v0 = fma(v0, factor, term);
            v1 = fma(v1, factor, term);
            v2 = fma(v2, factor, term);
        }
    vec4 sum = add4(add4(v0, v1), v2);
    y[i] = block_sum(sum);
}
