#include "kernels/op.h"

#include <assert.h>

void op_glu(struct op_list *list, struct rows y, const struct rows_q8 *q8, struct rows x,
    const struct glu *p)
{
    struct op *op = op_append(list, K_glu, -1);
    uint32_t size = list->caps->row_threads ? 8 : 32;
    struct quant_layout l = {0};
    quant_spread(&l, (p->n + 31) / 32);
    assert(!q8 || q8->layout.n_blocks == l.n_blocks);
    op->spec[SPEC_SIZE_X] = size;
    op->spec[SPEC_OUT] = q8 ? OUT_SWIGLU : OUT_ROWS;
    op->groups[0] = (l.n_blocks + size - 1) / size;
    op->groups[1] = list->n_tokens * p->rows;
    op_bind(op, 0, x.view, true, false);
    op_bind(op, 1, q8 ? q8->view : y.view, false, true);
    op_bind(op, 2, list->step, true, false);
    op_set_args(op,
        &(struct glu_args){
            .n_blocks = l.n_blocks,
            .steps = l.steps,
            .lanes = l.lanes,
            .n = p->n,
            .rows = p->rows,
            .x_stride = x.stride,
            .y_stride = q8 ? q8->stride_u4 : y.stride,
            .up_first = p->up_first,
            .act = p->act,
        },
        sizeof(struct glu_args));
}
