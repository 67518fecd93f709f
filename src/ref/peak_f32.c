#include "ref/ref.h"

void ref_peak_f32(const struct op *op, void *const *b)
{
    const struct peak_f32_args *a = (const void *)op->args;
    const int32_t *x = b[0];
    float *y = b[1];
    uint32_t n = op->groups[0] * op->spec[SPEC_SIZE_X];
    for (uint32_t i = 0; i < n; i++) {
        float v[PEAK_CHAINS], sum = 0;
        for (uint32_t c = 0; c < PEAK_CHAINS; c++)
            v[c] = (float)(i & 15) + (float)c;
        for (uint32_t k = 0; k < a->n_rounds * PEAK_UNROLL; k++)
            for (uint32_t c = 0; c < PEAK_CHAINS; c++)
                v[c] = v[c] * (float)x[0] + (float)x[1];
        for (uint32_t c = 0; c < PEAK_CHAINS; c++)
            sum += v[c]; /* whole numbers: in any order */
        y[i] = sum;
    }
}
