#version 450
/* f32 -> 8-bit blocks of 32. One invocation per block; y: token, z: row of it. Written in slot order: 2 planes of
 * 16 bytes, then (d, sums of both halves). */
#include "common.glsl"
#include "quantize.glsl"
layout(push_constant) uniform Args { quantize_args a; };
layout(binding = 0) readonly buffer X { uvec4 x[]; };
layout(binding = 1) writeonly buffer Q4 { uvec4 q4[]; };
layout(binding = 1) writeonly buffer Q2 { uvec2 q2[]; };
layout(binding = 2) readonly buffer S { step_args step; };

void main()
{
    uint b = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x, t = gl_WorkGroupID.y;
    if (b >= a.n_blocks || t >= (a.n_cols == 0u ? step.n_tokens : a.n_cols))
        return;
    vec4 v[8];
    for (uint i = 0u; i < 8u; i++)
        v[i] = sanitize4(x[(t * a.x_stride + gl_WorkGroupID.z * a.x_step) / 4u + b * 8u + i]);
    q8_block q = quantize_block(v);
    uint slots = a.steps * a.lanes, slot = b % a.steps * a.lanes + b / a.steps;
    uint row = t * a.y_stride + gl_WorkGroupID.z * a.y_step;
    q4[row + slot] = uvec4(q.q[0], q.q[1], q.q[2], q.q[3]);
    q4[row + slots + slot] = uvec4(q.q[4], q.q[5], q.q[6], q.q[7]);
    q2[2u * (row + 2u * slots) + slot] = uvec2(bits(q.d), q.sums);
}
