/* Matrix times one or several vectors. The variants and shapes give the same bits, so the choice is
 * about speed alone. */
#include "kernels/op.h"

#include <assert.h>

/* Grids are capped: rows are looped over, and no device must offer more groups in x. */
#define MAX_GROUPS 16384u

static enum kernel choose_variant(const struct op_list *list, int quant)
{
    bool fast = list->caps->int_dot == 2;
    return fast && kernel_usable(K_matvec_dot, quant, list->caps) ? K_matvec_dot : K_matvec;
}

static void choose_shape(const struct op_list *list, struct op *op, uint32_t n_cols)
{
    uint32_t most = list->caps->row_threads ? 8 : 4; /* GPUs: shared memory is scarce */
    op->spec[SPEC_COLS] = n_cols >= most ? most : n_cols >= 4 ? 4 : n_cols >= 2 ? 2 : 1;
    op->spec[SPEC_SIZE_X] = list->caps->row_threads ? 1 : 32;
    op->spec[SPEC_SIZE_Y] = list->caps->row_threads ? 8 : 4;
}

static void append_shard(struct op_list *list, struct rows y, uint32_t y_first,
    const struct matrix *w, const struct matrix_shard *shard, const struct matvec_input *x,
    struct gpu_view bias, bool add, uint32_t n_cols)
{
    bool is_int = quant_types[w->quant].class == QUANT_CLASS_INT;
    struct op *op = op_append(list, choose_variant(list, (int)w->quant), (int)w->quant);
    uint32_t cols = n_cols ? n_cols : list->n_tokens;
    choose_shape(list, op, cols);
    uint32_t rows = op->spec[SPEC_SIZE_Y] * 4;
    uint32_t groups = (shard->n_rows + rows - 1) / rows;
    op->groups[0] = groups < MAX_GROUPS ? groups : MAX_GROUPS;
    op->groups[1] = (cols + op->spec[SPEC_COLS] - 1) / op->spec[SPEC_COLS];
    if (bias.buffer) {
        bias.offset += (uint64_t)shard->row_first * 4;
        bias.size = (uint64_t)shard->n_rows * 4;
    }
    op_bind(op, 0, shard->view, true, false);
    op_bind(op, 1, is_int ? x->q8.view : x->f32.view, true, false);
    op_bind(op, 2, y.view, add, true);
    op_bind(op, 3, bias.buffer ? bias : list->step, true, false);
    op_bind(op, 4, list->step, true, false);
    op_set_args(op,
        &(struct matvec_args){
            .n_blocks = w->layout.n_blocks,
            .steps = w->layout.steps,
            .lanes = w->layout.lanes,
            .n_rows = shard->n_rows,
            .quad_u4 = w->layout.quad_u4,
            .x_stride = is_int ? x->q8.stride_u4 : x->f32.stride / 4,
            .y_stride = y.stride,
            .y_first = y_first + shard->row_first,
            .n_cols = n_cols,
            .flags = (bias.buffer ? MATVEC_BIAS : 0) | (add ? MATVEC_ADD : 0),
        },
        sizeof(struct matvec_args));
}

void op_matvec(struct op_list *list, struct rows y, uint32_t y_first, const struct matrix *w,
    const struct matvec_input *x, struct gpu_view bias, bool add, uint32_t n_cols)
{
    assert(w->layout.n_blocks == (quant_types[w->quant].class == QUANT_CLASS_INT
                                         ? x->q8.layout.n_blocks
                                         : (x->f32.n + 31) / 32));
    for (uint32_t i = 0; i < w->n_shards; i++)
        append_shard(list, y, y_first, w, &w->shards[i], x, bias, add, n_cols);
}
