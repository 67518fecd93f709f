#include "ref/ref.h"

#include "ref/combine.h"
#include "ref/kv.h"

#include <string.h>

/* Also how it lies in memory. */
struct partial {
    float m, l, o[MAX_HEAD_DIM];
};

static void join_partial(struct partial *left, const struct partial *right, uint32_t head_dim)
{
    struct ref_join j = ref_join_sums(left->m, left->l, right->m, right->l);
    for (uint32_t d = 0; d < head_dim; d++)
        left->o[d] = ref_join_value(j, left->o[d], right->o[d]);
    left->m = j.m;
    left->l = j.l;
}

static float score(const struct attention_args *a, const float *q, const void *k, uint32_t head,
    uint32_t pos, bool f16)
{
    float s[4] = {0, 0, 0, 0};
    for (uint32_t d = 0; d < a->head_dim; d++) {
        float v = ref_kv_read(k, ref_k_index(head, pos, d, a->head_dim, a->n_ctx), f16);
        s[d % 4] = s[d % 4] + exact_sanitize(q[d]) * v;
    }
    return ((s[0] + s[1]) + (s[2] + s[3])) * a->scale;
}

static void attend_chunk(const struct attention_args *a, void *const *b, const float *q,
    uint32_t head, uint32_t first, uint32_t n, bool f16, struct partial *out)
{
    float p[ATTN_CHUNK] = {0};
    for (uint32_t j = 0; j < n; j++)
        p[j] = score(a, q, b[1], head, first + j, f16);
    out->m = p[0];
    for (uint32_t j = 1; j < n; j++)
        out->m = p[j] > out->m ? p[j] : out->m;
    out->l = 0.0f;
    for (uint32_t j = 0; j < n; j++) {
        p[j] = exact_exp(p[j] - out->m);
        out->l = out->l + p[j];
    }
    for (uint32_t d = 0; d < a->head_dim; d++) {
        float o = 0.0f;
        for (uint32_t j = 0; j < n; j++)
            o = o + p[j] * ref_kv_read(
                               b[2], ref_v_index(head, first + j, d, a->head_dim, a->n_ctx), f16);
        out->o[d] = exact_sanitize(o);
    }
}

static void attend(const struct op *op, void *const *b, uint32_t t, uint32_t head, uint32_t n_pos)
{
    const struct attention_args *a = (const void *)op->args;
    bool split = op->spec[SPEC_SPLIT];
    const float *q = (const float *)b[0] + (size_t)t * a->q_stride + head * a->head_dim;
    uint32_t kv_head = head / (a->n_head / a->n_head_kv), size = 2 + a->head_dim;
    uint32_t n_chunks = (n_pos + ATTN_CHUNK - 1) / ATTN_CHUNK, c = split ? 0 : a->chunk_first;
    uint32_t end = split || a->chunk_count > n_chunks - c ? n_chunks : c + a->chunk_count;
    float *p = (float *)b[5] + ((size_t)t * a->n_head + head) * size;
    struct partial all = {0}, part;
    if (c >= n_chunks)
        return;
    if (c > 0)
        memcpy(&all, p, size * 4);
    for (; c < end; c++) {
        uint32_t first = c * ATTN_CHUNK;
        uint32_t n = n_pos - first < ATTN_CHUNK ? n_pos - first : ATTN_CHUNK;
        attend_chunk(a, b, q, kv_head, first, n, op->spec[SPEC_KV_F16], &part);
        if (split)
            memcpy((float *)b[5] + ((size_t)c * a->n_head + head) * size, &part, size * 4);
        else if (c == 0)
            all = part;
        else
            join_partial(&all, &part, a->head_dim);
    }
    if (split)
        return;
    if (end < n_chunks) {
        memcpy(p, &all, size * 4);
        return;
    }
    float inv = exact_recip(all.l), *y = (float *)b[3] + (size_t)t * a->y_stride;
    for (uint32_t d = 0; d < a->head_dim; d++)
        y[head * a->head_dim + d] = all.o[d] * inv;
}

void ref_attention(const struct op *op, void *const *b)
{
    const struct attention_args *a = (const void *)op->args;
    const struct step_args *step = b[4];
    for (uint32_t t = 0; t < step->n_tokens; t++)
        for (uint32_t head = 0; head < a->n_head; head++)
            attend(op, b, t, head, step->pos + t + 1);
}
