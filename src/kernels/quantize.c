#include "kernels/op.h"

#include <assert.h>

void op_quantize(struct op_list *list, struct rows_q8 y, struct rows x, uint32_t n_cols)
{
    struct op *op = op_append(list, K_quantize, -1);
    uint32_t size = list->caps->row_threads ? 8 : 32;
    assert(y.layout.n_blocks == (x.n + 31) / 32);
    op->spec[SPEC_SIZE_X] = size;
    op->groups[0] = (y.layout.n_blocks + size - 1) / size;
    op->groups[1] = n_cols ? n_cols : list->n_tokens;
    op_bind(op, 0, x.view, true, false);
    op_bind(op, 1, y.view, false, true);
    op_bind(op, 2, list->step, true, false);
    op_set_args(op,
        &(struct quantize_args){
            .n_blocks = y.layout.n_blocks,
            .steps = y.layout.steps,
            .lanes = y.layout.lanes,
            .x_stride = x.stride,
            .y_stride = y.stride_u4,
            .n_cols = n_cols,
        },
        sizeof(struct quantize_args));
}
