#include "kernels/op.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

uint64_t op_attention_partial_bytes(struct head_shape shape, uint32_t n_ctx)
{
    uint64_t chunks = (n_ctx + ATTN_CHUNK - 1) / ATTN_CHUNK;
    return chunks * shape.n_head * (2 + shape.head_dim) * 4;
}

static void append_reduce(
    struct op_list *list, struct rows y, struct gpu_view partials, struct head_shape shape)
{
    struct op *op = op_append(list, K_attn_reduce, -1);
    op->spec[SPEC_SIZE_X] = list->caps->row_threads ? 8 : 64;
    op->groups[0] = shape.n_head;
    op_bind(op, 0, partials, true, false);
    op_bind(op, 1, y.view, false, true);
    op_bind(op, 2, list->step, true, false);
    op_set_args(op,
        &(struct attn_reduce_args){
            .n_head = shape.n_head, .head_dim = shape.head_dim, .y_stride = y.stride},
        sizeof(struct attn_reduce_args));
}

void op_attention(struct op_list *list, struct rows y, struct rows qkv, const struct kv_cache *kv,
    struct gpu_view partials, struct head_shape shape)
{
    bool split = list->n_tokens == 1;
    struct op *op = op_append(list, K_attention, -1);
    assert(shape.head_dim <= MAX_HEAD_DIM && shape.n_head % shape.n_head_kv == 0);
    op->spec[SPEC_SIZE_X] = list->caps->row_threads ? 8 : 64;
    op->spec[SPEC_KV_F16] = kv->f16;
    op->spec[SPEC_SPLIT] = split;
    op->groups[0] = shape.n_head;
    op->groups[1] = list->n_tokens;
    if (split) {
        op->indirect = list->step;
        op->indirect.offset += offsetof(struct step_args, chunks_x);
    }
    op_bind(op, 0, qkv.view, true, false);
    op_bind(op, 1, kv->k, true, false);
    op_bind(op, 2, kv->v, true, false);
    op_bind(op, 3, split ? partials : y.view, false, true);
    op_bind(op, 4, list->step, true, false);
    op_set_args(op,
        &(struct attention_args){
            .n_head = shape.n_head,
            .n_head_kv = shape.n_head_kv,
            .head_dim = shape.head_dim,
            .q_stride = qkv.stride,
            .y_stride = y.stride,
            .n_ctx = kv->n_ctx,
            .scale = (float)(1.0 / sqrt((double)shape.head_dim)),
        },
        sizeof(struct attention_args));
    if (split)
        append_reduce(list, y, partials, shape);
}
