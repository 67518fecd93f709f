#include "kernels/op.h"

void op_rmsnorm(
    struct op_list *list, struct rows y, struct rows x, struct gpu_view g, float eps, bool last)
{
    struct op *op = op_append(list, K_rmsnorm, -1);
    struct quant_layout l = {0};
    quant_spread(&l, (x.n + 31) / 32);
    op->spec[SPEC_SIZE_X] = list->caps->row_threads ? 8 : 128;
    op->groups[0] = last ? 1 : list->n_tokens;
    op_bind(op, 0, x.view, true, false);
    op_bind(op, 1, g, true, false);
    op_bind(op, 2, y.view, false, true);
    op_bind(op, 3, list->step, true, false);
    op_set_args(op,
        &(struct rmsnorm_args){
            .n_blocks = l.n_blocks,
            .steps = l.steps,
            .lanes = l.lanes,
            .n = x.n,
            .x_stride = x.stride,
            .y_stride = y.stride,
            .flags = last ? RMSNORM_LAST : 0,
            .inv_n = 1.0f / (float)x.n,
            .eps = eps,
        },
        sizeof(struct rmsnorm_args));
}
