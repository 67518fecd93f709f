#include "kernels/op.h"

static void append_penalize(
    struct op_list *list, struct gpu_view logits, struct gpu_view scores, uint32_t n_vocab)
{
    struct op *op = op_append(list, K_penalize, -1);
    uint32_t size = list->caps->row_threads ? 8 : 64;
    op->spec[SPEC_SIZE_X] = size;
    op->groups[0] = (n_vocab + size - 1) / size;
    op_bind(op, 0, logits, true, false);
    op_bind(op, 1, scores, false, true);
    op_bind(op, 2, list->history, true, false);
    op_bind(op, 3, list->step, true, false);
    op_set_args(op, &(struct penalize_args){.n_vocab = n_vocab}, sizeof(struct penalize_args));
}

void op_sample(struct op_list *list, struct gpu_view logits, struct gpu_view scores,
    struct gpu_view ring, uint32_t n_vocab)
{
    append_penalize(list, logits, scores, n_vocab);
    struct op *op = op_append(list, K_sample, -1);
    op->spec[SPEC_SIZE_X] = SAMPLE_SIZE;
    op_bind(op, 0, scores, true, false);
    op_bind(op, 1, list->step, true, true);
    op_bind(op, 2, list->history, false, true);
    op_bind(op, 3, ring, false, true);
    op_set_args(op, &(struct sample_args){.n_vocab = n_vocab}, sizeof(struct sample_args));
}
