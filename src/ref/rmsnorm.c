#include "ref/parts.h"
#include "ref/ref.h"

#include "base/exact.h"

static float square_block(const float *x, uint32_t n)
{
    float s[4] = {0, 0, 0, 0};
    for (uint32_t i = 0; i < 32; i++) {
        float v = i < n ? exact_sanitize(x[i]) : 0.0f;
        s[i % 4] = s[i % 4] + v * v;
    }
    return (s[0] + s[1]) + (s[2] + s[3]);
}

void ref_norm_row(const struct rmsnorm_args *a, const float *x, const float *g, float *y)
{
    float lanes[MAX_LANES] = {0};
    for (uint32_t block = 0; block < a->n_blocks; block++) {
        uint32_t lane = block / a->steps;
        lanes[lane] = lanes[lane] + square_block(x + block * 32, a->n - block * 32);
    }
    float mean = ref_tree_sum(lanes) * a->inv_n;
    float scale = exact_rsqrt(mean + a->eps);
    for (uint32_t e = 0; e < a->n; e++)
        y[e] = (exact_sanitize(x[e]) * scale) * g[e];
}

void ref_rmsnorm(const struct op *op, void *const *b)
{
    const struct rmsnorm_args *a = (const void *)op->args;
    const struct step_args *step = b[3];
    const float *x = b[0];
    float *y = b[2];
    if (a->flags & RMSNORM_LAST)
        ref_norm_row(a, x + (size_t)(step->n_tokens - 1) * a->x_stride, b[1], y);
    else
        for (uint32_t t = 0; t < step->n_tokens; t++)
            ref_norm_row(a, x + (size_t)t * a->x_stride, b[1], y + (size_t)t * a->y_stride);
}
