#version 450
/* y = silu(gate) * up; y: token. */
#include "common.glsl"
#include "silu.glsl"
layout(push_constant) uniform Args { silu_mul_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(binding = 2) readonly buffer S { step_args step; };

void main()
{
    uint i = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x, t = gl_WorkGroupID.y;
    if (i >= a.n || t >= step.n_tokens)
        return;
    /* Without up_first, four of gate and four of up take turns. */
    uint gate = t * a.x_stride + (a.up_first != 0u ? i : i / 4u * 8u + i % 4u);
    uint up = gate + (a.up_first != 0u ? a.up_first : 4u);
    y[t * a.y_stride + i] = silu_mul(x[gate], x[up]);
}
