#version 450
/*
 * matmul where an invocation of a subgroup has quads of rows to itself, and the subgroup shares the
 * loads of x: each invocation reads other words and takes them apart, and all get them by broadcast.
 * For processors that play a GPU: no shared memory, no barriers, few loads. x: subgroup's rows, y:
 * group of tokens.
 */
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "common.glsl"
#include "matmul.glsl"
#define TREE_RESULTS 1u
#include "tree.glsl"
const uint QUADS = OUT == OUT_SWIGLU ? 2u : 1u; /* of an invocation */
const uint OWN = QUADS * ROWS, RESULTS = OWN * COLS; /* number row * COLS + token */

#ifdef CLASS_INT
#include "dot4.glsl"
const uint WORDS = 8u;

vec4 bytes(uint v)
{
    return vec4(byte_of(v, 0u), byte_of(v, 1u), byte_of(v, 2u), byte_of(v, 3u));
}

/* Whole numbers below 2^24: exact, fused or not. */
float dot_add(vec4 w, vec4 x, float sum)
{
    return fma(w.w, x.w, fma(w.z, x.z, fma(w.y, x.y, fma(w.x, x.x, sum))));
}

void add_block(inout float acc[RESULTS], uint quad[QUADS], uint slots, uint slot, uint block,
               uint x_first[COLS])
{
    uint lane = gl_SubgroupInvocationID;
    w_block w[OWN];
    for (uint k = 0u; k < QUADS; k++) {
        w_slot raw[ROWS];
        w_quad(quad[k], slots, slot, block, raw);
        for (uint r = 0u; r < ROWS; r++)
            w[k * ROWS + r] = w_load(raw[r]);
    }
    /* Scale and sums of token c are with invocation c % SIZE_X. */
    uvec2 meta[(COLS + SIZE_X - 1u) / SIZE_X];
    for (uint c = 0u; c < COLS; c += SIZE_X) {
        uint at = x_first[c];
        for (uint k = 1u; k < SIZE_X && c + k < COLS; k++)
            at = lane == k ? x_first[c + k] : at;
        meta[c / SIZE_X] = x2[2u * (at + 2u * slots) + slot];
    }
    for (uint c = 0u; c < COLS; c++) {
        float lo[OWN], hi[OWN];
        for (uint r = 0u; r < OWN; r++)
            lo[r] = hi[r] = 0.0;
        for (uint k = 0u; k < WORDS; k += SIZE_X) {
            uint i = min(k + lane, WORDS - 1u);
            vec4 mine = bytes(x1[4u * (x_first[c] + i / 4u * slots + slot) + i % 4u]);
            for (uint j = k; j < min(k + SIZE_X, WORDS); j++) {
                vec4 x = subgroupBroadcast(mine, j - k);
                for (uint r = 0u; r < OWN; r++)
                    if (j < 4u)
                        lo[r] = dot_add(bytes(w[r].q[j]), x, lo[r]);
                    else
                        hi[r] = dot_add(bytes(w[r].q[j]), x, hi[r]);
            }
        }
        uvec2 m = subgroupBroadcast(meta[c / SIZE_X], c % SIZE_X);
        int sum_lo = int(m.y << 16) >> 16, sum_hi = int(m.y) >> 16;
        for (uint r = 0u; r < OWN; r++) {
            float term = w_term(w[r], int(lo[r]), int(hi[r]), sum_lo, sum_hi);
            acc[r * COLS + c] = add(acc[r * COLS + c], mul(from_bits(m.x), term));
        }
    }
}
#else
const uint WORDS = 8u; /* of four elements */

void add_block(inout float acc[RESULTS], uint quad[QUADS], uint slots, uint slot, uint block,
               uint x_first[COLS])
{
    vec4 mine[COLS * ((WORDS + SIZE_X - 1u) / SIZE_X)];
    const uint each = (WORDS + SIZE_X - 1u) / SIZE_X;
    for (uint c = 0u; c < COLS; c++)
        for (uint k = 0u; k < each; k++)
            mine[c * each + k] = sanitize4(x4[x_first[c] + block * WORDS
                                              + min(k * SIZE_X + gl_SubgroupInvocationID, WORDS - 1u)]);
    for (uint r = 0u; r < OWN; r++) {
        vec4 s[COLS];
        for (uint c = 0u; c < COLS; c++)
            s[c] = vec4(0.0);
        for (uint j = 0u; j < WORDS; j++) {
            vec4 w = w_vec4(quad[r / ROWS] + r % ROWS * W_U4 * slots, slots, slot, j);
            for (uint c = 0u; c < COLS; c++)
                s[c] = add4(s[c], mul4(w, subgroupBroadcast(mine[c * each + j / SIZE_X], j % SIZE_X)));
        }
        for (uint c = 0u; c < COLS; c++)
            acc[r * COLS + c] = add(acc[r * COLS + c], block_sum(s[c]));
    }
}
#endif

void main()
{
    uint n_cols = count_cols(), col = gl_WorkGroupID.y * COLS;
    if (col >= n_cols)
        return;
    uint x_first[COLS], quad[QUADS], slots = a.steps * a.lanes, n_quads = (a.n_rows + 3u) / 4u;
    for (uint c = 0u; c < COLS; c++)
        x_first[c] = min(col + c, n_cols - 1u) * a.x_stride;
    uint first = (gl_WorkGroupID.x * SIZE_X + gl_SubgroupInvocationID) * QUADS;
    for (uint q = 0u; q < QUADS; q++)
        quad[q] = min(first + q, n_quads - 1u) * a.quad_u4;
    float acc[RESULTS], part[TREE_LEVELS][RESULTS];
    for (uint lane = 0u; lane < a.lanes; lane++) {
        for (uint i = 0u; i < RESULTS; i++)
            acc[i] = 0.0;
        uint n_steps = min(a.steps, a.n_blocks - lane * a.steps);
        for (uint i = 0u; i < n_steps; i++)
            add_block(acc, quad, slots, i * a.lanes + lane, lane * a.steps + i, x_first);
        for (uint i = 0u; i < RESULTS; i++)
            TREE_PUSH(part, [i], acc[i], lane)
    }
    for (uint i = 0u; i < RESULTS; i++)
        TREE_TOTAL(part, [i], acc[i], a.lanes)
    for (uint c = 0u; c < COLS && col + c < n_cols; c++)
        for (uint r = 0u; r < ROWS; r++)
            if (OUT == OUT_SWIGLU)
                store_swiglu(acc[r * COLS + c], acc[(ROWS + r) % OWN * COLS + c], 4u * first + r, col + c);
            else
                store_row(acc[r * COLS + c], 4u * first + r, col + c);
}
