#include "ref/ref.h"

#include "base/exact.h"

static float element(const struct norm_rows_args *a, const float *x, uint32_t e, float mean)
{
    float v = exact_sanitize(x[e]);
    return a->flags & NORM_CENTRED ? exact_sanitize(v - mean) : v;
}

static float row_mean(const struct norm_rows_args *a, const float *x, bool squares, float mean)
{
    float lanes[MAX_LANES] = {0};
    for (uint32_t block = 0; block < a->n_blocks; block++) {
        float s[4] = {0, 0, 0, 0}, *lane = &lanes[block / a->steps];
        for (uint32_t i = 0; i < 32; i++) {
            float v = 0.0f;
            if (block * 32 + i < a->n)
                v = squares ? element(a, x, block * 32 + i, mean)
                            : exact_sanitize(x[block * 32 + i]);
            s[i % 4] = s[i % 4] + (squares ? v * v : v);
        }
        *lane = *lane + ((s[0] + s[1]) + (s[2] + s[3]));
    }
    return ref_tree_sum(lanes) * a->inv_n;
}

static void norm_row(
    const struct norm_rows_args *a, const float *x, const float *g, const float *bias, float *y)
{
    float mean = a->flags & NORM_CENTRED ? exact_sanitize(row_mean(a, x, false, 0.0f)) : 0.0f;
    float square = row_mean(a, x, true, mean);
    bool by_length = a->flags & NORM_LENGTH;
    float scale = exact_rsqrt(!by_length ? square + a->eps : square > a->eps ? square : a->eps);
    for (uint32_t e = 0; e < a->n; e++) {
        float v = element(a, x, e, mean) * scale;
        if (!(a->flags & NORM_PLAIN))
            v = v * g[e];
        if (a->flags & NORM_BIAS)
            v = v + bias[e];
        if (a->flags & NORM_ADD)
            v = (exact_sanitize(y[e]) + v) * a->scale;
        y[e] = v;
    }
}

void ref_norm_rows(const struct op *op, void *const *b)
{
    const struct norm_rows_args *a = (const void *)op->args;
    const struct step_args *step = b[3];
    const float *x = b[0], *g = b[1], *bias = b[4];
    float *y = b[2];
    bool last = a->flags & NORM_LAST;
    for (uint32_t t = 0; t < (last ? 1 : step->n_tokens); t++)
        for (uint32_t r = 0; r < a->rows; r++)
            norm_row(a,
                x + (size_t)(last ? step->n_tokens - 1 : t) * a->x_stride + a->first + r * a->n,
                g + r * a->g_step, bias + r * a->g_step,
                y + (size_t)t * a->y_stride + a->first + r * a->n);
}
