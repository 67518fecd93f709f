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

static inline float ref_kv_read(const void *cache, uint32_t index, bool f16)
{
    if (f16)
        return exact_half_to_float(((const uint16_t *)cache)[index]);
    return ((const float *)cache)[index];
}

#endif
