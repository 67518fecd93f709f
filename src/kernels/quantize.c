#include "kernels/op.h"

#include <assert.h>

void op_quantize(struct op_list *list, struct rows_q8 y, struct rows x, uint32_t n_cols)
{
    op_quantize_rows(list, y, x, 1, n_cols);
}

void op_quantize_rows(
    struct op_list *list, struct rows_q8 y, struct rows x, uint32_t rows, uint32_t n_cols)
{
    struct op *op = op_append(list, K_quantize, -1);
    uint32_t size = list->caps->row_threads ? 8 : 32;
    uint32_t n = x.n / rows;
    assert(y.layout.n_blocks == (n + 31) / 32 && x.n == n * rows && (rows == 1 || n % 32 == 0));
    op->spec[SPEC_SIZE_X] = size;
    op->groups[0] = (y.layout.n_blocks + size - 1) / size;
    op->groups[1] = n_cols ? n_cols : list->n_tokens;
    op->groups[2] = rows;
    op_bind(op, 0, x.view, true, false);
    op_bind(op, 1, y.view, false, true);
    op_bind(op, 2, list->step, true, false);
    op_set_args(op,
        &(struct quantize_args){
            .n_blocks = y.layout.n_blocks,
            .steps = y.layout.steps,
            .lanes = y.layout.lanes,
            .x_stride = x.stride,
            .y_stride = y.stride_u4 * rows,
            .n_cols = n_cols,
            .x_step = n,
            .y_step = y.stride_u4,
        },
        sizeof(struct quantize_args));
}
