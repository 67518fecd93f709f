/* What matvec does with the sums of a unit of quads, sums[4 * quad + row]: OUT_ROPE, OUT_SWIGLU. */
#include "kv.glsl"
#include "silu.glsl"
layout(binding = 2) writeonly buffer Y4 { uvec4 y4[]; };
layout(binding = 2) writeonly buffer Y1 { uint y1[]; };
layout(binding = 6) writeonly buffer K { uint kc[]; };
layout(binding = 7) writeonly buffer V { uint vc[]; };
layout(binding = 8) readonly buffer R { vec2 rot[]; };
#include "rope.glsl"
#include "kv_store.glsl"
shared float sums[OUT == OUT_ROWS ? 1u : 64u];
shared float outs[OUT == OUT_SWIGLU ? 32u : 1u];

/* Four neighbouring elements of a head of Q, K or V; row: of the first. */
void finish_rope(uint row, vec4 v)
{
    uint head = row / a.head_dim, dim = row % a.head_dim;
    v = sanitize4(floatBitsToUint(v));
    bool is_v = head >= a.n_head + a.n_head_kv;
    if (!is_v)
        v = rotate4(v, step.pos, dim, a.n_rot);
    if (head < a.n_head) {
        for (uint k = 0u; k < 4u; k++)
            y[row + k] = sanitize(v[k]);
        return;
    }
    if (KV >= KV_TYPE_Q8_0)
        return; /* finish_kv */
    head -= is_v ? a.n_head + a.n_head_kv : a.n_head;
    uint place = step.pos % a.n_ctx; /* the cache of a window is a ring */
    uint e = is_v ? v_index(head, place, dim, a.head_dim, a.n_ctx)
                  : k_index(head, place, dim, a.head_dim, a.n_ctx);
    uint n = KV_F16 != 0u ? 2u : 4u, at = KV_F16 != 0u ? e / 2u : e;
    for (uint k = 0u; k < n; k++) {
        uint word = KV_F16 != 0u
            ? float_to_cache(v[2u * (k & 1u)]) | (float_to_cache(v[2u * (k & 1u) + 1u]) << 16)
            : bits(sanitize(v[k]));
        if (is_v)
            vc[at + k] = word;
        else
            kc[at + k] = word;
    }
}

/* Block `at` of the unit, if it is of K or V; row: of its first element. */
void finish_kv(uint row, uint at)
{
    uint head = row / a.head_dim, dim = row % a.head_dim;
    bool is_v = head >= a.n_head + a.n_head_kv;
    vec4 v[8];
    if (head < a.n_head)
        return;
    for (uint i = 0u; i < 8u; i++) {
        uint s = 4u * (8u * at + i);
        v[i] = sanitize4(floatBitsToUint(vec4(sums[s], sums[s + 1u], sums[s + 2u], sums[s + 3u])));
        if (!is_v)
            v[i] = sanitize4(floatBitsToUint(rotate4(v[i], step.pos, dim + 4u * i, a.n_rot)));
    }
    kv_store(is_v, head - (is_v ? a.n_head + a.n_head_kv : a.n_head), step.pos, dim, v);
}

/* Block b of y from 16 quads, gate and up by turns. Contains a barrier. */
void finish_swiglu(uint b)
{
    const uint size = SIZE_X * SIZE_Y;
    for (uint i = gl_LocalInvocationIndex; i < 32u; i += size)
        outs[i] = silu_mul(sums[i / 4u * 8u + i % 4u], sums[i / 4u * 8u + 4u + i % 4u]);
    barrier();
    if (gl_LocalInvocationIndex != 0u)
        return;
    vec4 v[8];
    for (uint i = 0u; i < 8u; i++)
        v[i] = vec4(outs[4u * i], outs[4u * i + 1u], outs[4u * i + 2u], outs[4u * i + 3u]);
    q8_block q = quantize_block(v);
    uint slots = a.y_steps * a.y_lanes, slot = b % a.y_steps * a.y_lanes + b / a.y_steps;
    y4[slot] = uvec4(q.q[0], q.q[1], q.q[2], q.q[3]);
    y4[slots + slot] = uvec4(q.q[4], q.q[5], q.q[6], q.q[7]);
    y1[8u * slots + 2u * slot] = bits(q.d);
    y1[8u * slots + 2u * slot + 1u] = q.sums;
}
