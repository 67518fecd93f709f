#version 450
/*
 * Attention of one head and token over chunks of ATTN_CHUNK positions. Within a chunk: scores, their
 * maximum, p = exp(score - maximum), sums of p and p * V in the order of positions; chunks are
 * joined in order. SPLIT: x is the chunk, results are partial, attn_reduce joins them; else x is the
 * head, y the token, and a workgroup joins chunk_count chunks to what the dispatch before left in
 * p[]: one dispatch over a long context would run long, and a driver has been seen to end loops
 * silently after 65535 iterations. The bits are the same.
 */
#include "common.glsl"
#include "kv.glsl"
#include "combine.glsl"
#include "attn_options.glsl"
layout(push_constant) uniform Args { attention_args a; };
layout(binding = 0) readonly buffer Q { float q[]; };
layout(binding = 1) readonly buffer K { uint kc[]; };
layout(binding = 2) readonly buffer V { uint vc[]; };
layout(binding = 3) writeonly buffer Y { float y[]; };
layout(binding = 4) readonly buffer S { step_args step; };
layout(binding = 5) buffer P { float p[]; }; /* [chunk if SPLIT, else token][head][2 + head_dim] */
layout(binding = 6) readonly buffer N { float sinks[]; }; /* [n_head] */
shared float query[MAX_HEAD_DIM];
shared float scores[ATTN_CHUNK];
shared float weights[ATTN_CHUNK];
shared float sums[MAX_HEAD_DIM];

vec2 halves(uint w)
{
    return vec2(half_to_float(w & 0xffffu), half_to_float(w >> 16));
}

/* pos: its place in the cache. */
float score(uint head, uint pos, float scale)
{
    vec4 acc = vec4(0.0);
    for (uint d = 0u; d < a.head_dim; d += 4u) {
        uint e = k_index(head, pos, d, a.head_dim, a.n_ctx);
        vec4 k = KV_F16 != 0u ? vec4(halves(kc[e / 2u]), halves(kc[e / 2u + 1u]))
            : uintBitsToFloat(uvec4(kc[e], kc[e + 1u], kc[e + 2u], kc[e + 3u]));
        acc = add4(acc, mul4(vec4(query[d], query[d + 1u], query[d + 2u], query[d + 3u]), k));
    }
    float s = mul(block_sum(acc), scale);
    return (ATTN & ATTN_SOFTCAP) != 0u ? softcap(s, a.softcap, a.softcap_inv) : s;
}

/* Chunk's maximum score; leaves p in weights[]. */
float chunk_weights(uint head, uint first, uint n, float scale)
{
    for (uint j = gl_LocalInvocationID.x; j < n; j += SIZE_X)
        scores[j] = score(head, first + j, scale);
    barrier();
    float m = scores[0];
    for (uint j = 1u; j < n; j++)
        m = scores[j] > m ? scores[j] : m;
    for (uint j = gl_LocalInvocationID.x; j < n; j += SIZE_X)
        weights[j] = exact_exp(sub(scores[j], m));
    barrier();
    return m;
}

float chunk_sum(uint n)
{
    float l = 0.0;
    for (uint j = 0u; j < n; j++)
        l = add(l, weights[j]);
    return l;
}

vec2 chunk_values(uint head, uint first, uint n, uint dim)
{
    vec2 o = vec2(0.0);
    uint e = v_index(head, first, dim, a.head_dim, a.n_ctx);
    for (uint j = 0u; j < n; j++, e += a.head_dim) {
        vec2 v = KV_F16 != 0u ? halves(vc[e / 2u]) : uintBitsToFloat(uvec2(vc[e], vc[e + 1u]));
        o = vec2(add(o.x, mul(weights[j], v.x)), add(o.y, mul(weights[j], v.y)));
    }
    return vec2(sanitize(o.x), sanitize(o.y));
}

void main()
{
    uint x = gl_LocalInvocationID.x;
    uint head = SPLIT != 0u ? gl_WorkGroupID.y : gl_WorkGroupID.x;
    uint t = SPLIT != 0u ? gl_WorkGroupID.z : gl_WorkGroupID.y;
    if (t >= step.n_tokens)
        return;
    uint kv_head = head / (a.n_head / a.n_head_kv), n_pos = step.pos + t + 1u;
    for (uint d = x; d < a.head_dim; d += SIZE_X)
        query[d] = sanitize(q[t * a.q_stride + head * a.head_dim + d]);
    barrier();
    uint n_chunks = (n_pos + ATTN_CHUNK - 1u) / ATTN_CHUNK;
    uint low = window_start(n_pos, a.window), chunk0 = low / ATTN_CHUNK;
    uint chunk = SPLIT != 0u ? gl_WorkGroupID.x : chunk0 + a.chunk_first;
    uint end = SPLIT != 0u ? chunk + 1u : min(chunk + a.chunk_count, n_chunks);
    if (chunk < chunk0 || chunk >= n_chunks)
        return;
    float scale = a.scale;
    if ((ATTN & ATTN_TEMPERATURE) != 0u)
        scale = attn_temperature(scale, a.temperature, (n_pos - 1u) / a.temperature_span);
    uint at = ((SPLIT != 0u ? chunk : t) * a.n_head + head) * (2u + a.head_dim);
    bool start = SPLIT != 0u || a.chunk_first == 0u;
    float m = 0.0, l = 0.0;
    if (!start) {
        m = p[at];
        l = p[at + 1u];
        for (uint d = 2u * x; d < a.head_dim; d += 2u * SIZE_X) {
            sums[d] = p[at + 2u + d];
            sums[d + 1u] = p[at + 3u + d];
        }
        barrier(); /* all have read before one writes m and l back */
    }
    for (; chunk < end; chunk++) {
        uint first = max(chunk * ATTN_CHUNK, low), n = min((chunk + 1u) * ATTN_CHUNK, n_pos) - first;
        if ((ATTN & ATTN_WINDOW) != 0u)
            first %= a.n_ctx;
        float m1 = chunk_weights(kv_head, first, n, scale), l1 = chunk_sum(n);
        join j = join_sums(m, l, m1, l1);
        for (uint d = 2u * x; d < a.head_dim; d += 2u * SIZE_X) {
            vec2 o = chunk_values(kv_head, first, n, d);
            sums[d] = start ? o.x : join_value(j, sums[d], o.x);
            sums[d + 1u] = start ? o.y : join_value(j, sums[d + 1u], o.y);
        }
        m = start ? m1 : j.m;
        l = start ? l1 : j.l;
        start = false;
        barrier(); /* weights[] is written again in the next round */
    }
    bool finished = SPLIT == 0u && end == n_chunks;
    if (!finished && x == 0u) {
        p[at] = m;
        p[at + 1u] = l;
    }
    join sink = join(m, l, 1.0, 0.0);
    if (finished && (ATTN & ATTN_SINKS) != 0u)
        sink = join_sums(m, l, sanitize(sinks[head]), 1.0);
    float inv = finished ? recip(sink.l) : 0.0;
    uint y_at = t * a.y_stride + head * a.head_dim;
    for (uint d = 2u * x; d < a.head_dim; d += 2u * SIZE_X)
        for (uint k = d; k < d + 2u; k++) {
            if (finished)
                y[y_at + k] = mul((ATTN & ATTN_SINKS) != 0u ? join_value(sink, sums[k], 0.0) : sums[k], inv);
            else
                p[at + 2u + k] = sums[k];
        }
}
