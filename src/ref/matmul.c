#include "ref/parts.h"
#include "ref/ref.h"

#include "base/exact.h"

#include <assert.h>

static void store(const struct matmul_args *a, void *const *b, float sum, uint32_t row, float *y)
{
    if (a->flags & MATVEC_BIAS)
        sum = sum + ((const float *)b[3])[row];
    if (a->flags & MATVEC_ADD)
        sum = exact_sanitize(y[a->y_first + row]) + sum;
    y[a->y_first + row] = sum;
}

/* Eight rows, four of gate and four of up, are known before they become four values. */
void ref_matmul(const struct op *op, void *const *b)
{
    const struct matmul_args *a = (const void *)op->args;
    const struct step_args *step = b[4];
    struct quant_layout l = quant_layout_of(&quant_types[op->quant], a->n_blocks * 32);
    uint32_t n = a->n_cols ? a->n_cols : step->n_tokens;
    bool swiglu = op->spec[SPEC_OUT] == OUT_SWIGLU;
    assert(!swiglu || (a->n_rows % 8 == 0 && a->y_first % 8 == 0));
    for (uint32_t t = 0; t < n; t++) {
        const uint32_t *x = (const uint32_t *)b[1] + (size_t)t * a->x_stride * 4;
        float *y = (float *)b[2] + (size_t)t * a->y_stride, sums[8];
        for (uint32_t r = 0; r < a->n_rows; r++) {
            sums[r % 8] = ref_dot(op, &l, b[0], r, x);
            if (!swiglu)
                store(a, b, sums[r % 8], r, y);
            else if (r % 8 == 7)
                for (uint32_t i = 0; i < 4; i++)
                    y[(a->y_first + r) / 8 * 4 + i] = ref_silu_mul_one(sums[i], sums[4 + i]);
        }
    }
}
