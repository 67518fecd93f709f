#version 450
/*
 * Attention of a prompt: a workgroup has ROWS rows (queries of tokens and of the heads that share
 * one of K and V), so that each K and V is read once for all of them. The order is attention.comp's.
 * x: head of K and V, y: rows. Chunks before chunk_first are in p[], as are those done here unless
 * they are a row's last.
 */
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "kv.glsl"
#include "combine.glsl"
layout(push_constant) uniform Args { attention_args a; };
layout(binding = 0) readonly buffer Q { float q[]; };
layout(binding = 1) readonly buffer K { uint kc[]; };
layout(binding = 2) readonly buffer V { uint vc[]; };
layout(binding = 3) writeonly buffer Y { float y[]; };
layout(binding = 4) readonly buffer S { step_args step; };
layout(binding = 5) buffer P { float p[]; }; /* [token][head][2 + VALUE_DIM] */
const uint V_FIRST = NORM; /* SPEC_VALUE */
#define VALUE_DIM (a.head_dim - V_FIRST)
const uint ROWS = COLS, ELEMENTS = COLS == 2u ? 1152u : 1024u; /* at least ROWS * head_dim */
shared vec4 query[ELEMENTS / 4u]; /* [dim / 4][row] */
shared float weights[ATTN_CHUNK * ROWS]; /* first the scores */
shared vec2 sums[ELEMENTS / 2u]; /* [row][dim / 2] */
shared float row_m[ROWS], row_l[ROWS];
shared join joins[ROWS];
uint group, row_first, row_last, kv_head;
uint least; /* positions that every row sees */

uint row_of(uint r)
{
    return min(row_first + r, row_last);
}

uint head_of(uint r)
{
    return kv_head * group + row_of(r) % group;
}

uint positions_of(uint r)
{
    return max(step.pos + row_of(r) / group + 1u, least);
}

/* Of the chunk from `first` on. */
uint count_of(uint r, uint first)
{
    return min(ATTN_CHUNK, max(positions_of(r), first) - first);
}

void scores(uint first, uint n)
{
    for (uint j = gl_LocalInvocationID.x; j < n; j += SIZE_X) {
        vec4 acc[ROWS];
        [[unroll]] for (uint r = 0u; r < ROWS; r++)
            acc[r] = vec4(0.0);
        for (uint d = 0u; d < a.head_dim / 4u; d++) {
            uint e = k_index(kv_head, first + j, 4u * d, a.head_dim, a.n_ctx);
            vec4 k = KV_F16 != 0u ? vec4(unpackHalf2x16(kc[e / 2u]), unpackHalf2x16(kc[e / 2u + 1u]))
                : uintBitsToFloat(uvec4(kc[e], kc[e + 1u], kc[e + 2u], kc[e + 3u]));
            [[unroll]] for (uint r = 0u; r < ROWS; r++)
                acc[r] = add4(acc[r], mul4(query[d * ROWS + r], k));
        }
        [[unroll]] for (uint r = 0u; r < ROWS; r++)
            weights[j * ROWS + r] = mul(block_sum(acc[r]), a.scale);
    }
}

/* Scores -> weights, and how the chunk is joined to what was before. Positions that a row does not
 * see weigh nothing. */
void soften(uint first, uint n)
{
    uint x = gl_LocalInvocationID.x;
    for (uint r = x; r < ROWS; r += SIZE_X) {
        float m = weights[r];
        for (uint j = 1u; j < count_of(r, first); j++)
            m = weights[j * ROWS + r] > m ? weights[j * ROWS + r] : m;
        joins[r].m = m;
    }
    barrier();
    for (uint i = x; i < n * ROWS; i += SIZE_X) {
        uint r = i % ROWS;
        weights[i] = i / ROWS < count_of(r, first) ? exact_exp(sub(weights[i], joins[r].m)) : 0.0;
    }
    barrier();
    for (uint r = x; r < ROWS; r += SIZE_X) {
        float l = 0.0, m = joins[r].m;
        for (uint j = 0u; j < n; j++)
            l = add(l, weights[j * ROWS + r]);
        if (first > 0u)
            joins[r] = join_sums(row_m[r], row_l[r], m, l);
        if (count_of(r, first) > 0u) {
            row_m[r] = first > 0u ? joins[r].m : m;
            row_l[r] = first > 0u ? joins[r].l : l;
        }
    }
    barrier();
}

/* From position j of a chunk to the next. */
uint value_step(uint j)
{
    if (V_FIRST == 0u)
        return a.head_dim;
    return (j + 1u) % K_TILE != 0u ? 4u : K_TILE * a.head_dim - 4u * (K_TILE - 1u);
}

uint value_word(uint e)
{
    return V_FIRST == 0u ? vc[e] : kc[e];
}

void add_values(uint first, uint n)
{
    uint pairs = VALUE_DIM / 2u;
    for (uint d = gl_LocalInvocationID.x; d < pairs; d += SIZE_X) {
        vec2 o[ROWS];
        [[unroll]] for (uint r = 0u; r < ROWS; r++)
            o[r] = vec2(0.0);
        uint e = V_FIRST == 0u ? v_index(kv_head, first, 2u * d, a.head_dim, a.n_ctx)
            : k_index(kv_head, first, V_FIRST + 2u * d, a.head_dim, a.n_ctx);
        for (uint j = 0u; j < n; e += value_step(j), j++) {
            vec2 v = KV_F16 != 0u ? unpackHalf2x16(value_word(e / 2u))
                : uintBitsToFloat(uvec2(value_word(e), value_word(e + 1u)));
            [[unroll]] for (uint r = 0u; r < ROWS; r++) {
                float w = weights[j * ROWS + r];
                o[r] = vec2(add(o[r].x, mul(w, v.x)), add(o[r].y, mul(w, v.y)));
            }
        }
        [[unroll]] for (uint r = 0u; r < ROWS; r++) {
            uint at = r * pairs + d;
            vec2 own = vec2(sanitize(o[r].x), sanitize(o[r].y));
            if (first > 0u)
                own = vec2(join_value(joins[r], sums[at].x, own.x), join_value(joins[r], sums[at].y, own.y));
            if (count_of(r, first) > 0u)
                sums[at] = own;
        }
    }
}

uint partial_of(uint r)
{
    return (row_of(r) / group * a.n_head + head_of(r)) * (2u + VALUE_DIM);
}

void begin()
{
    uint x = gl_LocalInvocationID.x, pairs = VALUE_DIM / 2u;
    for (uint i = x; i < ROWS * a.head_dim / 4u; i += SIZE_X) {
        uint r = i % ROWS, at = row_of(r) / group * a.q_stride + head_of(r) * a.head_dim + i / ROWS * 4u;
        query[i] = vec4(sanitize(q[at]), sanitize(q[at + 1u]), sanitize(q[at + 2u]), sanitize(q[at + 3u]));
    }
    if (a.chunk_first == 0u)
        return;
    for (uint r = x; r < ROWS; r += SIZE_X) {
        row_m[r] = p[partial_of(r)];
        row_l[r] = p[partial_of(r) + 1u];
    }
    for (uint i = x; i < ROWS * pairs; i += SIZE_X) {
        uint at = partial_of(i / pairs) + 2u + i % pairs * 2u;
        sums[i] = vec2(p[at], p[at + 1u]);
    }
}

/* What is there up to position `end`. */
void finish(uint end)
{
    uint pairs = VALUE_DIM / 2u;
    for (uint i = gl_LocalInvocationID.x; i < ROWS * pairs; i += SIZE_X) {
        uint r = i / pairs, d = i % pairs * 2u, at = partial_of(r), n = positions_of(r);
        if (row_first + r > row_last || n <= a.chunk_first * ATTN_CHUNK)
            continue;
        if (n <= end) {
            uint out_at = row_of(r) / group * a.y_stride + head_of(r) * VALUE_DIM + d;
            float inv = recip(row_l[r]);
            y[out_at] = mul(sums[i].x, inv);
            y[out_at + 1u] = mul(sums[i].y, inv);
            continue;
        }
        p[at + 2u + d] = sums[i].x;
        p[at + 3u + d] = sums[i].y;
        if (d == 0u) {
            p[at] = row_m[r];
            p[at + 1u] = row_l[r];
        }
    }
}

void main()
{
    group = a.n_head / a.n_head_kv;
    kv_head = gl_WorkGroupID.x;
    row_first = gl_WorkGroupID.y * ROWS;
    row_last = step.n_tokens * group - 1u;
    least = (a.options & ATTN_WHOLE) != 0u ? step.pos + step.n_tokens : 0u;
    uint n_pos = positions_of(ROWS - 1u), first = a.chunk_first * ATTN_CHUNK;
    if (row_first > row_last || first >= n_pos)
        return;
    begin();
    barrier();
    uint end = min(first + a.chunk_count * ATTN_CHUNK, n_pos);
    for (; first < end; first += ATTN_CHUNK) {
        uint n = min(ATTN_CHUNK, n_pos - first);
        scores(first, n);
        barrier();
        soften(first, n);
        add_values(first, n);
        barrier();
    }
    finish(end);
}
