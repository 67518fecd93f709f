#version 450
/* x[token] (+)= the sum of its experts' results by weight, in the order of choice; y: token. */
#include "common.glsl"
layout(push_constant) uniform Args { mix_args a; };
layout(binding = 0) buffer X { float x[]; };
layout(binding = 1) readonly buffer Y { float y[]; };
layout(binding = 2) readonly buffer W { float weights[]; };
layout(binding = 3) readonly buffer S { step_args step; };

void main()
{
    uint i = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x, t = gl_WorkGroupID.y;
    if (i >= a.n || t >= step.n_tokens)
        return;
    float sum = 0.0;
    for (uint k = 0u; k < a.n_used; k++) {
        uint pair = t * a.n_used + k;
        sum = add(sum, mul(sanitize(y[pair * a.y_stride + i]), sanitize(weights[pair])));
    }
    if ((a.flags & MIX_ADD) != 0u)
        sum = add(sanitize(x[t * a.x_stride + i]), sum);
    x[t * a.x_stride + i] = sum;
}
