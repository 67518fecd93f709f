/* The body of matvec.comp and of its variants. */
/*
 * y[t][row] = sum over blocks of w[row] * x[t], for COLS tokens at a time (y: token groups). Rows are
 * looped over, so the grid may have any size. Lane l sums its blocks in order; see tree.glsl.
 */
#include "common.glsl"
layout(push_constant) uniform Args { matvec_args a; };
#include "weights.glsl"
layout(binding = 1) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) readonly buffer X2 { uvec2 x2[]; };
layout(binding = 2) buffer Y { float y[]; };
layout(binding = 3) readonly buffer B { float bias[]; };
layout(binding = 4) readonly buffer S { step_args step; };
#include "tree.glsl"

#ifdef CLASS_INT
#include "dot4.glsl"

/* Adds the block's term for each token. x: per token 2 planes of 16 signed bytes a slot, then
 * (scale, sums of both halves) a slot. */
void add_block(inout float acc[COLS], uint row, uint slots, uint slot, uint block,
               uint x_first[COLS])
{
    w_block w = w_load(row, slots, slot, block);
    for (uint c = 0u; c < COLS; c++) {
        uvec4 p = x4[x_first[c] + slot], q = x4[x_first[c] + slots + slot];
        uvec2 m = x2[2u * (x_first[c] + 2u * slots) + slot];
        int lo = dot4(w.q[0], p.x, dot4(w.q[1], p.y, dot4(w.q[2], p.z, dot4(w.q[3], p.w, 0))));
        int hi = dot4(w.q[4], q.x, dot4(w.q[5], q.y, dot4(w.q[6], q.z, dot4(w.q[7], q.w, 0))));
        int sum_lo = int(m.y << 16) >> 16, sum_hi = int(m.y) >> 16;
        acc[c] = add(acc[c], mul(from_bits(m.x), w_term(w, lo, hi, sum_lo, sum_hi)));
    }
}
#else
void add_block(inout float acc[COLS], uint row, uint slots, uint slot, uint block,
               uint x_first[COLS])
{
    vec4 sums[COLS];
    for (uint c = 0u; c < COLS; c++)
        sums[c] = vec4(0.0);
    for (uint j = 0u; j < 8u; j++) {
        vec4 w = w_vec4(row, slots, slot, j);
        for (uint c = 0u; c < COLS; c++) {
            uvec4 u = x4[x_first[c] + block * 8u + j];
            vec4 x = vec4(sanitize(u.x), sanitize(u.y), sanitize(u.z), sanitize(u.w));
            sums[c] = add4(sums[c], mul4(w, x));
        }
    }
    for (uint c = 0u; c < COLS; c++)
        acc[c] = add(acc[c], block_sum(sums[c]));
}
#endif

void main()
{
    const uint own = MAX_LANES / SIZE_X; /* lanes of an invocation */
    uint n_cols = a.n_cols == 0u ? step.n_tokens : a.n_cols;
    uint col = gl_WorkGroupID.y * COLS;
    if (col >= n_cols)
        return;
    uint x_first[COLS];
    for (uint c = 0u; c < COLS; c++)
        x_first[c] = min(col + c, n_cols - 1u) * a.x_stride;
    uint slots = a.steps * a.lanes, lane0 = gl_LocalInvocationID.x * own;
    uint n_lanes = min(own, a.lanes - min(a.lanes, lane0));
    for (uint r0 = gl_WorkGroupID.x * SIZE_Y; r0 < a.n_rows; r0 += gl_NumWorkGroups.x * SIZE_Y) {
        uint r = r0 + gl_LocalInvocationID.y;
        uint row = min(r, a.n_rows - 1u) * a.row_u4;
        float part[TREE_LEVELS][COLS], acc[COLS];
        for (uint v = 0u; v < n_lanes; v++) {
            uint lane = lane0 + v;
            for (uint c = 0u; c < COLS; c++)
                acc[c] = 0.0;
            for (uint i = 0u; i < a.steps && lane * a.steps + i < a.n_blocks; i++)
                add_block(acc, row, slots, i * a.lanes + lane, lane * a.steps + i, x_first);
            for (uint c = 0u; c < COLS; c++)
                TREE_PUSH(part, [c], acc[c], v)
        }
        for (uint c = 0u; c < COLS; c++)
            TREE_TOTAL(part, [c], acc[c], n_lanes)
        for (uint c = 0u; c < COLS; c++) {
            float sum = tree_sum(acc[c], c);
            if (gl_LocalInvocationID.x != 0u || r >= a.n_rows || col + c >= n_cols)
                continue;
            uint at = (col + c) * a.y_stride + a.y_first + r;
            if ((a.flags & MATVEC_BIAS) != 0u)
                sum = add(sum, bias[r]);
            if ((a.flags & MATVEC_ADD) != 0u)
                sum = add(sanitize(y[at]), sum);
            y[at] = sum;
        }
        if (SIZE_X > 1u)
            barrier();
    }
}
