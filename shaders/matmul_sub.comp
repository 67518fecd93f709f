#version 450
/*
 * matmul where an invocation of a subgroup has quads of rows to itself, and the subgroup shares the
 * loads of x: each invocation reads other words and takes them apart, and all get them by broadcast.
 * For processors that play a GPU: no shared memory, no barriers, few loads. x: subgroup's rows, y:
 * group of tokens.
 */
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "common.glsl"
#include "matmul.glsl"
#define TREE_RESULTS 1u
#include "tree.glsl"
const uint QUADS = OUT == OUT_SWIGLU ? 2u : 1u; /* of an invocation */
const uint OWN = QUADS * ROWS, RESULTS = OWN * COLS; /* number row * COLS + token */

/* Where the x of token c, c + 1, ... begins, one for each invocation of the subgroup. */
uint x_of(uint x_first[COLS], uint c)
{
    return min(x_first[c] + gl_SubgroupInvocationID * a.x_stride, x_first[COLS - 1u]);
}

#ifdef CLASS_INT
const uint WORDS = 8u;

vec4 bytes(uint v)
{
    return vec4(byte_of(v, 0u), byte_of(v, 1u), byte_of(v, 2u), byte_of(v, 3u));
}

/* A whole number of magnitude up to 2^22. The conversion that saturates is slow on processors. */
int whole(float x)
{
    return int(bits(add(x, 12582912.0)) - 0x4b400000u);
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
    [[unroll]] for (uint k = 0u; k < QUADS; k++) {
        w_slot raw[ROWS];
        w_quad(quad[k], slots, slot, block, raw);
        for (uint r = 0u; r < ROWS; r++)
            w[k * ROWS + r] = w_load(raw[r]);
    }
    /* Scale and sums of token c are with invocation c % SIZE_X. */
    uvec2 meta[(COLS + SIZE_X - 1u) / SIZE_X];
    [[unroll]] for (uint c = 0u; c < COLS; c++)
        if (c % SIZE_X == 0u)
            meta[c / SIZE_X] = x2[2u * (x_of(x_first, c) + 2u * slots) + slot];
    [[unroll]] for (uint c = 0u; c < COLS; c++) {
        float lo[OWN], hi[OWN];
        [[unroll]] for (uint r = 0u; r < OWN; r++)
            lo[r] = hi[r] = 0.0;
        uint mine;
        [[unroll]] for (uint j = 0u; j < WORDS; j++) {
            if (j % SIZE_X == 0u) {
                uint i = min(j + lane, WORDS - 1u);
                mine = x1[4u * (x_first[c] + i / 4u * slots + slot) + i % 4u];
            }
            vec4 x = bytes(subgroupBroadcast(mine, j % SIZE_X));
            [[unroll]] for (uint r = 0u; r < OWN; r++)
                if (j < 4u)
                    lo[r] = dot_add(bytes(w[r].q[j]), x, lo[r]);
                else
                    hi[r] = dot_add(bytes(w[r].q[j]), x, hi[r]);
        }
        uvec2 m = subgroupBroadcast(meta[c / SIZE_X], c % SIZE_X);
        int sum_lo = int(m.y << 16) >> 16, sum_hi = int(m.y) >> 16;
        [[unroll]] for (uint r = 0u; r < OWN; r++) {
#ifdef W_FLOATS
            float term = w_term(w[r], lo[r], add(lo[r], hi[r]), float(sum_lo + sum_hi));
#else
            float term = w_term(w[r], whole(lo[r]), whole(hi[r]), sum_lo, sum_hi);
#endif
            acc[r * COLS + c] = add(acc[r * COLS + c], mul(from_bits(m.x), term));
        }
    }
}
#else
/* Four elements of token c are with invocation c % SIZE_X. */
void add_block(inout float acc[RESULTS], uint quad[QUADS], uint slots, uint slot, uint block,
               uint x_first[COLS])
{
    vec4 s[RESULTS], w[OWN], mine;
    [[unroll]] for (uint i = 0u; i < RESULTS; i++)
        s[i] = vec4(0.0);
    [[dont_unroll]] for (uint j = 0u; j < 8u; j++) {
        [[unroll]] for (uint r = 0u; r < OWN; r++)
            w[r] = w_vec4(quad[r / ROWS] + r % ROWS * W_U4 * slots, slots, slot, j);
        [[unroll]] for (uint c = 0u; c < COLS; c++) {
            if (c % SIZE_X == 0u)
                mine = sanitize4(x4[x_of(x_first, c) + block * 8u + j]);
            vec4 x = subgroupBroadcast(mine, c % SIZE_X);
            [[unroll]] for (uint r = 0u; r < OWN; r++)
                s[r * COLS + c] = add4(s[r * COLS + c], mul4(w[r], x));
        }
    }
    [[unroll]] for (uint i = 0u; i < RESULTS; i++)
        acc[i] = add(acc[i], block_sum(s[i]));
}
#endif

void main()
{
    uint n_cols = count_cols(), col = gl_WorkGroupID.y * COLS;
    if (col >= n_cols)
        return;
    uint x_first[COLS], quad[QUADS], slots = a.steps * a.lanes, n_quads = (a.n_rows + 3u) / 4u;
    [[unroll]] for (uint c = 0u; c < COLS; c++)
        x_first[c] = min(col + c, n_cols - 1u) * a.x_stride;
    uint first = (gl_WorkGroupID.x * SIZE_X + gl_SubgroupInvocationID) * QUADS;
    [[unroll]] for (uint q = 0u; q < QUADS; q++)
        quad[q] = min(first + q, n_quads - 1u) * a.quad_u4;
    float acc[RESULTS], part[TREE_LEVELS][RESULTS];
    for (uint lane = 0u; lane < a.lanes; lane++) {
        [[unroll]] for (uint i = 0u; i < RESULTS; i++)
            acc[i] = 0.0;
        uint n_steps = min(a.steps, a.n_blocks - lane * a.steps);
        for (uint i = 0u; i < n_steps; i++)
            add_block(acc, quad, slots, i * a.lanes + lane, lane * a.steps + i, x_first);
        [[unroll]] for (uint i = 0u; i < RESULTS; i++)
            TREE_PUSH(part, [i], acc[i], lane)
    }
    [[unroll]] for (uint i = 0u; i < RESULTS; i++)
        TREE_TOTAL(part, [i], acc[i], a.lanes)
    [[unroll]] for (uint c = 0u; c < COLS; c++)
        for (uint r = 0u; r < ROWS; r++)
            if (col + c >= n_cols)
                continue;
            else if (OUT == OUT_SWIGLU)
                store_swiglu(acc[r * COLS + c], acc[(ROWS + r) % OWN * COLS + c], 4u * first + r, col + c);
            else
                store_row(acc[r * COLS + c], 4u * first + r, col + c);
}
