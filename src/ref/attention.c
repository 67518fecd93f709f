#include "ref/ref.h"

#include "ref/attn_options.h"
#include "ref/combine.h"
#include "ref/kv.h"
#include "ref/parts.h"

#include <string.h>

/* Also how it lies in memory. */
struct partial {
    float m, l, o[MAX_HEAD_DIM];
};

static uint32_t value_dim(const struct op *op)
{
    const struct attention_args *a = (const void *)op->args;
    return a->head_dim - op->spec[SPEC_VALUE];
}

static void join_partial(struct partial *left, const struct partial *right, uint32_t n)
{
    struct ref_join j = ref_join_sums(left->m, left->l, right->m, right->l);
    for (uint32_t d = 0; d < n; d++)
        left->o[d] = ref_join_value(j, left->o[d], right->o[d]);
    left->m = j.m;
    left->l = j.l;
}

/* What is the same for all positions that a token sees. */
struct view {
    const struct op *op;
    void *const *b;
    const float *q;
    uint32_t kv_head, low, n_pos;
    float scale;
};

/* Quantised: a scale applies to the sum of its 32 products. */
static float score_quantized(const struct view *v, uint32_t pos, uint32_t type)
{
    const struct attention_args *a = (const void *)v->op->args;
    struct ref_kv_shape shape = {a->head_dim, a->n_ctx, a->n_head_kv, type};
    const void *k = v->b[1];
    float s[4] = {0, 0, 0, 0};
    for (uint32_t b = 0; b < a->head_dim; b += 32) {
        float part[4] = {0, 0, 0, 0},
              scale = ref_kv_scale(k, ref_kv_place(&shape, false, v->kv_head, pos, b));
        for (uint32_t d = b; d < b + 32; d++) {
            struct ref_kv_place place = ref_kv_place(&shape, false, v->kv_head, pos, d);
            part[d % 4] = part[d % 4] + exact_sanitize(v->q[d]) * ref_kv_number(k, place, type);
        }
        for (uint32_t i = 0; i < 4; i++)
            s[i] = s[i] + scale * part[i];
    }
    return ((s[0] + s[1]) + (s[2] + s[3])) * v->scale;
}

static float capped(const struct view *v, float x)
{
    const struct attention_args *a = (const void *)v->op->args;
    return a->options & ATTN_SOFTCAP ? ref_softcap_one(x, a->softcap, a->softcap_inv) : x;
}

/* pos: its place in the cache. */
static float score(const struct view *v, uint32_t pos)
{
    const struct attention_args *a = (const void *)v->op->args;
    uint32_t type = v->op->spec[SPEC_KV];
    float s[4] = {0, 0, 0, 0};
    if (type >= KV_TYPE_Q8_0)
        return capped(v, score_quantized(v, pos, type));
    for (uint32_t d = 0; d < a->head_dim; d++) {
        float k =
            ref_kv_read(v->b[1], ref_k_index(v->kv_head, pos, d, a->head_dim, a->n_ctx), type);
        s[d % 4] = s[d % 4] + exact_sanitize(v->q[d]) * k;
    }
    return capped(v, ((s[0] + s[1]) + (s[2] + s[3])) * v->scale);
}

/* Quantised: a scale applies to its position's weight. */
static float weighted_value(const struct view *v, uint32_t pos, uint32_t dim, float weight)
{
    const struct attention_args *a = (const void *)v->op->args;
    uint32_t type = v->op->spec[SPEC_KV], first = v->op->spec[SPEC_VALUE], head = v->kv_head;
    const void *from = v->b[first ? 1 : 2];
    if (type < KV_TYPE_Q8_0) {
        uint32_t at = first ? ref_k_index(head, pos, first + dim, a->head_dim, a->n_ctx)
                            : ref_v_index(head, pos, dim, a->head_dim, a->n_ctx);
        return weight * ref_kv_read(from, at, type);
    }
    struct ref_kv_shape shape = {a->head_dim, a->n_ctx, a->n_head_kv, type};
    struct ref_kv_place place = ref_kv_place(&shape, !first, head, pos, first + dim);
    return weight * ref_kv_scale(from, place) * ref_kv_number(from, place, type);
}

static void attend_chunk(const struct view *v, uint32_t chunk, struct partial *out)
{
    const struct attention_args *a = (const void *)v->op->args;
    float p[ATTN_CHUNK] = {0};
    uint32_t first = chunk * ATTN_CHUNK > v->low ? chunk * ATTN_CHUNK : v->low;
    uint32_t end = (chunk + 1) * ATTN_CHUNK < v->n_pos ? (chunk + 1) * ATTN_CHUNK : v->n_pos;
    uint32_t n = end - first;
    if (a->options & ATTN_WINDOW)
        first %= a->n_ctx;
    for (uint32_t j = 0; j < n; j++)
        p[j] = score(v, first + j);
    out->m = p[0];
    for (uint32_t j = 1; j < n; j++)
        out->m = p[j] > out->m ? p[j] : out->m;
    out->l = 0.0f;
    for (uint32_t j = 0; j < n; j++) {
        p[j] = exact_exp(p[j] - out->m);
        out->l = out->l + p[j];
    }
    for (uint32_t d = 0; d < value_dim(v->op); d++) {
        float o = 0.0f;
        for (uint32_t j = 0; j < n; j++)
            o = o + weighted_value(v, first + j, d, p[j]);
        out->o[d] = exact_sanitize(o);
    }
}

static void put_blocks(const struct op *op, const struct partial *all, uint32_t head, uint32_t *y)
{
    const struct attention_args *a = (const void *)op->args;
    uint32_t n = value_dim(op) / 32;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t block = head * n + i;
        ref_quantize_block(all->o + 32 * i, a->y_steps * a->y_lanes,
            block % a->y_steps * a->y_lanes + block / a->y_steps, y);
    }
}

static void finish(
    const struct op *op, void *const *b, struct partial *all, uint32_t head, uint32_t t)
{
    const struct attention_args *a = (const void *)op->args;
    uint32_t n = value_dim(op);
    if (a->options & ATTN_SINKS) {
        const struct partial sink = {.m = exact_sanitize(((const float *)b[7])[head]), .l = 1.0f};
        join_partial(all, &sink, n);
    }
    float inv = exact_recip(all->l);
    for (uint32_t d = 0; d < n; d++)
        all->o[d] = all->o[d] * inv;
    if (a->options & ATTN_BLOCKS)
        put_blocks(op, all, head, b[3]);
    else
        memcpy((float *)b[3] + (size_t)t * a->y_stride + head * n, all->o, n * 4ull);
}

static void attend(const struct op *op, void *const *b, uint32_t t, uint32_t head)
{
    const struct attention_args *a = (const void *)op->args;
    const struct step_args *step = b[4];
    uint32_t n_pos = step->pos + (a->options & ATTN_WHOLE ? step->n_tokens : t + 1);
    bool split = op->spec[SPEC_SPLIT];
    struct view v = {.op = op,
        .b = b,
        .q = (const float *)b[0] + (size_t)t * a->q_stride + head * a->head_dim,
        .kv_head = head / (a->n_head / a->n_head_kv),
        .low = a->options & ATTN_WINDOW ? ref_window_start(n_pos, a->window) : 0,
        .n_pos = n_pos,
        .scale = a->scale};
    if (a->options & ATTN_TEMPERATURE)
        v.scale =
            ref_attn_temperature(a->scale, a->temperature, (step->pos + t) / a->temperature_span);
    uint32_t size = 2 + value_dim(op), n_chunks = (n_pos + ATTN_CHUNK - 1) / ATTN_CHUNK;
    uint32_t start = v.low / ATTN_CHUNK, c = start + (split ? 0 : a->chunk_first);
    float *p = (float *)b[5] + ((size_t)t * a->n_head + head) * size;
    struct partial all = {0}, part;
    if (c >= n_chunks)
        return;
    uint32_t end = split || a->chunk_count > n_chunks - c ? n_chunks : c + a->chunk_count;
    if (c > start)
        memcpy(&all, p, size * 4);
    for (; c < end; c++) {
        attend_chunk(&v, c, &part);
        if (split)
            memcpy((float *)b[5] + ((size_t)c * a->n_head + head) * size, &part, size * 4);
        if (c == start)
            all = part;
        else
            join_partial(&all, &part, value_dim(op));
    }
    if (end < n_chunks)
        memcpy(p, &all, size * 4);
    else
        finish(op, b, &all, head, t);
}

void ref_attention(const struct op *op, void *const *b)
{
    const struct attention_args *a = (const void *)op->args;
    const struct step_args *step = b[4];
    for (uint32_t t = 0; t < step->n_tokens; t++)
        for (uint32_t head = 0; head < a->n_head; head++)
            attend(op, b, t, head);
}
