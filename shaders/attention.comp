#version 450
/*
 * Attention of one head and token over chunks of ATTN_CHUNK positions. Within a chunk: scores, their
 * maximum, p = exp(score - maximum), sums of p and p * V in the order of positions; chunks are
 * joined in order. SPLIT: x is the chunk, y the head; a head's last workgroup to arrive, without
 * waiting for others, joins what all of them left in p[]. Else x is the head, y the token, and a
 * workgroup joins chunk_count chunks to what the dispatch before left in p[]: one dispatch over a
 * long context would run long, and a driver has been seen to end loops silently after 65535
 * iterations. The bits are the same.
 */
#include "common.glsl"
#include "kv.glsl"
#include "combine.glsl"
#include "quantize.glsl"
#include "attn_options.glsl"
layout(push_constant) uniform Args { attention_args a; };
layout(binding = 0) readonly buffer Q { float q[]; };
layout(binding = 1) readonly buffer K { uint kc[]; };
layout(binding = 2) readonly buffer V { uint vc[]; };
layout(binding = 3) writeonly buffer Y { float y[]; };
layout(binding = 3) writeonly buffer Y4 { uvec4 y4[]; };
layout(binding = 3) writeonly buffer Y1 { uint y1[]; };
layout(binding = 4) readonly buffer S { step_args step; };
/* [chunk if SPLIT, else token][head][2 + VALUE_DIM] */
layout(binding = 5) coherent buffer P { float p[]; };
layout(binding = 6) coherent buffer C { uint arrived[]; }; /* [head], 0 between dispatches */
layout(binding = 7) readonly buffer N { float sinks[]; }; /* [n_head] */
const uint V_FIRST = NORM; /* SPEC_VALUE */
#define VALUE_DIM (a.head_dim - V_FIRST)
const uint MOST_DIM = 256u * COLS; /* what a head may have here */
shared float query[MOST_DIM];
shared vec4 scores[ATTN_CHUNK / 4u];
shared vec4 weights[ATTN_CHUNK / 4u];
shared float sums[MOST_DIM];
shared uint order;

/* Loads in flight at once, before any of their values is used: with one workgroup a head and chunk,
 * it is their latency that a token waits for. */
const uint AHEAD = 8u;

vec4 query4(uint d)
{
    return vec4(query[d], query[d + 1u], query[d + 2u], query[d + 3u]);
}

int nibble_of(uint w, uint k)
{
    return int(w << (28u - 4u * k)) >> 28;
}

/* Elements 4 i .. 4 i + 3 of a word of quantised ones. */
vec4 word4(uint w, uint i)
{
    if (KV == KV_TYPE_Q4_0)
        return vec4(nibble_of(w, 4u * i), nibble_of(w, 4u * i + 1u), nibble_of(w, 4u * i + 2u),
                    nibble_of(w, 4u * i + 3u));
    return vec4(byte_of(w, 0u), byte_of(w, 1u), byte_of(w, 2u), byte_of(w, 3u));
}

/* A scale applies to the sum of its 32 products. */
float score_quantized(uint head, uint pos, float scale)
{
    vec4 acc = vec4(0.0);
    for (uint b = 0u; b < a.head_dim; b += 32u) {
        vec4 part = vec4(0.0);
        for (uint d = b; d < b + 32u; d += KV_WORD) {
            uint w = kc[k_word(head, pos, d, a.head_dim, a.n_ctx)];
            for (uint i = 0u; i < KV_WORD / 4u; i++)
                part = add4(part, mul4(query4(d + 4u * i), word4(w, i)));
        }
        float d = from_bits(kc[k_scale(head, pos, b, a.head_dim, a.n_ctx, a.n_head_kv)]);
        acc = add4(acc, mul4(vec4(d), part));
    }
    return mul(block_sum(acc), scale);
}

float capped(float s)
{
    return (a.options & ATTN_SOFTCAP) != 0u ? softcap(s, a.softcap, a.softcap_inv) : s;
}

/* pos: its place in the cache. */
float score(uint head, uint pos, float scale)
{
    vec4 acc = vec4(0.0);
    if (KV >= KV_TYPE_Q8_0)
        return capped(score_quantized(head, pos, scale));
    uint e = k_index(head, pos, 0u, a.head_dim, a.n_ctx);
    for (uint d = 0u; d < a.head_dim; d += 4u * AHEAD) {
        vec4 k[AHEAD];
        for (uint i = 0u; i < AHEAD; i++) { /* beyond the last, the query is 0 */
            uint at = e + min(d + 4u * i, a.head_dim - 4u) * K_TILE;
            k[i] = KV_F16 != 0u ? vec4(unpackHalf2x16(kc[at / 2u]), unpackHalf2x16(kc[at / 2u + 1u]))
                : uintBitsToFloat(uvec4(kc[at], kc[at + 1u], kc[at + 2u], kc[at + 3u]));
        }
        for (uint i = 0u; i < AHEAD; i++)
            acc = add4(acc, mul4(query4(d + 4u * i), k[i]));
    }
    return capped(mul(block_sum(acc), scale));
}

/* Positions of a chunk are worked on by AHEAD: those after the n-th weigh nothing. */
uint padded(uint n)
{
    return (n + AHEAD - 1u) / AHEAD * AHEAD;
}

/* Chunk's maximum score; leaves p in weights[]. */
float chunk_weights(uint head, uint first, uint n, float scale)
{
    for (uint j = gl_LocalInvocationID.x; j < padded(n); j += SIZE_X)
        scores[j / 4u][j % 4u] = j < n ? score(head, first + j, scale) : -3e38;
    barrier();
    vec4 m4 = scores[0];
    for (uint j = 1u; j < padded(n) / 4u; j++)
        m4 = mix(m4, scores[j], greaterThan(scores[j], m4));
    vec2 m2 = mix(m4.xy, m4.zw, greaterThan(m4.zw, m4.xy));
    float m = m2.y > m2.x ? m2.y : m2.x;
    for (uint j = gl_LocalInvocationID.x; j < padded(n); j += SIZE_X)
        weights[j / 4u][j % 4u] = j < n ? exact_exp(sub(scores[j / 4u][j % 4u], m)) : 0.0;
    barrier();
    return m;
}

float chunk_sum(uint n)
{
    float l = 0.0;
    for (uint j = 0u; j < padded(n) / 4u; j++) {
        vec4 w = weights[j];
        l = add(add(add(add(l, w.x), w.y), w.z), w.w);
    }
    return l;
}

/* Elements dim and dim + 1 of V at a position, and what its weight is multiplied by. */
vec3 value_pair(uint head, uint pos, uint dim)
{
    if (V_FIRST != 0u && KV >= KV_TYPE_Q8_0) {
        uint k = dim % KV_WORD, from = V_FIRST + dim;
        vec4 v = word4(kc[k_word(head, pos, from, a.head_dim, a.n_ctx)], k / 4u);
        uint at = k_scale(head, pos, from, a.head_dim, a.n_ctx, a.n_head_kv);
        return vec3(k % 4u == 0u ? v.xy : v.zw, from_bits(kc[at]));
    }
    if (V_FIRST != 0u) {
        uint e = k_index(head, pos, V_FIRST + dim, a.head_dim, a.n_ctx);
        return vec3(KV_F16 != 0u ? unpackHalf2x16(kc[e / 2u]) : uintBitsToFloat(uvec2(kc[e], kc[e + 1u])), 1.0);
    }
    if (KV >= KV_TYPE_Q8_0) { /* a scale applies to its position's weight */
        uint k = dim % KV_WORD;
        vec4 v = word4(vc[v_word(head, pos, dim, a.head_dim, a.n_ctx)], k / 4u);
        uint at = v_scale(head, pos, dim, a.head_dim, a.n_ctx, a.n_head_kv);
        return vec3(k % 4u == 0u ? v.xy : v.zw, from_bits(vc[at]));
    }
    uint e = v_index(head, pos, dim, a.head_dim, a.n_ctx);
    return vec3(KV_F16 != 0u ? unpackHalf2x16(vc[e / 2u]) : uintBitsToFloat(uvec2(vc[e], vc[e + 1u])), 1.0);
}

vec2 chunk_values(uint head, uint first, uint n, uint dim)
{
    vec2 o = vec2(0.0);
    for (uint j = 0u; j < n; j += AHEAD) {
        vec3 v[AHEAD];
        for (uint i = 0u; i < AHEAD; i++)
            v[i] = value_pair(head, first + min(j + i, n - 1u), dim);
        for (uint i = 0u; i < AHEAD; i++) {
            float w = weights[(j + i) / 4u][i % 4u];
            if (KV >= KV_TYPE_Q8_0)
                w = mul(w, v[i].z);
            o = vec2(add(o.x, mul(w, v[i].x)), add(o.y, mul(w, v[i].y)));
        }
    }
    return vec2(sanitize(o.x), sanitize(o.y));
}

/* True for the last of n workgroups that have written to p[]; what they wrote is then visible. */
bool is_last(uint head, uint n)
{
    memoryBarrierBuffer();
    barrier();
    if (gl_LocalInvocationID.x == 0u) {
        order = atomicAdd(arrived[head], 1u);
        if (order + 1u == n)
            arrived[head] = 0u;
    }
    barrier();
    memoryBarrierBuffer();
    return order + 1u == n;
}

/* Joins the chunks from `first` on that are in p[], to sums[]. */
void join_chunks(uint head, uint first, uint end, out float m, out float l)
{
    m = 0.0;
    l = 1.0;
    uint next = a.n_head * (2u + VALUE_DIM), at = head * (2u + VALUE_DIM);
    for (uint d = gl_LocalInvocationID.x; d < VALUE_DIM; d += SIZE_X) {
        float o = p[at + first * next + 2u + d];
        m = p[at + first * next];
        l = p[at + first * next + 1u];
        for (uint c = first + 1u; c < end; c += AHEAD) {
            vec3 chunk[AHEAD];
            for (uint i = 0u; i < AHEAD; i++) {
                uint from = at + min(c + i, end - 1u) * next;
                chunk[i] = vec3(p[from], p[from + 1u], p[from + 2u + d]);
            }
            for (uint i = 0u; i < AHEAD; i++) {
                if (c + i >= end)
                    continue;
                join j = join_sums(m, l, chunk[i].x, chunk[i].y);
                o = join_value(j, o, chunk[i].z);
                m = j.m;
                l = j.l;
            }
        }
        sums[d] = o;
    }
    barrier();
}

/* The head's share of y as 8-bit blocks, from sums[]. */
void put_blocks(uint head)
{
    uint n = VALUE_DIM / 32u, slots = a.y_steps * a.y_lanes;
    for (uint i = gl_LocalInvocationID.x; i < n; i += SIZE_X) {
        vec4 v[8];
        for (uint k = 0u; k < 8u; k++) {
            uint d = 32u * i + 4u * k;
            v[k] = sanitize4(floatBitsToUint(vec4(sums[d], sums[d + 1u], sums[d + 2u], sums[d + 3u])));
        }
        q8_block q = quantize_block(v);
        uint b = head * n + i, slot = b % a.y_steps * a.y_lanes + b / a.y_steps;
        y4[slot] = uvec4(q.q[0], q.q[1], q.q[2], q.q[3]);
        y4[slots + slot] = uvec4(q.q[4], q.q[5], q.q[6], q.q[7]);
        y1[8u * slots + 2u * slot] = bits(q.d);
        y1[8u * slots + 2u * slot + 1u] = q.sums;
    }
}

void main()
{
    uint x = gl_LocalInvocationID.x;
    uint head = SPLIT != 0u ? gl_WorkGroupID.y : gl_WorkGroupID.x;
    uint t = SPLIT != 0u ? gl_WorkGroupID.z : gl_WorkGroupID.y;
    if (t >= step.n_tokens)
        return;
    uint kv_head = head / (a.n_head / a.n_head_kv);
    uint n_pos = step.pos + ((a.options & ATTN_WHOLE) != 0u ? step.n_tokens : t + 1u);
    for (uint d = x; d < (a.head_dim + 4u * AHEAD - 1u) / (4u * AHEAD) * 4u * AHEAD; d += SIZE_X)
        query[d] = d < a.head_dim ? sanitize(q[t * a.q_stride + head * a.head_dim + d]) : 0.0;
    barrier();
    uint n_chunks = (n_pos + ATTN_CHUNK - 1u) / ATTN_CHUNK;
    uint low = (a.options & ATTN_WINDOW) != 0u ? n_pos - min(n_pos, a.window) : 0u;
    uint chunk0 = low / ATTN_CHUNK;
    uint chunk = SPLIT != 0u ? gl_WorkGroupID.x : chunk0 + a.chunk_first;
    uint end = SPLIT != 0u ? chunk + 1u : min(chunk + a.chunk_count, n_chunks);
    if (chunk < chunk0 || chunk >= n_chunks)
        return;
    float scale = a.scale;
    if ((a.options & ATTN_TEMPERATURE) != 0u)
        scale = attn_temperature(scale, a.temperature, (step.pos + t) / a.temperature_span);
    uint at = ((SPLIT != 0u ? chunk : t) * a.n_head + head) * (2u + VALUE_DIM);
    bool start = SPLIT != 0u || a.chunk_first == 0u;
    float m = 0.0, l = 0.0;
    if (!start) {
        m = p[at];
        l = p[at + 1u];
        for (uint d = 2u * x; d < VALUE_DIM; d += 2u * SIZE_X) {
            sums[d] = p[at + 2u + d];
            sums[d + 1u] = p[at + 3u + d];
        }
        barrier(); /* all have read before one writes m and l back */
    }
    for (; chunk < end; chunk++) {
        uint first = max(chunk * ATTN_CHUNK, low), n = min((chunk + 1u) * ATTN_CHUNK, n_pos) - first;
        if ((a.options & ATTN_WINDOW) != 0u)
            first %= a.n_ctx;
        float m1 = chunk_weights(kv_head, first, n, scale), l1 = chunk_sum(n);
        join j = join_sums(m, l, m1, l1);
        for (uint d = 2u * x; d < VALUE_DIM; d += 2u * SIZE_X) {
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
    if (!finished) {
        if (x == 0u) {
            p[at] = m;
            p[at + 1u] = l;
        }
        for (uint d = 2u * x; d < VALUE_DIM; d += 2u * SIZE_X) {
            p[at + 2u + d] = sums[d];
            p[at + 3u + d] = sums[d + 1u];
        }
        if (SPLIT == 0u || !is_last(head, n_chunks - chunk0))
            return;
        join_chunks(head, chunk0, n_chunks, m, l);
    }
    join sink = join(m, l, 1.0, 0.0);
    if ((a.options & ATTN_SINKS) != 0u)
        sink = join_sums(m, l, sanitize(sinks[head]), 1.0);
    float inv = recip(sink.l);
    uint y_at = t * a.y_stride + head * VALUE_DIM;
    for (uint d = x; d < VALUE_DIM; d += SIZE_X) {
        float v = mul((a.options & ATTN_SINKS) != 0u ? join_value(sink, sums[d], 0.0) : sums[d], inv);
        if ((a.options & ATTN_BLOCKS) != 0u)
            sums[d] = v;
        else
            y[y_at + d] = v;
    }
    if ((a.options & ATTN_BLOCKS) == 0u)
        return;
    barrier();
    put_blocks(head);
}
