#version 450
/* f32 -> 8-bit blocks of 32: d = max|x| / 127, q = round(x / d). One invocation per block; y: token.
 * Written in slot order: 2 planes of 16 bytes, then (d, sums of both halves). */
#include "common.glsl"
layout(push_constant) uniform Args { quantize_args a; };
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) writeonly buffer Q { uint q[]; };
layout(binding = 2) readonly buffer S { step_args step; };

void main()
{
    uint b = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x, t = gl_WorkGroupID.y;
    if (b >= a.n_blocks || t >= (a.n_cols == 0u ? step.n_tokens : a.n_cols))
        return;
    uint first = t * a.x_stride + b * 32u, most = 0u;
    for (uint i = 0u; i < 32u; i++)
        most = max(most, bits(sanitize(x[first + i])) & 0x7fffffffu);
    float d = 0.0, inv = 0.0;
    if (most != 0u) {
        d = mul(from_bits(most), 0.007874015718698501587);
        inv = mul(127.0, recip(from_bits(most)));
    }
    uint slots = a.steps * a.lanes, slot = b % a.steps * a.lanes + b / a.steps;
    uint row = t * a.y_stride;
    int sums[2] = {0, 0};
    for (uint i = 0u; i < 8u; i++) {
        uint word = 0u;
        for (uint k = 0u; k < 4u; k++) {
            int n = clamp(round_away(mul(sanitize(x[first + 4u * i + k]), inv)), -127, 127);
            word |= (uint(n) & 255u) << (8u * k);
            sums[i / 4u] += n;
        }
        q[4u * (row + i / 4u * slots + slot) + i % 4u] = word;
    }
    uint meta = 4u * (row + 2u * slots) + 2u * slot;
    q[meta] = bits(d);
    q[meta + 1u] = (uint(sums[0]) & 0xffffu) | (uint(sums[1]) << 16);
}
