#include "kernels/op.h"

void op_softcap(struct op_list *list, struct rows y, float cap, uint32_t n_cols)
{
    struct op *op = op_append(list, K_softcap, -1);
    uint32_t size = list->caps->row_threads ? 8 : 64;
    op->spec[SPEC_SIZE_X] = size;
    op->groups[0] = (y.n + size - 1) / size;
    op->groups[1] = n_cols ? n_cols : list->n_tokens;
    op_bind(op, 0, y.view, true, true);
    op_bind(op, 1, list->step, true, false);
    op_set_args(op,
        &(struct softcap_args){
            .n = y.n, .stride = y.stride, .n_cols = n_cols, .cap = cap, .cap_inv = 1.0f / cap},
        sizeof(struct softcap_args));
}
