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

/* Four subgroups with a matrix of rows each, and tokens for two. */
static void choose_matrices(const struct gpu_caps *caps, struct op *op, uint32_t tile[2])
{
    op->spec[SPEC_SIZE_X] = (uint32_t)caps->subgroup;
    op->spec[SPEC_SIZE_Y] = caps->subgroup * 4 <= caps->max_invocations ? 4 : 1;
    op->spec[SPEC_COLS] = has_few_registers(caps) ? 1 : 2;
    op->spec[SPEC_SHAPE] = caps->coopmat_m | caps->coopmat_n << 8 | caps->coopmat_k << 16;
    tile[0] = caps->coopmat_m * op->spec[SPEC_SIZE_Y];
    tile[1] = caps->coopmat_n * op->spec[SPEC_COLS];
}

/* Rows and tokens of a workgroup. */
static void choose_shape(const struct op_list *list, struct op *op, uint32_t tile[2])
{
    bool swiglu = op->spec[SPEC_OUT] == OUT_SWIGLU;
    if (op->kernel == K_matmul_sub) {
        op->spec[SPEC_SIZE_X] = (uint32_t)list->caps->subgroup;
        op->spec[SPEC_SIZE_Y] = 1;
        op->spec[SPEC_COLS] = 8;
        tile[0] = op->spec[SPEC_SIZE_X] * (swiglu ? 8 : 4);
        tile[1] = op->spec[SPEC_COLS];
        return;
    }
    if (op->kernel == K_matmul_cm) {
        choose_matrices(list->caps, op, tile);
        return;
    }
    op->spec[SPEC_SIZE_X] = has_few_registers(list->caps) ? 16 : 8;
    op->spec[SPEC_SIZE_Y] = (list->caps->max_invocations < 128 ? 32 : 128) / op->spec[SPEC_SIZE_X];
    op->spec[SPEC_COLS] = has_few_registers(list->caps) ? 1 : 4;
    tile[0] = 4 * op->spec[SPEC_SIZE_Y];
    tile[1] = op->spec[SPEC_COLS] * op->spec[SPEC_SIZE_X];
}

static void append_shard(
    struct op_list *list, const struct matmul_call *c, const struct matrix_shard *shard)
{
    const struct matrix *w = c->w;
    struct op *op = op_append(list, choose_variant(list, (int)w->quant), (int)w->quant);
    struct gpu_view bias = c->bias;
    uint32_t tile[2], n_cols = c->n_cols ? c->n_cols : list->n_tokens;
    op->spec[SPEC_OUT] = c->out;
    choose_shape(list, op, tile);
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
