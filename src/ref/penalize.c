#include "ref/ref.h"

#include "base/exact.h"

void ref_penalize(const struct op *op, void *const *b)
{
    const struct penalize_args *a = (const void *)op->args;
    const float *logits = b[0];
    float *scores = b[1];
    const uint32_t *history = b[2];
    const struct step_args *step = b[3];
    uint32_t end = step->pos + step->n_tokens, last = end < step->last_n ? end : step->last_n;
    for (uint32_t i = 0; i < a->n_vocab; i++) {
        float v = exact_sanitize(logits[i]);
        uint32_t n = 0;
        for (uint32_t h = end - last; h < end; h++)
            n += history[h] == i;
        if (n) {
            v = v * (v > 0.0f ? step->repeat_inv : step->repeat);
            float down = (float)n * step->frequency;
            v = v - (down + step->presence);
        }
        scores[i] = exact_sanitize(v);
    }
}
