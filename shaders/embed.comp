#version 450
/* y[t] (+)= scale * row of the embedding matrix for history[pos + t], for the position, or row 0.
 * x: one workgroup per token. */
#include "common.glsl"
layout(push_constant) uniform Args { embed_args a; };
#include "weights.glsl"
layout(binding = 1) readonly buffer H { uint history[]; };
layout(binding = 2) buffer Y { float y[]; };
layout(binding = 3) readonly buffer S { step_args step; };

void main()
{
    uint t = gl_WorkGroupID.x;
    if (t >= step.n_tokens)
        return;
    uint row = (a.flags & EMBED_FIRST) != 0u ? 0u
        : (a.flags & EMBED_POSITION) != 0u ? step.pos + t : history[step.pos + t];
    uint id = row - a.row_first;
    if (id >= a.n_rows)
        return;
    uint quad = id / 4u * a.quad_u4, r = id % 4u, slots = a.steps * a.lanes;
    for (uint e = gl_LocalInvocationID.x; e < a.n; e += SIZE_X) {
        uint b = e / 32u, i = e % 32u;
        uint slot = b % a.steps * a.lanes + b / a.steps;
#ifdef CLASS_INT
        /* An element is the value of a block whose activation is 1 there and 0 elsewhere. */
        w_block w = w_load(w_slot_of(quad, r, slots, slot, b));
        int q = byte_of(w.q[i / 4u], i % 4u);
        int is_lo = i < 16u ? 1 : 0, is_hi = 1 - is_lo;
        float v = w_halves(w, q * is_lo, q * is_hi, is_lo, is_hi);
#else
        float v = w_vec4(quad + r * W_U4 * slots, slots, slot, i / 4u)[i % 4u];
#endif
        v = sanitize(mul(sanitize(v), a.scale));
        uint at = t * a.y_stride + e;
        y[at] = (a.flags & EMBED_ADD) != 0u ? sanitize(add(y[at], v)) : v;
    }
}
