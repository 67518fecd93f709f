/* Matrix times many vectors. The kernels differ in how work is shared, which shows in no bit. */
#include "kernels/matmul.h"

#include <assert.h>

enum { MAX_GROUPS = 65535, FEWEST_TOKENS = 16 };

static const enum kernel by_speed[] = {K_matmul_sub, K_matmul_cm, K_matmul_dot, K_matmul};

/* By a test. */
static bool is_asked(const struct op_list *list, enum kernel base)
{
    return list->variant && list->variant < K_COUNT && kernel_rows[list->variant].base == base;
}

static enum kernel choose_variant(const struct op_list *list, int quant)
{
    const struct gpu_caps *caps = list->caps;
    if (is_asked(list, K_matmul))
        return list->variant;
    if (list->fast && kernel_usable(K_matmul_half, quant, caps, list->verdicts))
        return K_matmul_half;
    for (size_t i = 0; i < sizeof(by_speed) / sizeof(by_speed[0]); i++)
        if (kernel_chosen(by_speed[i], quant, caps) &&
            kernel_usable(by_speed[i], quant, caps, list->verdicts))
            return by_speed[i];
    return K_matmul;
}

bool matmul_wanted(const struct op_list *list, uint32_t n_cols)
{
    if (is_asked(list, K_matmul) || is_asked(list, K_matvec))
        return is_asked(list, K_matmul);
    return n_cols >= (list->caps->row_threads ? 2 : FEWEST_TOKENS);
}

/* The sums of a tree fill most of a GPU's registers, and where subgroups are small, an invocation
 * has few. */
static bool has_few_registers(const struct gpu_caps *caps)
{
    return caps->subgroup && caps->subgroup < 32;
}

/* Candidates: invocations in y, and columns of each (matmul_cm: subgroups, and matrices of
 * tokens). */
struct shape {
    uint8_t x, y, cols;
};
static const struct shape matrix_shapes[MATMUL_SHAPES] = {
    {0, 4, 2}, {0, 4, 1}, {0, 2, 2}, {0, 8, 1}, {0, 8, 2}, {0, 2, 1}, {0, 2, 4}};
/* matmul_half: subgroups below each other and side by side, and the matrices of each. The rule
 * is the first that fits, or the last. */
static const struct half_shape {
    uint8_t down, across, rows, cols;
} half_shapes[MATMUL_SHAPES] = {{4, 2, 2, 4}, {2, 2, 2, 2}, {2, 2, 4, 4}, {4, 1, 2, 4},
    {2, 4, 4, 2}, {2, 2, 2, 4}, {4, 2, 1, 2}};
static const struct shape tile_shapes[MATMUL_SHAPES] = {
    {8, 16, 4}, {16, 8, 1}, {16, 8, 2}, {8, 16, 2}, {16, 16, 2}, {16, 16, 1}, {8, 32, 4}};

/* No less than the shared memory of a group, whatever the format. */
static uint32_t shared_bytes(const struct gpu_caps *caps, const struct shape *s)
{
    if (s->x)
        return (uint32_t)s->x * s->y * 128;
    uint32_t rows = caps->coopmat_m * s->y, tokens = caps->coopmat_n * s->cols;
    return rows * 352 + tokens * 176 + rows * tokens * 4;
}

/* NULL: there is none of that number, or it does not fit. */
static const struct shape *find_shape(
    const struct gpu_caps *caps, const struct shape *shapes, uint32_t i)
{
    if (!i)
        return NULL;
    const struct shape *s = &shapes[i - 1];
    uint32_t x = s->x ? s->x : (uint32_t)caps->subgroup;
    return x * s->y <= caps->max_invocations && shared_bytes(caps, s) <= caps->max_shared ? s
                                                                                          : NULL;
}

/* Four subgroups with a matrix of rows each, and tokens for two. */
static void choose_matrices(
    const struct gpu_caps *caps, struct op *op, uint32_t i, uint32_t tile[2])
{
    const struct shape *s = find_shape(caps, matrix_shapes, i);
    op->spec[SPEC_SIZE_X] = (uint32_t)caps->subgroup;
    op->spec[SPEC_SIZE_Y] = s ? s->y : caps->subgroup * 4 <= caps->max_invocations ? 4 : 1;
    op->spec[SPEC_COLS] = s ? s->cols : has_few_registers(caps) ? 1 : 2;
    op->spec[SPEC_SHAPE] = caps->coopmat_m | caps->coopmat_n << 8 | caps->coopmat_k << 16;
    tile[0] = caps->coopmat_m * op->spec[SPEC_SIZE_Y];
    tile[1] = caps->coopmat_n * op->spec[SPEC_COLS];
}

static bool half_fits(const struct gpu_caps *caps, const struct half_shape *s)
{
    uint32_t subgroups = (uint32_t)s->down * s->across;
    uint32_t lines = caps->half_m * s->down * s->rows + caps->half_n * s->across * s->cols;
    return caps->subgroup * subgroups <= caps->max_invocations &&
           lines * 144 + subgroups * caps->half_m * caps->half_n * 4 <= caps->max_shared;
}

static void choose_halves(const struct gpu_caps *caps, struct op *op, uint32_t i, uint32_t tile[2])
{
    /* A processor takes long to compile large ones, and small register files spill. */
    bool small = caps->row_threads || has_few_registers(caps);
    uint32_t k = i ? i - 1 : small ? MATMUL_SHAPES - 1 : 0;
    if (!half_fits(caps, &half_shapes[k]))
        k = 0;
    while (k + 1 < MATMUL_SHAPES && !half_fits(caps, &half_shapes[k]))
        k++;
    const struct half_shape *s = &half_shapes[k];
    op->spec[SPEC_SIZE_X] = (uint32_t)caps->subgroup;
    op->spec[SPEC_SIZE_Y] = (uint32_t)s->down * s->across;
    op->spec[SPEC_COLS] = s->rows | (uint32_t)s->cols << 8 | (uint32_t)s->across << 16;
    op->spec[SPEC_SHAPE] = caps->half_m | caps->half_n << 8 | caps->half_k << 16;
    tile[0] = caps->half_m * s->down * s->rows;
    tile[1] = caps->half_n * s->across * s->cols;
}

static void choose_tile(const struct gpu_caps *caps, struct op *op, uint32_t i, uint32_t tile[2])
{
    const struct shape *s = find_shape(caps, tile_shapes, i);
    bool few = has_few_registers(caps);
    uint32_t x = few ? 16 : 8, size = caps->max_invocations < 128 ? 32 : 128;
    op->spec[SPEC_SIZE_X] = s ? s->x : x;
    op->spec[SPEC_SIZE_Y] = s ? s->y : size / x;
    op->spec[SPEC_COLS] = s ? s->cols : few ? 1 : 4;
    tile[0] = 4 * op->spec[SPEC_SIZE_Y];
    tile[1] = op->spec[SPEC_COLS] * op->spec[SPEC_SIZE_X];
}

/* Rows and tokens of a workgroup. */
static void choose_shape(const struct op_list *list, struct op *op, const struct matmul_call *c,
    uint32_t n_rows, uint32_t tile[2])
{
    if (op->kernel == K_matmul_sub) {
        op->spec[SPEC_SIZE_X] = (uint32_t)list->caps->subgroup;
        op->spec[SPEC_SIZE_Y] = 1;
        op->spec[SPEC_COLS] = 8;
        tile[0] = op->spec[SPEC_SIZE_X] * (c->out == OUT_SWIGLU ? 8 : 4);
        tile[1] = op->spec[SPEC_COLS];
        return;
    }
    uint32_t i = op_shape(
        list, op, (struct shape_key){c->out, n_rows, c->w->layout.n_blocks}, MATMUL_SHAPES);
    if (op->kernel == K_matmul_half)
        choose_halves(list->caps, op, i, tile);
    else if (op->kernel == K_matmul_cm)
        choose_matrices(list->caps, op, i, tile);
    else
        choose_tile(list->caps, op, i, tile);
}

static void append_shard(
    struct op_list *list, const struct matmul_call *c, const struct matrix_shard *shard)
{
    const struct matrix *w = c->w;
    struct op *op = op_append(list, choose_variant(list, (int)w->quant), (int)w->quant);
    struct gpu_view bias = c->bias;
    uint32_t tile[2], n_cols = c->n_cols ? c->n_cols : list->n_tokens;
    op->spec[SPEC_OUT] = c->out;
    choose_shape(list, op, c, shard->n_rows, tile);
    op->groups[0] = (shard->n_rows + tile[0] - 1) / tile[0];
    op->groups[1] = (n_cols + tile[1] - 1) / tile[1];
    assert(op->groups[0] <= MAX_GROUPS && op->groups[1] <= MAX_GROUPS);
    if (bias.buffer) {
        bias.offset += (uint64_t)shard->row_first * 4;
        bias.size = (uint64_t)shard->n_rows * 4;
    }
    op_bind(op, 0, shard->view, true, false);
    op_bind(op, 1, c->x, true, false);
    op_bind(op, 2, c->y.view, c->flags & MATVEC_ADD, true);
    op_bind(op, 3, bias.buffer ? bias : list->step, true, false);
    op_bind(op, 4, list->step, true, false);
    op_set_args(op,
        &(struct matmul_args){
            .n_blocks = w->layout.n_blocks,
            .steps = w->layout.steps,
            .lanes = w->layout.lanes,
            .n_rows = shard->n_rows,
            .quad_u4 = w->layout.quad_u4,
            .x_stride = c->x_stride,
            .y_stride = c->y.stride,
            .y_first = c->y_first + shard->row_first,
            .n_cols = c->n_cols,
            .flags = c->flags,
        },
        sizeof(struct matmul_args));
}

void matmul_append(struct op_list *list, const struct matmul_call *c)
{
    for (uint32_t i = 0; i < c->w->n_shards; i++)
        append_shard(list, c, &c->w->shards[i]);
}

bool op_can_swiglu(const struct op_list *list, const struct matrix *w)
{
    return w->n_shards && !w->bias.buffer && matmul_wanted(list, list->n_tokens);
}

void op_swiglu(
    struct op_list *list, struct rows y, const struct matrix *w, const struct matvec_input *x)
{
    bool is_int = quant_types[w->quant].class == QUANT_CLASS_INT;
    assert(op_can_swiglu(list, w) && w->n_rows == 2 * y.n && y.n % 4 == 0);
    matmul_append(list, &(struct matmul_call){.w = w,
                            .x = is_int ? x->q8.view : x->f32.view,
                            .x_stride = is_int ? x->q8.stride_u4 : x->f32.stride / 4,
                            .y = y,
                            .out = OUT_SWIGLU});
}
