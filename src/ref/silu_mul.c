#include "ref/ref.h"

#include "base/exact.h"

void ref_silu_mul(const struct op *op, void *const *b)
{
    const struct silu_mul_args *a = (const void *)op->args;
    const struct step_args *step = b[2];
    for (uint32_t t = 0; t < step->n_tokens; t++) {
        const float *x = (const float *)b[0] + (size_t)t * a->x_stride;
        float *y = (float *)b[1] + (size_t)t * a->y_stride;
        for (uint32_t i = 0; i < a->n; i++) {
            float g = exact_sanitize(x[i]), u = exact_sanitize(x[a->up_first + i]);
            float s = g < -40.0f ? 0.0f : g * exact_recip(1.0f + exact_exp(0.0f - g));
            y[i] = exact_sanitize(exact_sanitize(s) * u);
        }
    }
}
