#version 450
/* Joins the chunks of split attention in order, for the one token of a decode step; x: head. */
#include "common.glsl"
#include "combine.glsl"
#include "attn_options.glsl"
layout(push_constant) uniform Args { attn_reduce_args a; };
layout(binding = 0) readonly buffer P { float p[]; }; /* [chunk][head][2 + head_dim] */
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(binding = 2) readonly buffer S { step_args step; };
layout(binding = 3) readonly buffer N { float sinks[]; }; /* [n_head] */

void main()
{
    uint head = gl_WorkGroupID.x, size = 2u + a.head_dim;
    uint n = (step.pos + ATTN_CHUNK) / ATTN_CHUNK;
    uint c0 = window_start(step.pos + 1u, a.window) / ATTN_CHUNK;
    for (uint d = gl_LocalInvocationID.x; d < a.head_dim; d += SIZE_X) {
        uint at = (c0 * a.n_head + head) * size;
        float m = p[at], l = p[at + 1u], o = p[at + 2u + d];
        for (uint c = c0 + 1u; c < n; c++) {
            at += a.n_head * size;
            join j = join_sums(m, l, p[at], p[at + 1u]);
            o = join_value(j, o, p[at + 2u + d]);
            m = j.m;
            l = j.l;
        }
        if ((ATTN & ATTN_SINKS) != 0u) {
            join j = join_sums(m, l, sanitize(sinks[head]), 1.0);
            o = join_value(j, o, 0.0);
            l = j.l;
        }
        y[head * a.head_dim + d] = mul(o, recip(l));
    }
}
