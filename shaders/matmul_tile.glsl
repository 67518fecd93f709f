/*
 * The body of matmul.comp and matmul_dot.comp: a workgroup makes a tile of 4 * SIZE_Y rows and
 * COLS * SIZE_X tokens, each invocation a quad of rows by COLS tokens. A stage of BLOCKS blocks is
 * taken apart once, into shared memory, while the next is on its way in registers. y: quad, x: tokens.
 * Blocks come in the order of lanes, see args.h.
 */
#include "common.glsl"
#include "matmul.glsl"
#define TREE_RESULTS 1u
#include "tree.glsl"
const uint THREADS = SIZE_X * SIZE_Y, RESULTS = ROWS * COLS; /* number row * COLS + token */
const uint TILE_ROWS = ROWS * SIZE_Y, TILE_COLS = COLS * SIZE_X;
shared float ups[OUT == OUT_SWIGLU ? THREADS / 2u * RESULTS : 1u];
uint tile_row, tile_col, last_col, n_quads, slots;

uint slot_of(uint block)
{
    return block % a.steps * a.lanes + block / a.steps;
}

#ifdef CLASS_INT
#include "dot4.glsl"
/* One slot of weights for each invocation, and two 16-byte units of x for each slot of a token. */
const uint BLOCKS = SIZE_X / 4u, X_UNITS = TILE_COLS * BLOCKS * 2u;
const uint X_EACH = (X_UNITS + THREADS - 1u) / THREADS;
const uint X_METAS = TILE_COLS * BLOCKS, META_EACH = (X_METAS + THREADS - 1u) / THREADS;
shared w_block tile_w[THREADS];    /* [block][row] */
shared uvec4 tile_x[X_UNITS];      /* [block][half][token] */
shared uvec2 tile_meta[X_METAS];   /* [block][token] */
struct stage {
    w_slot w;
    uvec4 x[X_EACH];
    uvec2 meta[META_EACH];
};

void stage_load(out stage s, uint first)
{
    uint id = gl_LocalInvocationIndex, last = a.n_blocks - 1u;
    uint row = min(tile_row + id % TILE_ROWS, a.n_rows - 1u), b = min(first + id / TILE_ROWS, last);
    s.w = w_slot_of(row / 4u * a.quad_u4, row % 4u, slots, slot_of(b), b);
    for (uint i = 0u; i < X_EACH; i++) {
        uint unit = min(id + i * THREADS, X_UNITS - 1u), part = unit / TILE_COLS;
        uint x = min(tile_col + unit % TILE_COLS, last_col) * a.x_stride;
        s.x[i] = x4[x + part % 2u * slots + slot_of(min(first + part / 2u, last))];
    }
    for (uint i = 0u; i < META_EACH; i++) {
        uint unit = min(id + i * THREADS, X_METAS - 1u);
        uint x = min(tile_col + unit % TILE_COLS, last_col) * a.x_stride;
        s.meta[i] = x2[2u * (x + 2u * slots) + slot_of(min(first + unit / TILE_COLS, last))];
    }
}

void stage_store(stage s)
{
    uint id = gl_LocalInvocationIndex;
    tile_w[id] = w_load(s.w);
    for (uint i = 0u; i < X_EACH; i++)
        if (id + i * THREADS < X_UNITS)
            tile_x[id + i * THREADS] = s.x[i];
    for (uint i = 0u; i < META_EACH; i++)
        if (id + i * THREADS < X_METAS)
            tile_meta[id + i * THREADS] = s.meta[i];
}

/* Block `at` of the stage. A word of weights is taken apart for all tokens at once, then forgotten. */
void add_block(inout float acc[RESULTS], uint at)
{
    uint row = at * TILE_ROWS + ROWS * gl_LocalInvocationID.y, col = gl_LocalInvocationID.x;
    DOT_SUM all[RESULTS], lo[RESULTS];
    [[unroll]] for (uint i = 0u; i < RESULTS; i++)
        all[i] = DOT_SUM(0);
    [[unroll]] for (uint j = 0u; j < 8u; j++) {
        [[unroll]] for (uint i = 0u; i < RESULTS && j == 4u; i++)
            lo[i] = all[i];
        [[unroll]] for (uint c = 0u; c < COLS; c++) {
            uint x = tile_x[(2u * at + j / 4u) * TILE_COLS + col + c * SIZE_X][j % 4u];
            for (uint r = 0u; r < ROWS; r++)
                all[r * COLS + c] = dot4(tile_w[row + r].q[j], x, all[r * COLS + c]);
        }
    }
    [[unroll]] for (uint c = 0u; c < COLS; c++) {
        uvec2 m = tile_meta[at * TILE_COLS + col + c * SIZE_X];
        int sum_lo = int(m.y << 16) >> 16, sum_hi = int(m.y) >> 16;
        for (uint r = 0u; r < ROWS; r++) {
            uint i = r * COLS + c;
#ifdef W_FLOATS
            float term = w_term(tile_w[row + r], float(lo[i]), float(all[i]), float(sum_lo + sum_hi));
#else
            float term = w_term(tile_w[row + r], int(lo[i]), int(all[i]) - int(lo[i]), sum_lo, sum_hi);
#endif
            acc[i] = add(acc[i], mul(from_bits(m.x), term));
        }
    }
}
#else
const uint BLOCKS = 1u, W_UNITS = 8u * TILE_ROWS, X_UNITS = 8u * TILE_COLS; /* of four elements */
const uint W_EACH = (W_UNITS + THREADS - 1u) / THREADS, X_EACH = (X_UNITS + THREADS - 1u) / THREADS;
shared vec4 tile_w[W_UNITS], tile_x[X_UNITS]; /* [unit][row or token] */
struct stage {
    vec4 w[W_EACH], x[X_EACH];
};

void stage_load(out stage s, uint b)
{
    uint id = gl_LocalInvocationIndex;
    b = min(b, a.n_blocks - 1u);
    for (uint i = 0u; i < W_EACH; i++) {
        uint unit = min(id + i * THREADS, W_UNITS - 1u);
        uint row = min(tile_row + unit % TILE_ROWS, a.n_rows - 1u);
        s.w[i] = w_vec4(row / 4u * a.quad_u4 + row % 4u * W_U4 * slots, slots, slot_of(b),
                        unit / TILE_ROWS);
    }
    for (uint i = 0u; i < X_EACH; i++) {
        uint unit = min(id + i * THREADS, X_UNITS - 1u);
        uint x = min(tile_col + unit % TILE_COLS, last_col) * a.x_stride;
        s.x[i] = sanitize4(x4[x + b * 8u + unit / TILE_COLS]);
    }
}

void stage_store(stage s)
{
    uint id = gl_LocalInvocationIndex;
    for (uint i = 0u; i < W_EACH; i++)
        if (id + i * THREADS < W_UNITS)
            tile_w[id + i * THREADS] = s.w[i];
    for (uint i = 0u; i < X_EACH; i++)
        if (id + i * THREADS < X_UNITS)
            tile_x[id + i * THREADS] = s.x[i];
}

void add_block(inout float acc[RESULTS], uint at)
{
    vec4 s[RESULTS];
    for (uint i = 0u; i < RESULTS; i++)
        s[i] = vec4(0.0);
    for (uint j = 0u; j < 8u; j++) {
        vec4 w[ROWS];
        for (uint r = 0u; r < ROWS; r++)
            w[r] = tile_w[j * TILE_ROWS + ROWS * gl_LocalInvocationID.y + r];
        for (uint c = 0u; c < COLS; c++) {
            vec4 x = tile_x[j * TILE_COLS + gl_LocalInvocationID.x + c * SIZE_X];
            for (uint r = 0u; r < ROWS; r++)
                s[r * COLS + c] = add4(s[r * COLS + c], mul4(w[r], x));
        }
    }
    for (uint i = 0u; i < RESULTS; i++)
        acc[i] = add(acc[i], block_sum(s[i]));
}
#endif

void sum_blocks(out float acc[RESULTS])
{
    float part[TREE_LEVELS][RESULTS];
    stage s;
    uint lane = 0u, step_of_lane = 0u;
    for (uint i = 0u; i < RESULTS; i++)
        acc[i] = 0.0;
    stage_load(s, 0u);
    for (uint b = 0u; b < a.n_blocks; b += BLOCKS) {
        barrier(); /* all have done with the stage before */
        stage_store(s);
        barrier();
        stage_load(s, b + BLOCKS);
        for (uint k = 0u; k < BLOCKS && b + k < a.n_blocks; k++) {
            add_block(acc, k);
            step_of_lane++;
            if (step_of_lane < a.steps && b + k + 1u < a.n_blocks)
                continue;
            for (uint i = 0u; i < RESULTS; i++) {
                TREE_PUSH(part, [i], acc[i], lane)
                acc[i] = 0.0;
            }
            step_of_lane = 0u;
            lane++;
        }
    }
    for (uint i = 0u; i < RESULTS; i++)
        TREE_TOTAL(part, [i], acc[i], a.lanes)
}

/* Quads of gate and up take turns: the invocation of gate gets the sums of its neighbour in y. */
void finish_swiglu(float acc[RESULTS], uint row)
{
    uint y_id = gl_LocalInvocationID.y, pair = y_id / 2u * SIZE_X + gl_LocalInvocationID.x;
    if (y_id % 2u == 1u)
        for (uint i = 0u; i < RESULTS; i++)
            ups[i * (THREADS / 2u) + pair] = acc[i];
    barrier();
    for (uint i = 0u; i < RESULTS; i++) {
        uint col = tile_col + gl_LocalInvocationID.x + i % COLS * SIZE_X;
        if (y_id % 2u == 0u && col <= last_col)
            store_swiglu(acc[i], ups[i * (THREADS / 2u) + pair], row + i / COLS, col);
    }
}

void main()
{
    float acc[RESULTS];
    tile_row = gl_WorkGroupID.x * TILE_ROWS;
    tile_col = gl_WorkGroupID.y * TILE_COLS;
    last_col = count_cols() - 1u;
    slots = a.steps * a.lanes;
    if (tile_col > last_col)
        return;
    sum_blocks(acc);
    uint row = tile_row + ROWS * gl_LocalInvocationID.y;
    if (OUT == OUT_SWIGLU) {
        finish_swiglu(acc, row);
        return;
    }
    for (uint i = 0u; i < RESULTS; i++) {
        uint col = tile_col + gl_LocalInvocationID.x + i % COLS * SIZE_X;
        if (col <= last_col)
            store_row(acc[i], row + i / COLS, col);
    }
}
