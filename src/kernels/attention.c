#include "kernels/op.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

uint64_t op_attention_partial_bytes(struct head_shape shape, uint32_t n_ctx, uint32_t n_tokens)
{
    uint64_t chunks = (n_ctx + ATTN_CHUNK - 1) / ATTN_CHUNK;
    uint64_t most = chunks > n_tokens ? chunks : n_tokens;
    return most * shape.n_head * (2 + shape.head_dim) * 4;
}

static uint32_t option_bits(const struct attn_options *o)
{
    return (o->softcap > 0 ? ATTN_SOFTCAP : 0) | (o->window ? ATTN_WINDOW : 0) |
           (o->sinks.buffer ? ATTN_SINKS : 0) | (o->temperature != 0 ? ATTN_TEMPERATURE : 0);
}

static void append_reduce(struct op_list *list, struct rows y, struct gpu_view partials,
    struct head_shape shape, const struct attn_options *o)
{
    struct op *op = op_append(list, K_attn_reduce, -1);
    op->spec[SPEC_SIZE_X] = list->caps->row_threads ? 8 : 64;
    op->groups[0] = shape.n_head;
    op_bind(op, 0, partials, true, false);
    op_bind(op, 1, y.view, false, true);
    op->spec[SPEC_ATTN] = option_bits(o) & (ATTN_WINDOW | ATTN_SINKS);
    op_bind(op, 2, list->step, true, false);
    op_bind(op, 3, o->sinks.buffer ? o->sinks : list->step, true, false);
    op_set_args(op,
        &(struct attn_reduce_args){
            .n_head = shape.n_head, .head_dim = shape.head_dim, .window = o->window},
        sizeof(struct attn_reduce_args));
}

/* Chunks of one dispatch: of a length that ends well before a display driver's patience, and whose
 * loops stay below 65535 iterations an invocation, where Mesa 22.3's llvmpipe ends them silently.
 */
static uint32_t chunks_at_once(struct head_shape shape, uint32_t size)
{
    uint32_t per_chunk = (ATTN_CHUNK + size - 1) / size * (shape.head_dim / 4 + 10) +
                         2 * ATTN_CHUNK + (shape.head_dim / 2 + size - 1) / size * (ATTN_CHUNK + 1);
    return 60000 / per_chunk;
}

static float scale_of(const struct attn_options *o, struct head_shape shape)
{
    return o->scale != 0 ? o->scale : (float)(1.0 / sqrt((double)shape.head_dim));
}

static void append_attention(struct op_list *list, struct rows y, struct rows qkv,
    const struct kv_cache *kv, struct gpu_view partials, struct head_shape shape, uint32_t first,
    const struct attn_options *o)
{
    bool split = list->n_tokens == 1;
    uint32_t size = list->caps->row_threads ? 8 : 64;
    struct op *op = op_append(list, K_attention, -1);
    op->spec[SPEC_SIZE_X] = size;
    op->spec[SPEC_KV_F16] = kv->f16;
    op->spec[SPEC_SPLIT] = split;
    op->spec[SPEC_ATTN] = option_bits(o);
    op->groups[0] = shape.n_head;
    op->groups[1] = list->n_tokens;
    if (split) {
        op->indirect = list->step;
        op->indirect.offset += offsetof(struct step_args, chunks_x);
    }
    op_bind(op, 0, qkv.view, true, false);
    op_bind(op, 1, kv->k, true, false);
    op_bind(op, 2, kv->v, true, false);
    op_bind(op, 3, y.view, false, !split);
    op_bind(op, 4, list->step, true, false);
    op_bind(op, 5, partials, !split, true);
    op_bind(op, 6, o->sinks.buffer ? o->sinks : list->step, true, false);
    op_set_args(op,
        &(struct attention_args){
            .n_head = shape.n_head,
            .n_head_kv = shape.n_head_kv,
            .head_dim = shape.head_dim,
            .q_stride = qkv.stride,
            .y_stride = y.stride,
            .n_ctx = kv->n_ctx,
            .chunk_first = first,
            .chunk_count = chunks_at_once(shape, size),
            .scale = scale_of(o, shape),
            .softcap = o->softcap,
            .softcap_inv = o->softcap > 0 ? 1.0f / o->softcap : 0,
            .window = o->window,
            .temperature = o->temperature,
            .temperature_span = o->temperature_span,
        },
        sizeof(struct attention_args));
}

/* Rows of queries, for which K and V are read once: shared memory bounds them. */
static uint32_t tile_rows(struct head_shape shape)
{
    return shape.head_dim <= 128 ? 8 : 4;
}

/* A pair of a head's elements each, but for processors. */
static uint32_t tile_size(const struct op_list *list, struct head_shape shape)
{
    return list->caps->row_threads ? 8 : shape.head_dim <= 64 ? 32 : 64;
}

static void append_tile(struct op_list *list, struct rows y, struct rows qkv,
    const struct kv_cache *kv, struct gpu_view partials, struct head_shape shape, uint32_t first,
    const struct attn_options *o)
{
    struct op *op = op_append(list, K_attn_tile, -1);
    uint32_t rows = tile_rows(shape), size = tile_size(list, shape);
    struct attention_args args = {
        .n_head = shape.n_head,
        .n_head_kv = shape.n_head_kv,
        .head_dim = shape.head_dim,
        .q_stride = qkv.stride,
        .y_stride = y.stride,
        .n_ctx = kv->n_ctx,
        .chunk_first = first,
        .chunk_count = chunks_at_once(shape, size),
        .scale = scale_of(o, shape),
    };
    op->spec[SPEC_SIZE_X] = size;
    op->spec[SPEC_COLS] = rows;
    op->spec[SPEC_KV_F16] = kv->f16;
    op->groups[0] = shape.n_head_kv;
    op->groups[1] = (list->n_tokens * (shape.n_head / shape.n_head_kv) + rows - 1) / rows;
    op_bind(op, 0, qkv.view, true, false);
    op_bind(op, 1, kv->k, true, false);
    op_bind(op, 2, kv->v, true, false);
    op_bind(op, 3, y.view, false, true);
    op_bind(op, 4, list->step, true, false);
    op_bind(op, 5, partials, true, true);
    op_set_args(op, &args, sizeof(args));
}

void op_attention_with(struct op_list *list, struct rows y, struct rows qkv,
    const struct kv_cache *kv, struct gpu_view partials, struct head_shape shape,
    const struct attn_options *o)
{
    assert(shape.head_dim <= MAX_HEAD_DIM && shape.n_head % shape.n_head_kv == 0);
    assert(!o->window || kv->n_ctx % ATTN_CHUNK == 0);
    if (list->n_tokens == 1) {
        append_attention(list, y, qkv, kv, partials, shape, 0, o);
        append_reduce(list, y, partials, shape, o);
        return;
    }
    /* Tiles do without options; and a test may ask for one row at a time. */
    bool tiles = !option_bits(o) && list->variant != K_attention;
    uint32_t size = list->caps->row_threads ? 8 : 64;
    uint32_t step = chunks_at_once(shape, tiles ? tile_size(list, shape) : size);
    for (uint32_t first = 0; first * ATTN_CHUNK < kv->n_ctx; first += step)
        (tiles ? append_tile : append_attention)(list, y, qkv, kv, partials, shape, first, o);
}

void op_attention(struct op_list *list, struct rows y, struct rows qkv, const struct kv_cache *kv,
    struct gpu_view partials, struct head_shape shape)
{
    op_attention_with(list, y, qkv, kv, partials, shape, &(struct attn_options){0});
}
