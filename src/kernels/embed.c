#include "kernels/op.h"

void op_embed(
    struct op_list *list, struct rows y, const struct matrix *w, float scale, uint32_t flags)
{
    for (uint32_t i = 0; i < w->n_shards; i++) {
        const struct matrix_shard *shard = &w->shards[i];
        struct op *op = op_append(list, K_embed, (int)w->quant);
        op->spec[SPEC_SIZE_X] = 64;
        op->groups[0] = list->n_tokens;
        op_bind(op, 0, shard->view, true, false);
        op_bind(op, 1, list->history, true, false);
        op_bind(op, 2, y.view, flags & EMBED_ADD, true);
        op_bind(op, 3, list->step, true, false);
        op_set_args(op,
            &(struct embed_args){
                .n_blocks = w->layout.n_blocks,
                .steps = w->layout.steps,
                .lanes = w->layout.lanes,
                .n = w->layout.n,
                .quad_u4 = w->layout.quad_u4,
                .row_first = shard->row_first,
                .n_rows = shard->n_rows,
                .y_stride = y.stride,
                .scale = scale,
                .flags = flags,
            },
            sizeof(struct embed_args));
    }
}
