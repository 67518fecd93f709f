#include "kernels/op.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

enum { VIEW_ALIGNMENT = 256 }; /* Vulkan's largest */

static uint64_t round_up(uint64_t bytes)
{
    return (bytes + VIEW_ALIGNMENT - 1) / VIEW_ALIGNMENT * VIEW_ALIGNMENT;
}

uint64_t op_kv_bytes(uint32_t type, uint64_t n)
{
    const uint64_t of_32[] = {128, 64, 36, 20};
    return type < KV_TYPE_Q8_0 ? n * (of_32[type] / 32) : n / 32 * of_32[type];
}

/* What follows the partial results: a counter for each head. */
static uint64_t counter_bytes(struct head_shape shape)
{
    return round_up(shape.n_head * 4ull);
}

uint64_t op_attention_partial_bytes(struct head_shape shape, uint32_t n_ctx, uint32_t n_tokens)
{
    uint64_t chunks = (n_ctx + ATTN_CHUNK - 1) / ATTN_CHUNK;
    uint64_t most = chunks > n_tokens ? chunks : n_tokens;
    return round_up(most * shape.n_head * (2 + shape.head_dim) * 4) + counter_bytes(shape);
}

static uint32_t option_bits(const struct attn_options *o)
{
    return (o->softcap > 0 ? ATTN_SOFTCAP : 0) | (o->window ? ATTN_WINDOW : 0) |
           (o->sinks.buffer ? ATTN_SINKS : 0) | (o->temperature != 0 ? ATTN_TEMPERATURE : 0) |
           (o->whole ? ATTN_WHOLE : 0);
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

/* What every kernel of attention is told; size: invocations of a group. */
static struct attention_args args_of(struct rows qkv, struct rows y, const struct kv_cache *kv,
    struct head_shape shape, uint32_t first, uint32_t size, const struct attn_options *o)
{
    return (struct attention_args){
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
}

/* Invocations of a group. One token's share their loads of a chunk with nobody: one each, or as
 * the device likes it. */
static const uint32_t sizes[ATTENTION_SHAPES] = {64, 256};

static uint32_t group_size(const struct op_list *list)
{
    return list->caps->row_threads ? 8 : list->n_tokens == 1 ? ATTN_CHUNK : 64;
}

static uint32_t split_size(const struct op_list *list, struct op *op, struct head_shape shape)
{
    uint32_t i =
        op_shape(list, op, (struct shape_key){0, shape.n_head, shape.head_dim}, ATTENTION_SHAPES);
    bool fits = i && sizes[i - 1] <= list->caps->max_invocations;
    return fits ? sizes[i - 1] : group_size(list);
}

static struct op *append_attention(struct op_list *list, struct rows y, struct rows qkv,
    const struct kv_cache *kv, struct gpu_view partials, struct head_shape shape, uint32_t first,
    const struct attn_options *o)
{
    bool split = list->n_tokens == 1;
    struct gpu_view counters = partials;
    counters.size = counter_bytes(shape);
    partials.size -= counters.size;
    counters.offset += partials.size;
    struct op *op = op_append(list, K_attention, kernel_kv_quant(kv->type));
    uint32_t size = split ? split_size(list, op, shape) : group_size(list);
    op->spec[SPEC_SIZE_X] = size;
    op->spec[SPEC_COLS] = (shape.head_dim + 255) / 256;
    op->spec[SPEC_KV] = kv->type;
    op->spec[SPEC_SPLIT] = split;
    op->spec[SPEC_VALUE] = kv->value_first;
    op->groups[0] = shape.n_head;
    op->groups[1] = list->n_tokens;
    if (split) {
        op->indirect = list->step;
        op->indirect.offset += offsetof(struct step_args, chunks_x);
    }
    op_bind(op, 0, qkv.view, true, false);
    op_bind(op, 1, kv->k, true, false);
    op_bind(op, 2, kv->value_first ? kv->k : kv->v, true, false);
    op_bind(op, 3, y.view, false, true);
    op_bind(op, 4, list->step, true, false);
    op_bind(op, 5, partials, true, true);
    op_bind(op, 6, counters, split, split);
    op_bind(op, 7, o->sinks.buffer ? o->sinks : list->step, true, false);
    struct attention_args args = args_of(qkv, y, kv, shape, first, size, o);
    args.options = option_bits(o);
    args.softcap = o->softcap;
    args.softcap_inv = o->softcap > 0 ? 1.0f / o->softcap : 0;
    args.window = o->window;
    args.temperature = o->temperature;
    args.temperature_span = o->temperature_span;
    op_set_args(op, &args, sizeof(args));
    return op;
}

/* Rows of queries, for which K and V are read once: shared memory bounds them. */
static uint32_t tile_rows(struct head_shape shape)
{
    return shape.head_dim <= 128 ? 8 : shape.head_dim <= 256 ? 4 : 2;
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
    struct op *op = op_append(list, K_attn_tile, kernel_kv_quant(kv->type));
    uint32_t rows = tile_rows(shape), size = tile_size(list, shape);
    partials.size -= counter_bytes(shape);
    struct attention_args args = args_of(qkv, y, kv, shape, first, size, o);
    args.options = option_bits(o);
    op->spec[SPEC_SIZE_X] = size;
    op->spec[SPEC_COLS] = rows;
    op->spec[SPEC_KV] = kv->type;
    op->spec[SPEC_VALUE] = kv->value_first;
    op->groups[0] = shape.n_head_kv;
    op->groups[1] = (list->n_tokens * (shape.n_head / shape.n_head_kv) + rows - 1) / rows;
    op_bind(op, 0, qkv.view, true, false);
    op_bind(op, 1, kv->k, true, false);
    op_bind(op, 2, kv->value_first ? kv->k : kv->v, true, false);
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
    assert(!o->window || (kv->n_ctx % ATTN_CHUNK == 0 && !o->whole));
    if (list->n_tokens == 1) {
        append_attention(list, y, qkv, kv, partials, shape, 0, o);
        return;
    }
    /* Tiles do with few options and without quantised caches; and a test may ask for one row at a
     * time. */
    bool tiles =
        !(option_bits(o) & ~ATTN_WHOLE) && kv->type < KV_TYPE_Q8_0 && list->variant != K_attention;
    uint32_t size = group_size(list);
    uint32_t step = chunks_at_once(shape, tiles ? tile_size(list, shape) : size);
    for (uint32_t first = 0; first * ATTN_CHUNK < kv->n_ctx; first += step)
        if (tiles)
            append_tile(list, y, qkv, kv, partials, shape, first, o);
        else
            append_attention(list, y, qkv, kv, partials, shape, first, o);
}

void op_attention(struct op_list *list, struct rows y, struct rows qkv, const struct kv_cache *kv,
    struct gpu_view partials, struct head_shape shape)
{
    op_attention_with(list, y, qkv, kv, partials, shape, &(struct attn_options){0});
}

bool op_can_attention_q8(const struct op_list *list, struct head_shape shape)
{
    return list->n_tokens == 1 && shape.head_dim % 32 == 0;
}

void op_attention_q8(struct op_list *list, struct rows_q8 y, struct rows qkv,
    const struct kv_cache *kv, struct gpu_view partials, struct head_shape shape,
    const struct attn_options *o)
{
    assert(op_can_attention_q8(list, shape));
    assert(!o->window || kv->n_ctx % ATTN_CHUNK == 0);
    assert(y.layout.n_blocks == shape.n_head * (shape.head_dim - kv->value_first) / 32);
    struct op *op =
        append_attention(list, (struct rows){.view = y.view}, qkv, kv, partials, shape, 0, o);
    struct attention_args *args = (void *)op->args;
    args->options |= ATTN_BLOCKS;
    args->y_steps = y.layout.steps;
    args->y_lanes = y.layout.lanes;
}
