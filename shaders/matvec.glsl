/*
 * The body of matvec.comp and of its variants: y[t][row] = sum over blocks of w[row] * x[t], for COLS
 * tokens (y: token groups) and a quad of rows at a time. Quads are looped over, so the grid may have
 * any size. Lane l sums its blocks in order; see tree.glsl.
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
#define TREE_RESULTS RESULTS
#include "tree.glsl"

#ifdef CLASS_INT
#include "dot4.glsl"

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
        uvec4 p = x4[x_first[c] + slot], q = x4[x_first[c] + slots + slot];
        uvec2 m = x2[2u * (x_first[c] + 2u * slots) + slot];
        int sum_lo = int(m.y << 16) >> 16, sum_hi = int(m.y) >> 16;
        for (uint r = 0u; r < ROWS; r++) {
            uint v[8] = w[r].q;
            int lo = dot4(v[0], p.x, dot4(v[1], p.y, dot4(v[2], p.z, dot4(v[3], p.w, 0))));
            int hi = dot4(v[4], q.x, dot4(v[5], q.y, dot4(v[6], q.z, dot4(v[7], q.w, 0))));
            uint i = r * COLS + c;
            acc[i] = add(acc[i], mul(from_bits(m.x), w_term(w[r], lo, hi, sum_lo, sum_hi)));
        }
    }
}
#else
void add_block(inout float acc[RESULTS], uint quad, uint slots, uint slot, uint block,
               uint x_first[COLS])
{
    vec4 sums[RESULTS];
    for (uint i = 0u; i < RESULTS; i++)
        sums[i] = vec4(0.0);
    for (uint j = 0u; j < 8u; j++)
        for (uint c = 0u; c < COLS; c++) {
            uvec4 u = x4[x_first[c] + block * 8u + j];
            vec4 x = vec4(sanitize(u.x), sanitize(u.y), sanitize(u.z), sanitize(u.w));
            for (uint r = 0u; r < ROWS; r++)
                sums[r * COLS + c] =
                    add4(sums[r * COLS + c], mul4(w_vec4(quad + r * W_U4 * slots, slots, slot, j), x));
        }
    for (uint i = 0u; i < RESULTS; i++)
        acc[i] = add(acc[i], block_sum(sums[i]));
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

void main()
{
    const uint own = MAX_LANES / SIZE_X; /* lanes of an invocation */
    uint n_cols = a.n_cols == 0u ? step.n_tokens : a.n_cols, col = gl_WorkGroupID.y * COLS;
    if (col >= n_cols)
        return;
    uint x_first[COLS];
    for (uint c = 0u; c < COLS; c++)
        x_first[c] = min(col + c, n_cols - 1u) * a.x_stride;
    uint slots = a.steps * a.lanes, lane0 = gl_LocalInvocationID.x * own;
    uint n_lanes = min(own, a.lanes - min(a.lanes, lane0));
    const uint per_group = SIZE_Y * ROWS;
    for (uint g = gl_WorkGroupID.x * per_group; g < a.n_rows;
         g += gl_NumWorkGroups.x * per_group) {
        uint first = g + gl_LocalInvocationID.y * ROWS;
        uint quad = min(first, a.n_rows - 1u) / ROWS * a.quad_u4;
        float part[TREE_LEVELS][RESULTS], acc[RESULTS];
        for (uint v = 0u; v < n_lanes; v++) {
            uint lane = lane0 + v;
            for (uint i = 0u; i < RESULTS; i++)
                acc[i] = 0.0;
            for (uint i = 0u; i < a.steps && lane * a.steps + i < a.n_blocks; i++)
                add_block(acc, quad, slots, i * a.lanes + lane, lane * a.steps + i, x_first);
            for (uint i = 0u; i < RESULTS; i++)
                TREE_PUSH(part, [i], acc[i], v)
        }
        for (uint i = 0u; i < RESULTS; i++)
            TREE_TOTAL(part, [i], acc[i], n_lanes)
        if (SIZE_X > 1u) {
            for (uint i = 0u; i < RESULTS; i++)
                tree_put(acc[i], i);
            barrier();
        }
        /* With one invocation a quad, it has all the results itself. */
        for (uint i = gl_LocalInvocationID.x; i < RESULTS; i += SIZE_X) {
            float sum = SIZE_X > 1u ? tree_get(i) : acc[i];
            uint r = first + i / COLS, c = col + i % COLS;
            if (r < a.n_rows && c < n_cols)
                store(sum, r, c);
        }
        if (SIZE_X > 1u)
            barrier();
    }
}
