#version 450
/*
 * matmul by cooperative matrices of signed bytes, M x N x K as the driver lists them: products of 32
 * weights add up exactly, and scales are applied to each sum in the order of the other kernels. A
 * subgroup has M rows by FRAGMENTS times N tokens, SIZE_Y subgroups share the tokens. Which element
 * of a matrix an invocation holds is the driver's secret, so scales are loaded as matrices, too: a
 * stride of 0 repeats a row or column.
 */
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#include "matmul.glsl"
#define TREE_RESULTS 1u
#include "tree.glsl"
#include "matmul_terms.glsl"
const uint M = NORM & 255u, N = NORM >> 8 & 255u, K = NORM >> 16, FRAGMENTS = COLS;
const uint TILE_ROWS = M * SIZE_Y, TILE_COLS = N * FRAGMENTS, THREADS = SIZE_X * SIZE_Y;
const uint BLOCKS = 2u; /* of a stage */
/* Matrices that make a block's sums; where one is as long as a block, halves are told apart by
 * weights of which one half is 0. */
const uint MASKED = HALVES != 0u && K == 32u ? 1u : 0u;
const uint STEPS = MASKED != 0u ? 2u : 32u / K, WORDS = K / 4u; /* of a row of a matrix */
const uint W_SLOTS = TILE_ROWS * BLOCKS, X_UNITS = TILE_COLS * BLOCKS * 2u, X_METAS = TILE_COLS * BLOCKS;
const uint W_EACH = (W_SLOTS + THREADS - 1u) / THREADS, X_EACH = (X_UNITS + THREADS - 1u) / THREADS;
const uint META_EACH = (X_METAS + THREADS - 1u) / THREADS;
const uint W_WORDS = W_SLOTS * STEPS * WORDS, X_WORDS = TILE_COLS * BLOCKS * 8u;
/* Two stages: one is read while the other is filled. */
shared uint tile_w[2u * W_WORDS]; /* [block][step][row][WORDS] */
shared uint tile_x[2u * X_WORDS]; /* [block][step][token][WORDS] */
shared float w_d[2u * W_SLOTS], x_d[2u * X_METAS]; /* [block][row or token] */
shared float w_lo[HALVES != 0u ? 2u * W_SLOTS : 1u], w_hi[HALVES != 0u ? 2u * W_SLOTS : 1u];
shared float w_m[MIN != 0u ? 2u * W_SLOTS : 1u];
shared float w_min_lo[MIN * HALVES != 0u ? 2u * W_SLOTS : 1u], w_min_hi[MIN * HALVES != 0u ? 2u * W_SLOTS : 1u];
shared float x_lo[MIN != 0u ? 2u * X_METAS : 1u], x_hi[MIN != 0u ? 2u * X_METAS : 1u];
shared float tile_y[TILE_ROWS * TILE_COLS]; /* [token][row] */
#define REALS coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>
#define WHOLES coopmat<int, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>
#define WEIGHTS coopmat<int8_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA>
#define INPUTS coopmat<int8_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB>
const int ROWS_FIRST = gl_CooperativeMatrixLayoutRowMajor, COLUMNS_FIRST = gl_CooperativeMatrixLayoutColumnMajor;

struct stage {
    w_slot w[W_EACH];
    uvec4 x[X_EACH];
    uvec2 meta[META_EACH];
};
uint tile_row, tile_col, last_col, slots;

uint slot_of(uint block)
{
    return block % a.steps * a.lanes + block / a.steps;
}

uint x_of(uint unit)
{
    return min(tile_col + unit % TILE_COLS, last_col) * a.x_stride;
}

void stage_load(out stage s, uint first)
{
    uint id = gl_LocalInvocationIndex, last = a.n_blocks - 1u;
    [[unroll]] for (uint i = 0u; i < W_EACH; i++) {
        uint unit = min(id + i * THREADS, W_SLOTS - 1u), b = min(first + unit / TILE_ROWS, last);
        uint row = min(tile_row + unit % TILE_ROWS, a.n_rows - 1u);
        s.w[i] = w_slot_of(row / 4u * a.quad_u4, row % 4u, slots, slot_of(b), b);
    }
    [[unroll]] for (uint i = 0u; i < X_EACH; i++) {
        uint unit = min(id + i * THREADS, X_UNITS - 1u), part = unit / TILE_COLS;
        s.x[i] = x4[x_of(unit) + part % 2u * slots + slot_of(min(first + part / 2u, last))];
    }
    [[unroll]] for (uint i = 0u; i < META_EACH; i++) {
        uint unit = min(id + i * THREADS, X_METAS - 1u);
        s.meta[i] = x2[2u * (x_of(unit) + 2u * slots) + slot_of(min(first + unit / TILE_COLS, last))];
    }
}

/* Where word i of a block's 8 goes, in an array of `count` rows or tokens a matrix. */
uint place(uint block, uint i, uint count, uint at)
{
    return ((block * (32u / K) + i / WORDS) * count + at) * WORDS + i % WORDS;
}

void store_weights(w_slot slot, uint unit, uint half_)
{
    w_block w = w_load(slot);
    w_terms t = terms_of(w);
    uint at = half_ * W_SLOTS + unit, block = unit / TILE_ROWS, row = unit % TILE_ROWS;
    [[unroll]] for (uint i = 0u; i < 8u; i++) {
        uint v = without_offset(w.q[i]);
        if (MASKED != 0u) {
            uint first = half_ * W_WORDS + (block * 2u * TILE_ROWS + row) * WORDS + i;
            tile_w[first] = i < 4u ? v : 0u;
            tile_w[first + TILE_ROWS * WORDS] = i < 4u ? 0u : v;
        } else {
            tile_w[half_ * W_WORDS + place(block, i, TILE_ROWS, row)] = v;
        }
    }
    w_d[at] = t.d;
    if (HALVES != 0u) {
        w_lo[at] = t.scale.x;
        w_hi[at] = t.scale.y;
    }
    if (MIN != 0u)
        w_m[at] = t.m;
    if (MIN * HALVES != 0u) {
        w_min_lo[at] = t.minimum.x;
        w_min_hi[at] = t.minimum.y;
    }
}

void stage_store(stage s, uint half_)
{
    uint id = gl_LocalInvocationIndex;
    [[unroll]] for (uint i = 0u; i < W_EACH; i++)
        if (id + i * THREADS < W_SLOTS)
            store_weights(s.w[i], id + i * THREADS, half_);
    [[unroll]] for (uint i = 0u; i < X_EACH; i++) {
        uint unit = id + i * THREADS, part = unit / TILE_COLS;
        for (uint k = 0u; k < 4u && unit < X_UNITS; k++)
            tile_x[half_ * X_WORDS + place(part / 2u, part % 2u * 4u + k, TILE_COLS, unit % TILE_COLS)] = s.x[i][k];
    }
    [[unroll]] for (uint i = 0u; i < META_EACH; i++) {
        uint unit = id + i * THREADS, at = half_ * X_METAS + unit;
        if (unit >= X_METAS)
            continue;
        x_d[at] = from_bits(s.meta[i].x);
        if (MIN != 0u) {
            int lo = int(s.meta[i].y << 16) >> 16, hi = int(s.meta[i].y) >> 16;
            x_lo[at] = float(HALVES != 0u ? lo : lo + hi);
            x_hi[at] = float(hi);
        }
    }
}

/* Block `at` of the stage in this half of memory. */
void add_block(inout REALS acc[FRAGMENTS], uint at, uint half_)
{
    WHOLES sum[2][FRAGMENTS];
    REALS d, lo_scale, hi_scale, m, lo_min, hi_min;
    uint row = gl_SubgroupID * M, w_first = half_ * W_SLOTS + at * TILE_ROWS + row;
    [[unroll]] for (uint f = 0u; f < FRAGMENTS; f++)
        sum[0][f] = sum[1][f] = WHOLES(0);
    [[unroll]] for (uint s = 0u; s < STEPS; s++) {
        WEIGHTS w;
        const uint part = HALVES != 0u && s >= STEPS / 2u ? 1u : 0u, x_step = MASKED != 0u ? 0u : s;
        coopMatLoad(w, tile_w, half_ * W_WORDS + ((at * STEPS + s) * TILE_ROWS + row) * WORDS, WORDS, ROWS_FIRST);
        [[unroll]] for (uint f = 0u; f < FRAGMENTS; f++) {
            INPUTS x;
            coopMatLoad(x, tile_x, half_ * X_WORDS + ((at * (32u / K) + x_step) * TILE_COLS + f * N) * WORDS,
                        WORDS, COLUMNS_FIRST);
            sum[part][f] = coopMatMulAdd(w, x, sum[part][f]);
        }
    }
    coopMatLoad(d, w_d, w_first, 0u, COLUMNS_FIRST);
    if (HALVES != 0u) {
        coopMatLoad(lo_scale, w_lo, w_first, 0u, COLUMNS_FIRST);
        coopMatLoad(hi_scale, w_hi, w_first, 0u, COLUMNS_FIRST);
    }
    if (MIN != 0u)
        coopMatLoad(m, w_m, w_first, 0u, COLUMNS_FIRST);
    if (MIN * HALVES != 0u) {
        coopMatLoad(lo_min, w_min_lo, w_first, 0u, COLUMNS_FIRST);
        coopMatLoad(hi_min, w_min_hi, w_first, 0u, COLUMNS_FIRST);
    }
    [[unroll]] for (uint f = 0u; f < FRAGMENTS; f++) {
        REALS lo = REALS(sum[0][f]), hi = REALS(sum[1][f]), x, lo_sum, hi_sum;
        uint x_first = half_ * X_METAS + at * TILE_COLS + f * N;
        coopMatLoad(x, x_d, x_first, 0u, ROWS_FIRST);
        if (MIN != 0u)
            coopMatLoad(lo_sum, x_lo, x_first, 0u, ROWS_FIRST);
        if (MIN * HALVES != 0u)
            coopMatLoad(hi_sum, x_hi, x_first, 0u, ROWS_FIRST);
        [[unroll]] for (uint i = 0u; i < acc[f].length(); i++) {
            float v = lo[i];
            if (HALVES != 0u)
                v = add(mul(lo_scale[i], v), mul(hi_scale[i], hi[i]));
            v = mul(d[i], v);
            if (MIN != 0u) {
                float s = lo_sum[i];
                if (HALVES != 0u)
                    s = add(mul(lo_min[i], s), mul(hi_min[i], hi_sum[i]));
                v = add(v, mul(m[i], s));
            }
            acc[f][i] = add(acc[f][i], mul(x[i], v));
        }
    }
}

void sum_blocks(out REALS acc[FRAGMENTS])
{
    REALS part[TREE_LEVELS][FRAGMENTS];
    stage s;
    uint lane = 0u, step_of_lane = 0u, half_ = 0u;
    [[unroll]] for (uint f = 0u; f < FRAGMENTS; f++)
        acc[f] = REALS(0.0);
    stage_load(s, 0u);
    for (uint b = 0u; b < a.n_blocks; b += BLOCKS) {
        stage_store(s, half_);
        barrier();
        stage_load(s, b + BLOCKS);
        for (uint k = 0u; k < BLOCKS && b + k < a.n_blocks; k++) {
            add_block(acc, k, half_);
            step_of_lane++;
            if (step_of_lane < a.steps && b + k + 1u < a.n_blocks)
                continue;
            [[unroll]] for (uint f = 0u; f < FRAGMENTS; f++)
                [[unroll]] for (uint i = 0u; i < acc[f].length(); i++) {
                    TREE_PUSH(part, [f][i], acc[f][i], lane)
                    acc[f][i] = 0.0;
                }
            step_of_lane = 0u;
            lane++;
        }
        half_ ^= 1u;
    }
    [[unroll]] for (uint f = 0u; f < FRAGMENTS; f++)
        [[unroll]] for (uint i = 0u; i < acc[f].length(); i++)
            TREE_TOTAL(part, [f][i], acc[f][i], a.lanes)
}

void main()
{
    REALS acc[FRAGMENTS];
    tile_row = gl_WorkGroupID.x * TILE_ROWS;
    tile_col = gl_WorkGroupID.y * TILE_COLS;
    last_col = count_cols() - 1u;
    slots = a.steps * a.lanes;
    if (tile_col > last_col)
        return;
    sum_blocks(acc);
    [[unroll]] for (uint f = 0u; f < FRAGMENTS; f++)
        coopMatStore(acc[f], tile_y, f * N * TILE_ROWS + gl_SubgroupID * M, TILE_ROWS, COLUMNS_FIRST);
    barrier();
    for (uint i = gl_LocalInvocationIndex; i < TILE_ROWS * TILE_COLS; i += THREADS) {
        uint row = i % TILE_ROWS, col = tile_col + i / TILE_ROWS;
        if (col > last_col)
            continue;
        if (OUT == OUT_ROWS)
            store_row(tile_y[i], tile_row + row, col);
        else if (row % 8u < 4u)
            store_swiglu(tile_y[i], tile_y[i + 4u], tile_row + row, col);
    }
}
