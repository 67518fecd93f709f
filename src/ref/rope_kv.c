#include "ref/kv.h"
#include "ref/parts.h"
#include "ref/ref.h"

#include <math.h>

static void rotate(
    const struct rope_kv_args *a, const float *rot, uint32_t pos, uint32_t pair, float v[2])
{
    uint32_t half = a->n_rot / 2;
    const float *l = rot + 2 * (pos % ROPE_LOW * half + pair);
    const float *h = rot + 2 * ((ROPE_LOW + pos / ROPE_LOW) * half + pair);
    float c = h[0] * l[0] - h[1] * l[1], s = h[1] * l[0] + h[0] * l[1];
    float x = v[0] * c - v[1] * s, y = v[0] * s + v[1] * c;
    v[0] = x;
    v[1] = y;
}

/* Sanitised, and rotated unless it is V; x has head_dim elements. */
static void load_head(const struct rope_kv_args *a, const float *rot, uint32_t pos, bool rotated,
    const float *x, float *out)
{
    for (uint32_t d = 0; d < a->head_dim; d++)
        out[d] = exact_sanitize(x[d]);
    for (uint32_t d = 0; rotated && d < a->n_rot; d += 2)
        rotate(a, rot, pos, d / 2, out + d);
}

static void store(void *cache, uint32_t index, float v, uint32_t type)
{
    if (type == KV_TYPE_F16)
        ((uint16_t *)cache)[index] = (uint16_t)exact_float_to_cache(v);
    else
        ((float *)cache)[index] = exact_sanitize(v);
}

static float extreme_of(const float *x)
{
    float m = 0.0f;
    for (uint32_t i = 0; i < 32; i++)
        m = fabsf(x[i]) > fabsf(m) ? x[i] : m;
    return m;
}

/* Signed nibbles: the extreme becomes -8. */
static float quantize_nibbles(const float *x, int32_t *out)
{
    float m = extreme_of(x);
    float inv = m != 0.0f ? (m > 0.0f ? -8.0f : 8.0f) * exact_recip(fabsf(m)) : 0.0f;
    for (uint32_t i = 0; i < 32; i++) {
        int32_t n = (int32_t)(x[i] * inv + 8.5f);
        out[i] = (n < 0 ? 0 : n > 15 ? 15 : n) - 8;
    }
    return m * -0.125f;
}

/* 32 elements of a head from dim on. */
static void store_block(const struct ref_kv_shape *s, void *cache, bool is_v, uint32_t head,
    uint32_t pos, uint32_t dim, const float *x)
{
    float clean[32], d;
    int32_t n[32];
    uint32_t *words = cache, q8[10];
    for (uint32_t i = 0; i < 32; i++)
        clean[i] = exact_sanitize(x[i]);
    if (s->type == KV_TYPE_Q4_0) {
        d = quantize_nibbles(clean, n);
    } else {
        ref_quantize_block(clean, 1, 0, q8);
        for (uint32_t i = 0; i < 32; i++)
            n[i] = (int8_t)(q8[i / 4] >> i % 4 * 8);
        d = exact_from_bits(q8[8]);
    }
    for (uint32_t i = 0; i < 32; i++) {
        struct ref_kv_place p = ref_kv_place(s, is_v, head, pos, dim + i);
        uint32_t mask = s->type == KV_TYPE_Q4_0 ? 15 : 255;
        words[p.word] = (words[p.word] & ~(mask << p.shift)) | ((uint32_t)n[i] & mask) << p.shift;
        words[p.scale] = exact_bits(d);
    }
}

void ref_rope_head(const struct rope_kv_args *a, const float *rot, uint32_t pos, uint32_t head,
    const float *x, float *q, void *k, void *v, uint32_t kv_type)
{
    bool is_q = head < a->n_head, is_v = head >= a->n_head + a->n_head_kv;
    uint32_t h = is_q ? head : (head - a->n_head) % a->n_head_kv;
    float out[MAX_HEAD_DIM];
    load_head(a, rot, pos, !is_v, x, out);
    if (!is_q && kv_type >= KV_TYPE_Q8_0) {
        struct ref_kv_shape s = {a->head_dim, a->n_ctx, a->n_head_kv, kv_type};
        for (uint32_t d = 0; d < a->head_dim; d += 32)
            store_block(&s, is_v ? v : k, is_v, h, pos % a->n_ctx, d, out + d);
        return;
    }
    for (uint32_t d = 0; d < a->head_dim; d++)
        if (is_q)
            q[h * a->head_dim + d] = exact_sanitize(out[d]);
        else if (is_v)
            store(v, ref_v_index(h, pos % a->n_ctx, d, a->head_dim, a->n_ctx), out[d], kv_type);
        else
            store(k, ref_k_index(h, pos % a->n_ctx, d, a->head_dim, a->n_ctx), out[d], kv_type);
}

void ref_rope_kv(const struct op *op, void *const *b)
{
    const struct rope_kv_args *a = (const void *)op->args;
    const struct step_args *step = b[4];
    for (uint32_t t = 0; t < step->n_tokens; t++) {
        float *x = (float *)b[0] + (size_t)t * a->stride;
        for (uint32_t h = 0; h < a->n_head + (op->spec[SPEC_VALUE] ? 1 : 2) * a->n_head_kv; h++) {
            uint32_t first = h < a->n_head                  ? 0
                             : h < a->n_head + a->n_head_kv ? a->k_first
                                                            : a->v_first;
            uint32_t n = h < a->n_head ? h : (h - a->n_head) % a->n_head_kv;
            ref_rope_head(a, b[3], step->pos + t, h, x + first + n * a->head_dim, x, b[1], b[2],
                op->spec[SPEC_KV]);
        }
    }
}
