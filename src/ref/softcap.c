#include "ref/ref.h"
#include "ref/tanh.h"

void ref_softcap(const struct op *op, void *const *b)
{
    const struct softcap_args *a = (const void *)op->args;
    const struct step_args *step = b[1];
    for (uint32_t t = 0; t < (a->n_cols ? a->n_cols : step->n_tokens); t++) {
        float *y = (float *)b[0] + (size_t)t * a->stride;
        for (uint32_t i = 0; i < a->n; i++)
            y[i] = ref_softcap_one(y[i], a->cap, a->cap_inv);
    }
}
