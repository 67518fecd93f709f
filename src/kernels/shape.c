#include "kernels/op.h"

#include <string.h>

uint32_t tuning_find(
    const struct kernel_tuning *t, enum kernel kernel, int quant, const struct shape_key *key)
{
    uint32_t i = 0;
    while (i < t->n && (t->rows[i].kernel != kernel || t->rows[i].quant != quant ||
                           memcmp(&t->rows[i].key, key, sizeof(*key)) != 0))
        i++;
    return i;
}

uint32_t op_shape(
    const struct op_list *list, struct op *op, struct shape_key key, uint32_t n_shapes)
{
    if (list->trial > n_shapes)
        return 0;
    key.kind |= SHAPE_TUNABLE;
    op->key = key;
    if (list->trial)
        return list->trial;
    if (!list->tuning)
        return 0;
    uint32_t i = tuning_find(list->tuning, op->kernel, op->quant, &key);
    return i < list->tuning->n ? list->tuning->rows[i].shape : 0;
}
