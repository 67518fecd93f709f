#include "ref/ref.h"

#include "base/exact.h"

void ref_mix(const struct op *op, void *const *b)
{
    const struct mix_args *a = (const void *)op->args;
    const struct step_args *step = b[3];
    const float *y = b[1], *weights = b[2];
    for (uint32_t t = 0; t < step->n_tokens; t++)
        for (uint32_t i = 0; i < a->n; i++) {
            float sum = 0.0f, *x = (float *)b[0] + (size_t)t * a->x_stride + i;
            for (uint32_t k = 0; k < a->n_used; k++) {
                size_t pair = (size_t)t * a->n_used + k;
                sum =
                    sum + exact_sanitize(y[pair * a->y_stride + i]) * exact_sanitize(weights[pair]);
            }
            *x = a->flags & MIX_ADD ? exact_sanitize(*x) + sum : sum;
        }
}
