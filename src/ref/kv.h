/* Where the KV cache keeps an element; shaders/kv.glsl has the same. */
#ifndef REF_KV_H
#define REF_KV_H

#include "args.h"
#include "base/exact.h"

#include <stdbool.h>

static inline uint32_t ref_k_index(
    uint32_t head, uint32_t pos, uint32_t dim, uint32_t head_dim, uint32_t n_ctx)
{
    return head * n_ctx * head_dim + pos / K_TILE * K_TILE * head_dim + dim / 4 * (4 * K_TILE) +
           pos % K_TILE * 4 + dim % 4;
}

static inline uint32_t ref_v_index(
    uint32_t head, uint32_t pos, uint32_t dim, uint32_t head_dim, uint32_t n_ctx)
{
    return (head * n_ctx + pos) * head_dim + dim;
}

static inline float ref_kv_read(const void *cache, uint32_t index, uint32_t type)
{
    if (type == KV_TYPE_F16)
        return exact_half_to_float(((const uint16_t *)cache)[index]);
    return ((const float *)cache)[index];
}

/* Quantised: where the word of an element is, and the scale of its 32. */
struct ref_kv_place {
    uint32_t word, shift, scale;
};

static inline uint32_t ref_k_order(
    uint32_t head, uint32_t pos, uint32_t i, uint32_t n, uint32_t n_ctx)
{
    return head * n_ctx * n + pos / K_TILE * K_TILE * n + i * K_TILE + pos % K_TILE;
}

struct ref_kv_shape {
    uint32_t head_dim, n_ctx, n_head_kv, type;
};

static inline struct ref_kv_place ref_kv_place(
    const struct ref_kv_shape *s, bool is_v, uint32_t head, uint32_t pos, uint32_t dim)
{
    uint32_t in_word = s->type == KV_TYPE_Q4_0 ? 8 : 4, words = s->head_dim / in_word;
    uint32_t v = (head * s->n_ctx + pos) * s->head_dim + dim,
             base = s->n_head_kv * s->n_ctx * words;
    struct ref_kv_place p = {.shift = dim % in_word * (32 / in_word)};
    p.word = is_v ? v / in_word : ref_k_order(head, pos, dim / in_word, words, s->n_ctx);
    p.scale = base + (is_v ? v / 32 : ref_k_order(head, pos, dim / 32, s->head_dim / 32, s->n_ctx));
    return p;
}

/* The whole number that is stored. */
static inline float ref_kv_number(const void *cache, struct ref_kv_place p, uint32_t type)
{
    uint32_t w = ((const uint32_t *)cache)[p.word] >> p.shift;
    return type == KV_TYPE_Q4_0 ? (float)((int32_t)(w << 28) >> 28) : (float)(int8_t)(w & 255);
}

static inline float ref_kv_scale(const void *cache, struct ref_kv_place p)
{
    return exact_from_bits(((const uint32_t *)cache)[p.scale]);
}

#endif
