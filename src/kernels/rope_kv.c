#include "kernels/op.h"

#include <assert.h>

void op_rope_kv(struct op_list *list, struct rows qkv, uint32_t k_first, uint32_t v_first,
    const struct kv_cache *kv, struct gpu_view rope, struct head_shape shape)
{
    struct op *op = op_append(list, K_rope_kv, kernel_kv_quant(kv->type));
    uint32_t size = list->caps->row_threads ? 8 : 64;
    bool has_v = shape.n_head_kv > 0 && !kv->value_first;
    uint32_t heads = shape.n_head + shape.n_head_kv + (has_v ? shape.n_head_kv : 0);
    uint32_t quads = heads * shape.head_dim / 4;
    assert(shape.head_dim % 4 == 0 && shape.n_rot % 2 == 0 && kv->n_ctx % K_TILE == 0);
    op->spec[SPEC_SIZE_X] = size;
    op->spec[SPEC_KV] = kv->type;
    op->spec[SPEC_VALUE] = kv->value_first;
    op->groups[0] = (quads + size - 1) / size;
    op->groups[1] = list->n_tokens;
    op_bind(op, 0, qkv.view, true, true);
    op_bind(op, 1, kv->k, false, shape.n_head_kv > 0);
    op_bind(op, 2, kv->value_first ? kv->k : kv->v, false, has_v);
    op_bind(op, 3, rope, true, false);
    op_bind(op, 4, list->step, true, false);
    op_set_args(op,
        &(struct rope_kv_args){
            .n_head = shape.n_head,
            .n_head_kv = shape.n_head_kv,
            .head_dim = shape.head_dim,
            .n_rot = shape.n_rot,
            .stride = qkv.stride,
            .k_first = k_first,
            .v_first = v_first,
            .n_ctx = kv->n_ctx,
        },
        sizeof(struct rope_kv_args));
}
