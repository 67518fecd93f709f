#include "kernels/op.h"

void op_silu_mul(struct op_list *list, struct rows y, struct rows x, uint32_t up_first)
{
    struct op *op = op_append(list, K_silu_mul, -1);
    uint32_t size = list->caps->row_threads ? 8 : 64;
    op->spec[SPEC_SIZE_X] = size;
    op->groups[0] = (y.n + size - 1) / size;
    op->groups[1] = list->n_tokens;
    op_bind(op, 0, x.view, true, false);
    op_bind(op, 1, y.view, false, true);
    op_bind(op, 2, list->step, true, false);
    op_set_args(op,
        &(struct silu_mul_args){
            .n = y.n, .x_stride = x.stride, .y_stride = y.stride, .up_first = up_first},
        sizeof(struct silu_mul_args));
}
