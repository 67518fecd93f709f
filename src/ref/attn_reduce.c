#include "ref/ref.h"

#include "ref/attn_options.h"
#include "ref/combine.h"

void ref_attn_reduce(const struct op *op, void *const *b)
{
    const struct attn_reduce_args *a = (const void *)op->args;
    const float *partials = b[0];
    float *y = b[1];
    const struct step_args *step = b[2];
    uint32_t low = 0;
    if (op->spec[SPEC_ATTN] & ATTN_WINDOW)
        low = ref_window_start(step->pos + 1, a->window) / ATTN_CHUNK;
    uint32_t n = (step->pos + ATTN_CHUNK) / ATTN_CHUNK, size = 2 + a->head_dim;
    for (uint32_t head = 0; head < a->n_head; head++)
        for (uint32_t d = 0; d < a->head_dim; d++) {
            const float *p = partials + ((size_t)low * a->n_head + head) * size;
            float m = p[0], l = p[1], o = p[2 + d];
            for (uint32_t c = low + 1; c < n; c++) {
                p += (size_t)a->n_head * size;
                struct ref_join j = ref_join_sums(m, l, p[0], p[1]);
                o = ref_join_value(j, o, p[2 + d]);
                m = j.m;
                l = j.l;
            }
            if (op->spec[SPEC_ATTN] & ATTN_SINKS) {
                float sink = exact_sanitize(((const float *)b[3])[head]);
                struct ref_join j = ref_join_sums(m, l, sink, 1.0f);
                o = ref_join_value(j, o, 0.0f);
                l = j.l;
            }
            y[head * a->head_dim + d] = o * exact_recip(l);
        }
}
