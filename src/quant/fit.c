#include "quant/fit.h"

#include <math.h>

float fit_extreme(const float *x, uint32_t n)
{
    float extreme = 0.0f;
    for (uint32_t i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(extreme))
            extreme = x[i];
    return extreme;
}

void fit_range(const float *x, uint32_t n, float *low, float *high)
{
    *low = *high = x[0];
    for (uint32_t i = 1; i < n; i++) {
        *low = x[i] < *low ? x[i] : *low;
        *high = x[i] > *high ? x[i] : *high;
    }
}

float fit_inverse(float d)
{
    float inverse = d != 0.0f ? 1.0f / d : 0.0f;
    return isfinite(inverse) ? inverse : 0.0f;
}

void fit_codes(const struct fit_line *line, const float x[32], uint8_t q[32])
{
    for (int i = 0; i < 32; i++) {
        int32_t code = (int32_t)((x[i] - line->base) * line->inverse + line->offset);
        q[i] = (uint8_t)(code < line->top ? code : line->top);
    }
}

void fit_put_nibbles(const uint8_t q[32], uint8_t out[16])
{
    for (int i = 0; i < 16; i++)
        out[i] = (uint8_t)((q[i] & 15) | (q[i + 16] & 15) << 4);
}

void fit_put_fifths(const uint8_t q[32], uint8_t out[4])
{
    for (int k = 0; k < 4; k++) {
        out[k] = 0;
        for (int i = 0; i < 8; i++)
            out[k] |= (uint8_t)((q[8 * k + i] >> 4 & 1) << i);
    }
}
