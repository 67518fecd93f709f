#include "kernels/op.h"

#include <assert.h>

void op_norm_rows(struct op_list *list, struct rows y, struct rows x, const struct norm_rows *p)
{
    struct op *op = op_append(list, K_norm_rows, -1);
    struct quant_layout l = {0};
    quant_spread(&l, (p->n + 31) / 32);
    assert(p->first + p->n * p->rows <= x.n && p->first + p->n * p->rows <= y.n);
    op->spec[SPEC_SIZE_X] = list->caps->row_threads ? 8 : 32;
    op->groups[0] = p->rows;
    op->groups[1] = p->last ? 1 : list->n_tokens;
    op_bind(op, 0, x.view, true, false);
    op_bind(op, 1, p->g.buffer ? p->g : list->step, true, false);
    op_bind(op, 2, y.view, p->add, true);
    op_bind(op, 3, list->step, true, false);
    op_bind(op, 4, p->bias.buffer ? p->bias : list->step, true, false);
    op_set_args(op,
        &(struct norm_rows_args){
            .n_blocks = l.n_blocks,
            .steps = l.steps,
            .lanes = l.lanes,
            .n = p->n,
            .rows = p->rows,
            .x_stride = x.stride,
            .y_stride = y.stride,
            .first = p->first,
            .g_step = p->rows > 1 && !p->shared ? p->n : 0,
            .flags = (p->centred ? NORM_CENTRED : 0) | (p->bias.buffer ? NORM_BIAS : 0) |
                     (p->add ? NORM_ADD : 0) | (p->last ? NORM_LAST : 0) |
                     (p->g.buffer ? 0 : NORM_PLAIN) | (p->length ? NORM_LENGTH : 0),
            .inv_n = p->length ? 1.0f : 1.0f / (float)p->n,
            .eps = p->length ? p->eps * p->eps : p->eps,
            .scale = p->scale != 0 ? p->scale : 1.0f,
        },
        sizeof(struct norm_rows_args));
}
