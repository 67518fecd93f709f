#include "ref/ref.h"

#include "base/exact.h"

void ref_embed(const struct op *op, void *const *b)
{
    const struct embed_args *a = (const void *)op->args;
    const uint32_t *w = b[0], *history = b[1];
    float *y = b[2];
    const struct step_args *step = b[3];
    const struct quant_type *type = &quant_types[op->quant];
    struct quant_layout layout = quant_layout_of(type, a->n);
    for (uint32_t t = 0; t < step->n_tokens; t++) {
        uint32_t row = a->flags & EMBED_FIRST      ? 0
                       : a->flags & EMBED_POSITION ? step->pos + t
                                                   : history[step->pos + t];
        uint32_t id = row - a->row_first;
        if (id >= a->n_rows)
            continue;
        for (uint32_t e = 0; e < a->n; e++) {
            float v =
                exact_sanitize(exact_sanitize(quant_element(type, &layout, w, id, e)) * a->scale);
            float *to = &y[t * a->y_stride + e];
            *to = a->flags & EMBED_ADD ? exact_sanitize(*to + v) : v;
        }
    }
}
