#version 450
/*
 * matmul where exact numerics were given up (--numerics fast): weights and activations are rounded
 * to half floats, and matrices of them, M x N x K as the driver lists them, add products up in 32
 * bits in an order of their own. So results differ from device to device, by about 2^-10 of the
 * outputs' size. A subgroup has FRAGMENT_ROWS by FRAGMENT_COLS matrices of sums; ACROSS subgroups
 * stand side by side along the tokens.
 */
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#include "common.glsl"
#include "matmul.glsl"
#ifdef CLASS_INT
#include "matmul_terms.glsl"
#endif
const uint M = NORM & 255u, N = NORM >> 8 & 255u, K = NORM >> 16;
const uint FRAGMENT_ROWS = COLS & 255u, FRAGMENT_COLS = COLS >> 8 & 255u, ACROSS = COLS >> 16;
const uint TILE_ROWS = M * FRAGMENT_ROWS * (SIZE_Y / ACROSS), TILE_COLS = N * FRAGMENT_COLS * ACROSS;
const uint THREADS = SIZE_X * SIZE_Y;
const uint BLOCKS = 2u, DEPTH = 32u * BLOCKS; /* of a stage */
const uint STRIDE = DEPTH / 2u + 4u; /* words of a row: rows begin in different banks */
shared uint tile_w[TILE_ROWS * STRIDE], tile_x[TILE_COLS * STRIDE]; /* pairs of halves */
shared float tile_y[SIZE_Y * M * N]; /* a matrix for each subgroup: [token][row] */
const uint W_UNITS = TILE_ROWS * BLOCKS, W_EACH = (W_UNITS + THREADS - 1u) / THREADS;
/* The next stage waits in registers while this one is multiplied, where subgroups have enough. */
const bool AHEAD = SIZE_X >= 32u;
#define SUMS coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>
#define WEIGHTS coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA>
#define INPUTS coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB>
const int ROWS_FIRST = gl_CooperativeMatrixLayoutRowMajor, COLUMNS_FIRST = gl_CooperativeMatrixLayoutColumnMajor;
uint tile_row, tile_col, last_col, slots;

uint slot_of(uint block)
{
    return block % a.steps * a.lanes + block / a.steps;
}

uint x_of(uint col)
{
    return min(tile_col + col, last_col) * a.x_stride;
}

/* Two halves; what is too large for them becomes the largest. */
uint pair(float lo, float hi)
{
    return packHalf2x16(vec2(clamp(lo, -65504.0, 65504.0), clamp(hi, -65504.0, 65504.0)));
}

#ifdef CLASS_INT
/* Units of x: 16 bytes, half a block. */
const uint X_UNITS = TILE_COLS * BLOCKS * 2u, X_EACH = (X_UNITS + THREADS - 1u) / THREADS;
struct stage {
    w_slot w[W_EACH];
    uvec4 x[X_EACH];
    float d[X_EACH];
};

void stage_load(out stage s, uint first)
{
    uint id = gl_LocalInvocationIndex, last = a.n_blocks - 1u;
    [[unroll]] for (uint i = 0u; i < W_EACH; i++) {
        uint unit = min(id + i * THREADS, W_UNITS - 1u), b = min(first + unit / TILE_ROWS, last);
        uint row = min(tile_row + unit % TILE_ROWS, a.n_rows - 1u);
        s.w[i] = w_slot_of(row / 4u * a.quad_u4, row % 4u, slots, slot_of(b), b);
    }
    [[unroll]] for (uint i = 0u; i < X_EACH; i++) {
        uint unit = min(id + i * THREADS, X_UNITS - 1u), part = unit / TILE_COLS, b = first + part / 2u;
        uint x = x_of(unit % TILE_COLS), slot = slot_of(min(b, last));
        s.x[i] = x4[x + part % 2u * slots + slot];
        s.d[i] = b <= last ? from_bits(x2[2u * (x + 2u * slots) + slot].x) : 0.0;
    }
}

void put_bytes(uint v, float scale, float offset, out uint lo, out uint hi)
{
    float q[4];
    for (uint k = 0u; k < 4u; k++)
        q[k] = add(mul(float(byte_of(v, k)), scale), offset);
    lo = pair(q[0], q[1]);
    hi = pair(q[2], q[3]);
}

void stage_store(stage s)
{
    uint id = gl_LocalInvocationIndex;
    [[unroll]] for (uint i = 0u; i < W_EACH; i++) {
        uint unit = id + i * THREADS, at = unit % TILE_ROWS * STRIDE + unit / TILE_ROWS * 16u;
        if (unit >= W_UNITS)
            continue;
        w_block w = w_load(s.w[i]);
        w_terms t = terms_of(w);
        [[unroll]] for (uint k = 0u; k < 8u; k++)
            put_bytes(without_offset(w.q[k]), mul(t.d, k < 4u ? t.scale.x : t.scale.y),
                      mul(t.m, k < 4u ? t.minimum.x : t.minimum.y), tile_w[at + 2u * k], tile_w[at + 2u * k + 1u]);
    }
    [[unroll]] for (uint i = 0u; i < X_EACH; i++) {
        uint unit = id + i * THREADS, at = unit % TILE_COLS * STRIDE + unit / TILE_COLS * 8u;
        if (unit >= X_UNITS)
            continue;
        [[unroll]] for (uint k = 0u; k < 4u; k++)
            put_bytes(s.x[i][k], s.d[i], 0.0, tile_x[at + 2u * k], tile_x[at + 2u * k + 1u]);
    }
}
#else
/* Units: 4 elements. Nothing to take apart, so nothing is kept in registers meanwhile. */
struct stage {
    uint first;
};

void stage_load(out stage s, uint first)
{
    s.first = first;
}

void put4(vec4 v, out uint lo, out uint hi)
{
    lo = pair(v.x, v.y);
    hi = pair(v.z, v.w);
}

void stage_store(stage s)
{
    uint last = a.n_blocks - 1u;
    for (uint unit = gl_LocalInvocationIndex; unit < TILE_ROWS * BLOCKS * 8u; unit += THREADS) {
        uint row = min(tile_row + unit % TILE_ROWS, a.n_rows - 1u), j = unit / TILE_ROWS;
        uint b = min(s.first + j / 8u, last), at = unit % TILE_ROWS * STRIDE + 2u * j;
        uint plane = row / 4u * a.quad_u4 + row % 4u * W_U4 * slots;
        put4(w_vec4(plane, slots, slot_of(b), j % 8u), tile_w[at], tile_w[at + 1u]);
    }
    for (uint unit = gl_LocalInvocationIndex; unit < TILE_COLS * BLOCKS * 8u; unit += THREADS) {
        uint j = unit / TILE_COLS, b = s.first + j / 8u, at = unit % TILE_COLS * STRIDE + 2u * j;
        vec4 x = b <= last ? sanitize4(x4[x_of(unit % TILE_COLS) + b * 8u + j % 8u]) : vec4(0.0);
        put4(x, tile_x[at], tile_x[at + 1u]);
    }
}
#endif

void add_stage(inout SUMS acc[FRAGMENT_ROWS][FRAGMENT_COLS], uint row, uint col)
{
    for (uint k = 0u; k < DEPTH / K; k++) {
        WEIGHTS w[FRAGMENT_ROWS];
        [[unroll]] for (uint r = 0u; r < FRAGMENT_ROWS; r++)
            coopMatLoad(w[r], tile_w, (row + r * M) * STRIDE + k * (K / 2u), STRIDE, ROWS_FIRST);
        [[unroll]] for (uint c = 0u; c < FRAGMENT_COLS; c++) {
            INPUTS x;
            coopMatLoad(x, tile_x, (col + c * N) * STRIDE + k * (K / 2u), STRIDE, COLUMNS_FIRST);
            [[unroll]] for (uint r = 0u; r < FRAGMENT_ROWS; r++)
                acc[r][c] = coopMatMulAdd(w[r], x, acc[r][c]);
        }
    }
}

/* One of the subgroup's matrices; row and col: of the tile. */
void store_sums(uint row, uint col)
{
    uint mine = gl_SubgroupID * M * N;
    for (uint i = gl_SubgroupInvocationID; i < M * N; i += SIZE_X) {
        uint r = i % M, c = tile_col + col + i / M;
        if (c > last_col)
            continue;
        if (OUT == OUT_ROWS)
            store_row(tile_y[mine + i], tile_row + row + r, c);
        else if (r % 8u < 4u)
            store_swiglu(tile_y[mine + i], tile_y[mine + i + 4u], tile_row + row + r, c);
    }
}

void main()
{
    SUMS acc[FRAGMENT_ROWS][FRAGMENT_COLS];
    stage s;
    tile_row = gl_WorkGroupID.x * TILE_ROWS;
    tile_col = gl_WorkGroupID.y * TILE_COLS;
    last_col = count_cols() - 1u;
    slots = a.steps * a.lanes;
    if (tile_col > last_col)
        return;
    uint row = gl_SubgroupID / ACROSS * FRAGMENT_ROWS * M, col = gl_SubgroupID % ACROSS * FRAGMENT_COLS * N;
    [[unroll]] for (uint r = 0u; r < FRAGMENT_ROWS; r++)
        [[unroll]] for (uint c = 0u; c < FRAGMENT_COLS; c++)
            acc[r][c] = SUMS(0.0);
    if (AHEAD)
        stage_load(s, 0u);
    for (uint b = 0u; b < a.n_blocks; b += BLOCKS) {
        if (!AHEAD)
            stage_load(s, b);
        stage_store(s);
        barrier();
        if (AHEAD)
            stage_load(s, b + BLOCKS);
        add_stage(acc, row, col);
        barrier();
    }
    /* Only what needs constant indices is unrolled: a longer body some compilers leave a loop. */
    for (uint f = 0u; f < FRAGMENT_ROWS * FRAGMENT_COLS; f++) {
        [[unroll]] for (uint i = 0u; i < FRAGMENT_ROWS * FRAGMENT_COLS; i++)
            if (i == f)
                coopMatStore(acc[i / FRAGMENT_COLS][i % FRAGMENT_COLS], tile_y, gl_SubgroupID * M * N, M,
                             COLUMNS_FIRST);
        barrier();
        store_sums(row + f / FRAGMENT_COLS * M, col + f % FRAGMENT_COLS * N);
        barrier();
    }
}
