#include "ref/ref.h"

#include "base/exact.h"

static float score_row(const float *logits, uint32_t n, uint32_t target)
{
    float sums[SAMPLE_SIZE] = {0}, top = exact_sanitize(logits[0]);
    for (uint32_t i = 1; i < n; i++) {
        float v = exact_sanitize(logits[i]);
        top = v > top ? v : top;
    }
    for (uint32_t i = 0; i < n; i++) {
        float *sum = &sums[i % SAMPLE_SIZE];
        *sum = *sum + exact_exp(exact_sanitize(logits[i]) - top);
    }
    for (uint32_t h = 1; h < SAMPLE_SIZE; h *= 2)
        for (uint32_t i = 0; i < SAMPLE_SIZE; i += 2 * h)
            sums[i] = sums[i] + sums[i + h];
    float margin = exact_sanitize(logits[target]) - top;
    return exact_log(sums[0]) - margin;
}

void ref_nll(const struct op *op, void *const *b)
{
    const struct nll_args *a = (const void *)op->args;
    const float *logits = b[0];
    float *nll = b[1];
    const uint32_t *history = b[2];
    const struct step_args *step = b[3];
    for (uint32_t t = 0; t < step->n_tokens; t++) {
        uint32_t target = history[step->pos + t + 1];
        nll[t] = score_row(logits + (size_t)t * a->stride, a->n_vocab,
            target < a->n_vocab ? target : a->n_vocab - 1);
    }
}
