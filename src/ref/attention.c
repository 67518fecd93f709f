#include "ref/ref.h"

#include "ref/combine.h"
#include "ref/kv.h"

#include <string.h>

struct partial {
    float m, l, o[MAX_HEAD_DIM];
};

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
    float p[ATTN_CHUNK];
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
    const float *q = (const float *)b[0] + (size_t)t * a->q_stride + head * a->head_dim;
    uint32_t kv_head = head / (a->n_head / a->n_head_kv);
    float *y = b[3];
    struct partial all = {0}, part;
    for (uint32_t first = 0; first < n_pos; first += ATTN_CHUNK) {
        uint32_t n = n_pos - first < ATTN_CHUNK ? n_pos - first : ATTN_CHUNK;
        attend_chunk(a, b, q, kv_head, first, n, op->spec[SPEC_KV_F16], &part);
        if (op->spec[SPEC_SPLIT]) {
            float *out = y + (size_t)(first / ATTN_CHUNK * a->n_head + head) * (2 + a->head_dim);
            out[0] = part.m;
            out[1] = part.l;
            memcpy(out + 2, part.o, a->head_dim * 4);
        } else if (first == 0) {
            all = part;
        } else {
            struct ref_join j = ref_join_sums(all.m, all.l, part.m, part.l);
            for (uint32_t d = 0; d < a->head_dim; d++)
                all.o[d] = ref_join_value(j, all.o[d], part.o[d]);
            all.m = j.m;
            all.l = j.l;
        }
    }
    if (op->spec[SPEC_SPLIT])
        return;
    float inv = exact_recip(all.l);
    for (uint32_t d = 0; d < a->head_dim; d++)
        y[(size_t)t * a->y_stride + head * a->head_dim + d] = all.o[d] * inv;
}

void ref_attention(const struct op *op, void *const *b)
{
    const struct attention_args *a = (const void *)op->args;
    const struct step_args *step = b[4];
    for (uint32_t t = 0; t < step->n_tokens; t++)
        for (uint32_t head = 0; head < a->n_head; head++)
            attend(op, b, t, head, step->pos + t + 1);
}
