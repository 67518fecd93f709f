#include "ref/ref.h"

void ref_pairs(const struct op *op, void *const *b)
{
    const struct pairs_args *a = (const void *)op->args;
    const struct step_args *step = b[3];
    const uint32_t *ids = b[0];
    uint32_t *list = b[1], *count = b[2];
    for (uint32_t e = 0; e < a->n_expert; e++) {
        count[e] = 0;
        for (uint32_t i = 0; i < step->n_tokens * a->n_used; i++)
            if (ids[i] == e)
                list[(size_t)e * a->capacity + count[e]++] = i;
    }
}
