#include "kernels/op.h"

#include <string.h>

struct tuning_row *tuning_find(
    struct kernel_tuning *t, enum kernel kernel, int quant, const struct shape_key *key)
{
    for (uint32_t i = 0; i < t->n; i++) {
        struct tuning_row *row = &t->rows[i];
        if (row->kernel == kernel && row->quant == quant &&
            memcmp(&row->key, key, sizeof(*key)) == 0)
            return row;
    }
    return NULL;
}

uint32_t op_shape(const struct op_list *list, struct op *op, struct shape_key key)
{
    key.kind |= SHAPE_TUNABLE;
    op->key = key;
    if (list->trial)
        return list->trial;
    const struct tuning_row *row =
        list->tuning ? tuning_find(list->tuning, op->kernel, op->quant, &key) : NULL;
    return row ? row->shape : 0;
}
