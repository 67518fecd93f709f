#version 450
/* y = cap * tanh(y / cap); y: token. */
#include "common.glsl"
#include "tanh.glsl"
layout(push_constant) uniform Args { softcap_args a; };
layout(binding = 0) buffer Y { float y[]; };
layout(binding = 1) readonly buffer S { step_args step; };

void main()
{
    uint i = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x, t = gl_WorkGroupID.y;
    if (i >= a.n || t >= (a.n_cols == 0u ? step.n_tokens : a.n_cols))
        return;
    y[t * a.stride + i] = softcap(y[t * a.stride + i], a.cap, a.cap_inv);
}
