#include "ref/parts.h"
#include "ref/ref.h"

#include "base/exact.h"

float ref_silu_mul_one(float gate, float up)
{
    float g = exact_sanitize(gate), u = exact_sanitize(up);
    float s = g < -40.0f ? 0.0f : g * exact_recip(1.0f + exact_exp(0.0f - g));
    return exact_sanitize(exact_sanitize(s) * u);
}

void ref_silu_mul(const struct op *op, void *const *b)
{
    const struct silu_mul_args *a = (const void *)op->args;
    const struct step_args *step = b[2];
    for (uint32_t t = 0; t < step->n_tokens; t++) {
        const float *x = (const float *)b[0] + (size_t)t * a->x_stride;
        float *y = (float *)b[1] + (size_t)t * a->y_stride;
        for (uint32_t i = 0; i < a->n; i++) {
            uint32_t gate = a->up_first ? i : i / 4 * 8 + i % 4;
            y[i] = ref_silu_mul_one(x[gate], x[gate + (a->up_first ? a->up_first : 4)]);
        }
    }
}
