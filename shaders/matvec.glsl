/*
 * The body of matvec.comp and of its variants: y[t][row] = sum over blocks of w[row] * x[t], for COLS
 * tokens (y: token groups) and quads of rows. Quads are looped over, so the grid may have any size.
 * Lane l sums its blocks in order; see tree.glsl. For one token the kernel may also make its input
 * from x (NORM, norm.glsl), and more of the sums than rows (OUT, finish.glsl).
 */
#include "common.glsl"
layout(push_constant) uniform Args { matvec_args a; };
#include "weights.glsl"
layout(binding = 1) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) readonly buffer X2 { uvec2 x2[]; };
layout(binding = 2) buffer Y { float y[]; };
layout(binding = 3) readonly buffer B { float bias[]; };
layout(binding = 4) readonly buffer S { step_args step; };
const uint ROWS = 4u;
const uint RESULTS = ROWS * COLS; /* of an invocation; number r * COLS + c */
/* Quads between two meetings of the invocations that share rows. */
const uint QUADS = SIZE_X == 1u || SPLIT < COLS ? 1u : SPLIT / COLS;
#define TREE_RESULTS (QUADS * RESULTS)
#include "tree.glsl"
/* Quads of a workgroup between two calls of finish: 16 make a block of y, 8 one of the KV cache. */
const uint AT_ONCE = SIZE_Y * QUADS;
const uint UNIT = OUT == OUT_SWIGLU ? 16u : OUT != OUT_ROPE ? AT_ONCE : KV >= KV_TYPE_Q8_0 ? 16u : AT_ONCE;

#ifdef CLASS_INT
#include "dot4.glsl"
#include "quantize.glsl"
#include "norm.glsl"
#include "finish.glsl"

/* Adds the block's term to each result. x: per token 2 planes of 16 signed bytes a slot, then
 * (scale, sums of both halves) a slot. */
void add_block(inout float acc[RESULTS], uint quad, uint slots, uint slot, uint block,
               uint x_first[COLS])
{
    w_slot raw[ROWS];
    w_block w[ROWS];
    w_quad(quad, slots, slot, block, raw);
    for (uint r = 0u; r < ROWS; r++)
        w[r] = w_load(raw[r]);
    for (uint c = 0u; c < COLS; c++) {
        uvec4 p, q;
        uvec2 m;
        if (NORM != 0u) {
            p = normed_q[slot];
            q = normed_q[NORM + slot];
            m = normed_meta[slot];
        } else {
            uint at = x_first[c] + slot;
            p = x4[at];
            q = x4[at + slots];
            m = x2[2u * at + 4u * slots - slot];
        }
        int sum_lo = int(m.y << 16) >> 16, sum_hi = int(m.y) >> 16;
        for (uint r = 0u; r < ROWS; r++) {
            uint v[8] = w[r].q;
            const DOT_SUM zero = DOT_SUM(0);
            DOT_SUM lo = dot4(v[0], p.x, dot4(v[1], p.y, dot4(v[2], p.z, dot4(v[3], p.w, zero))));
            DOT_SUM all = dot4(v[4], q.x, dot4(v[5], q.y, dot4(v[6], q.z, dot4(v[7], q.w, lo))));
            uint i = r * COLS + c;
#ifdef W_FLOATS
            float term = w_term(w[r], float(lo), float(all), float(sum_lo + sum_hi));
#else
            float term = w_term(w[r], int(lo), int(all) - int(lo), sum_lo, sum_hi);
#endif
            acc[i] = add(acc[i], mul(from_bits(m.x), term));
        }
    }
}
#else
void add_block(inout float acc[RESULTS], uint quad, uint slots, uint slot, uint block,
               uint x_first[COLS])
{
    vec4 s[RESULTS];
    for (uint i = 0u; i < RESULTS; i++)
        s[i] = vec4(0.0);
    for (uint j = 0u; j < 8u; j++)
        for (uint c = 0u; c < COLS; c++) {
            vec4 x = sanitize4(x4[x_first[c] + block * 8u + j]);
            for (uint r = 0u; r < ROWS; r++)
                s[r * COLS + c] = add4(s[r * COLS + c],
                                       mul4(w_vec4(quad + r * W_U4 * slots, slots, slot, j), x));
        }
    for (uint i = 0u; i < RESULTS; i++)
        acc[i] = add(acc[i], block_sum(s[i]));
}
#endif

void store(float sum, uint row, uint col)
{
    uint at = col * a.y_stride + a.y_first + row;
    if ((a.flags & MATVEC_BIAS) != 0u)
        sum = add(sum, bias[row]);
    if ((a.flags & MATVEC_ADD) != 0u)
        sum = add(sanitize(y[at]), sum);
    y[at] = sum;
}

/* The sums of a quad over this invocation's lanes. */
void sum_lanes(out float acc[RESULTS], uint quad, uint x_first[COLS])
{
    const uint own = MAX_LANES / SIZE_X;
    uint slots = a.steps * a.lanes, lane0 = gl_LocalInvocationID.x * own;
    uint n_lanes = min(own, a.lanes - min(a.lanes, lane0));
    float part[TREE_LEVELS][RESULTS];
    for (uint v = 0u; v < n_lanes; v++) {
        uint lane = lane0 + v;
        for (uint i = 0u; i < RESULTS; i++)
            acc[i] = 0.0;
        uint block = lane * a.steps, end = min(block + a.steps, a.n_blocks), slot = lane;
        for (; block < end; block++, slot += a.lanes)
            add_block(acc, quad, slots, slot, block, x_first);
        for (uint i = 0u; i < RESULTS; i++)
            TREE_PUSH(part, [i], acc[i], v)
    }
    for (uint i = 0u; i < RESULTS; i++)
        TREE_TOTAL(part, [i], acc[i], n_lanes)
}

/* first: this invocation's first quad; at: its place in the unit. */
void do_quads(uint first, uint at, uint n_quads, uint col, uint n_cols, uint x_first[COLS])
{
    float acc[RESULTS];
    for (uint q = 0u; q < QUADS; q++) {
        sum_lanes(acc, min(first + q, n_quads - 1u) * a.quad_u4, x_first);
        for (uint i = 0u; SIZE_X > 1u && i < RESULTS; i++)
            tree_put(acc[i], q * RESULTS + i);
    }
    if (SIZE_X > 1u)
        barrier();
    /* With one invocation a quad, it has all the results itself. */
    for (uint i = gl_LocalInvocationID.x; i < QUADS * RESULTS; i += SIZE_X) {
        float sum = SIZE_X > 1u ? tree_get(i) : acc[i];
        uint row = 4u * first + i / COLS, c = col + i % COLS;
#ifdef CLASS_INT
        if (OUT != OUT_ROWS) {
            sums[4u * at + i] = (a.flags & MATVEC_BIAS) != 0u && row < a.n_rows ? add(sum, bias[row]) : sum;
            continue;
        }
#endif
        if (row < a.n_rows && c < n_cols)
            store(sum, row, c);
    }
    if (SIZE_X > 1u)
        barrier();
}

void main()
{
    uint n_cols = a.n_cols == 0u ? step.n_tokens : a.n_cols, col = gl_WorkGroupID.y * COLS;
    if (col >= n_cols)
        return;
    uint x_first[COLS], n_quads = (a.n_rows + 3u) / 4u;
    for (uint c = 0u; c < COLS; c++)
        x_first[c] = min(col + c, n_cols - 1u) * a.x_stride;
#ifdef CLASS_INT
    if (NORM != 0u)
        norm_input();
#endif
    for (uint g = gl_WorkGroupID.x * UNIT; g < n_quads; g += gl_NumWorkGroups.x * UNIT) {
        for (uint at = gl_LocalInvocationID.y * QUADS; at < UNIT; at += AT_ONCE)
            do_quads(g + at, at, n_quads, col, n_cols, x_first);
#ifdef CLASS_INT
        if (OUT == OUT_ROWS)
            continue;
        if (SIZE_X == 1u)
            barrier();
        if (OUT == OUT_SWIGLU)
            finish_swiglu((a.y_first / 4u + g) / 16u);
        else
            for (uint i = gl_LocalInvocationIndex; i < min(UNIT, n_quads - g); i += SIZE_X * SIZE_Y)
                finish_rope(a.y_first + 4u * (g + i),
                            vec4(sums[4u * i], sums[4u * i + 1u], sums[4u * i + 2u], sums[4u * i + 3u]));
        if (OUT == OUT_ROPE && KV >= KV_TYPE_Q8_0)
            for (uint i = gl_LocalInvocationIndex; i < min(UNIT, n_quads - g) / 8u; i += SIZE_X * SIZE_Y)
                finish_kv(a.y_first + 4u * (g + 8u * i), i);
        barrier();
#endif
    }
}
