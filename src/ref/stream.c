#include "ref/ref.h"

#include <string.h>

void ref_stream(const struct op *op, void *const *b)
{
    const struct stream_args *a = (const void *)op->args;
    const uint32_t *x = b[0];
    uint32_t *y = b[1];
    memset(y, 0, a->n_threads * sizeof(*y));
    for (uint32_t i = 0; i < a->n_u4; i++)
        for (uint32_t k = 0; k < 4; k++)
            y[i % a->n_threads] ^= x[4 * (size_t)i + k];
}
