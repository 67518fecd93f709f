#include "ref/ref.h"

static uint32_t step(uint32_t v, uint32_t w)
{
    uint32_t sum = v;
    for (uint32_t k = 0; k < 32; k += 8)
        sum += (uint32_t)((int8_t)(v >> k) * (int8_t)(w >> k));
    return sum;
}

void ref_peak_dot(const struct op *op, void *const *b)
{
    const struct peak_dot_args *a = (const void *)op->args;
    const uint32_t *x = b[0];
    uint32_t *y = b[1], n = op->groups[0] * op->spec[SPEC_SIZE_X];
    for (uint32_t i = 0; i < n; i++) {
        y[i] = 0;
        for (uint32_t c = 0; c < PEAK_CHAINS; c++) {
            uint32_t v = i * PEAK_CHAINS + c;
            for (uint32_t k = 0; k < a->n_rounds * PEAK_UNROLL; k++)
                v = step(v, x[0]);
            y[i] ^= v;
        }
    }
}
