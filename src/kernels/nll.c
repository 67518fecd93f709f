#include "kernels/op.h"

void op_nll(struct op_list *list, struct gpu_view nll, struct rows logits)
{
    struct op *op = op_append(list, K_nll, -1);
    op->spec[SPEC_SIZE_X] = SAMPLE_SIZE;
    op->groups[0] = list->n_tokens;
    op_bind(op, 0, logits.view, true, false);
    op_bind(op, 1, nll, false, true);
    op_bind(op, 2, list->history, true, false);
    op_bind(op, 3, list->step, true, false);
    op_set_args(op, &(struct nll_args){.n_vocab = logits.n, .stride = logits.stride},
        sizeof(struct nll_args));
}
