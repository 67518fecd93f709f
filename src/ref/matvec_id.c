#include "ref/parts.h"
#include "ref/ref.h"

static void run_pair(const struct op *op, void *const *b, uint32_t expert, uint32_t pair)
{
    const struct matvec_id_args *a = (const void *)op->args;
    struct quant_layout l = quant_layout_of(&quant_types[op->quant], a->n_blocks * 32);
    bool by_number = a->flags & (EXPERT_X_PAIR | EXPERT_EACH);
    size_t from = by_number ? pair : pair / a->n_used;
    const uint32_t *x =
        (const uint32_t *)b[1] + (from * a->x_stride + (size_t)expert * a->x_step) * 4;
    float *y = (float *)b[2] + (size_t)pair * a->y_stride + a->y_first + (size_t)expert * a->y_step;
    for (uint32_t r = 0; r < a->rows; r++) {
        float sum = ref_dot(op, &l, b[0], (expert - a->expert_first) * a->rows + r, x);
        if (a->flags & EXPERT_BIAS)
            sum = sum + ((const float *)b[3])[(size_t)expert * a->rows + r];
        y[r] = sum;
    }
}

void ref_matvec_id(const struct op *op, void *const *b)
{
    const struct matvec_id_args *a = (const void *)op->args;
    const uint32_t *ids = b[4], *list = b[5], *count = b[6];
    if (a->flags & EXPERT_EACH) {
        const struct step_args *step = b[6];
        for (uint32_t e = a->expert_first; e < a->expert_first + a->expert_count; e++)
            for (uint32_t t = 0; t < step->n_tokens; t++)
                run_pair(op, b, e, t);
        return;
    }
    if (a->flags & EXPERT_LISTS) {
        for (uint32_t e = a->expert_first; e < a->expert_first + a->expert_count; e++)
            for (uint32_t i = 0; i < count[e]; i++)
                run_pair(op, b, e, list[(size_t)e * a->capacity + i]);
        return;
    }
    for (uint32_t k = 0; k < a->n_used; k++)
        if (ids[k] >= a->expert_first && ids[k] - a->expert_first < a->expert_count)
            run_pair(op, b, ids[k], k);
}
