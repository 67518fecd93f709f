#version 450
/* Gated units: y = act(gate) * up, or act(x) without a gate. An invocation makes a block of 32; y: row. */
#include "common.glsl"
#include "glu.glsl"
#include "quantize.glsl"
layout(push_constant) uniform Args { glu_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(binding = 1) writeonly buffer Y4 { uvec4 y4[]; };
layout(binding = 1) writeonly buffer Y2 { uvec2 y2[]; };
layout(binding = 2) readonly buffer S { step_args step; };

float unit(uint row, uint i)
{
    if (i >= a.n)
        return 0.0;
    if (a.up_first == GLU_NO_GATE)
        return glu(a.act, x[row + i], 1.0);
    /* Without up_first, four of gate and four of up take turns. */
    uint gate = row + (a.up_first != 0u ? i : i / 4u * 8u + i % 4u);
    return glu(a.act, x[gate], x[gate + (a.up_first != 0u ? a.up_first : 4u)]);
}

void main()
{
    uint b = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x, r = gl_WorkGroupID.y;
    if (b >= a.n_blocks || r >= step.n_tokens * a.rows)
        return;
    vec4 v[8];
    for (uint i = 0u; i < 8u; i++)
        for (uint k = 0u; k < 4u; k++)
            v[i][k] = unit(r * a.x_stride, b * 32u + 4u * i + k);
    if (OUT == OUT_ROWS) {
        for (uint i = 0u; i < 32u; i++)
            if (b * 32u + i < a.n)
                y[r * a.y_stride + b * 32u + i] = v[i / 4u][i % 4u];
        return;
    }
    q8_block q = quantize_block(v);
    uint slots = a.steps * a.lanes, slot = b % a.steps * a.lanes + b / a.steps, at = r * a.y_stride;
    y4[at + slot] = uvec4(q.q[0], q.q[1], q.q[2], q.q[3]);
    y4[at + slots + slot] = uvec4(q.q[4], q.q[5], q.q[6], q.q[7]);
    y2[2u * (at + 2u * slots) + slot] = uvec2(bits(q.d), q.sums);
}
