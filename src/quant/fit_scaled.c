/* d * scale * value: each sub-block's best scale by trial, then all of them as multiples of d. */
#include "quant/fit.h"
#include "quant/fit_lanes.h"

#include <stdbool.h>

enum { TRIES = 6, MOST_VALUES = 64, MOST_SUB = 32 };

/* The values as floats, with the borders and steps between them; whole numbers in a row need no
 * borders. */
struct grid {
    bool whole;
    uint32_t n, n_borders;
    float value[MOST_VALUES], border[MOST_VALUES], step[MOST_VALUES];
};

static void grid_set(struct grid *g, const struct fit_scaled *type)
{
    g->n = type->n_values;
    g->whole = type->values[g->n - 1] - type->values[0] == (int)g->n - 1;
    for (uint32_t k = 0; k < g->n; k++)
        g->value[k] = type->values[k];
    g->n_borders = g->whole ? 0 : g->n - 1;
    for (uint32_t k = 0; k < g->n_borders; k++) {
        g->border[k] = 0.5f * (g->value[k] + g->value[k + 1]);
        g->step[k] = g->value[k + 1] - g->value[k];
    }
}

/* Values nearest to x * inverse. */
static void nearest(const struct grid *g, float inverse, const float *x, uint32_t n, float *v)
{
    const fit_lanes low = fit_all(g->value[0]), high = fit_all(g->value[g->n - 1]);
    for (uint32_t i = 0; i < n; i += FIT_LANES) {
        fit_lanes t = fit_load(x + i) * inverse, value = low;
        if (g->whole)
            value = fit_round_lanes(t, low, high);
        for (uint32_t k = 0; k < g->n_borders; k++)
            value += (fit_lanes)((t > g->border[k]) & (fit_mask)fit_all(g->step[k]));
        fit_store(v + i, value);
    }
}

/* With values v, the best scale is xv / vv, and the squared error falls by xv^2 / vv. */
struct sums {
    float xv, vv;
};

static struct sums sums_of(const float *x, const float *v, uint32_t n)
{
    fit_lanes xv = {0}, vv = {0};
    for (uint32_t i = 0; i < n; i += FIT_LANES) {
        fit_lanes a = fit_load(x + i), b = fit_load(v + i);
        xv += a * b;
        vv += b * b;
    }
    return (struct sums){fit_join(xv), fit_join(vv)};
}

static float error_of(const float *x, const float *v, uint32_t n, float scale)
{
    fit_lanes sum = {0};
    for (uint32_t i = 0; i < n; i += FIT_LANES) {
        fit_lanes e = fit_load(x + i) - fit_load(v + i) * scale;
        sum += e * e;
    }
    return fit_join(sum);
}

struct best {
    float gain, scale;
};

static bool try_inverse(
    const struct grid *g, float inverse, const float *x, uint32_t n, struct best *best)
{
    float v[MOST_SUB];
    nearest(g, inverse, x, n, v);
    struct sums s = sums_of(x, v, n);
    if (s.vv <= 0.0f || s.xv * s.xv <= best->gain * s.vv)
        return false;
    *best = (struct best){s.xv * s.xv / s.vv, s.xv / s.vv};
    return true;
}

/* The extreme weight near either end of the values, and from the best of these on to what its
 * values ask for, while that helps. */
static float scale_of(
    const struct grid *g, const struct fit_scaled *type, const float *x, uint32_t n)
{
    struct best best = {0};
    const float inverse = fit_inverse(fit_extreme(x, n));
    const float ends[2] = {g->value[0], g->value[g->n - 1]};
    if (inverse == 0.0f)
        return 0.0f;
    for (int e = 0; e < 2; e++)
        for (int k = -TRIES; k <= TRIES; k++)
            try_inverse(g, (ends[e] + (float)k * type->step) * inverse, x, n, &best);
    for (int i = 0; i < 3 && try_inverse(g, fit_inverse(best.scale), x, n, &best); i++)
        ;
    return best.scale;
}

/* The scale in whole steps of d near `wanted` with the least error, and its values. */
static float choose_scale(const struct fit_scaled *type, const struct grid *g, float d,
    float wanted, const float *x, float *scale, float *v)
{
    float least = -1.0f;
    for (int k = -1; k <= 1; k++) {
        float trial[MOST_SUB];
        float s = fit_clamp(wanted + (float)k, (float)type->scale_low, (float)type->scale_high);
        nearest(g, fit_inverse(d * s), x, type->n, trial);
        float error = error_of(x, trial, type->n, d * s);
        if (least < 0.0f || error < least) {
            least = error;
            *scale = s;
            for (uint32_t i = 0; i < type->n; i++)
                v[i] = trial[i];
        }
    }
    return least;
}

struct fitted {
    float d, error, scale[FIT_MOST_SUBS], v[FIT_MOST];
};

static void fit_with(const struct fit_scaled *type, const struct grid *g, const float *x,
    const float *wanted, struct fitted *f)
{
    f->error = 0.0f;
    for (uint32_t j = 0; j < type->n_sub; j++)
        f->error += choose_scale(
            type, g, f->d, wanted[j], x + j * type->n, &f->scale[j], f->v + j * type->n);
}

/* The best d for the scales and values there are. */
static float improved(const struct fit_scaled *type, const float *x, const struct fitted *f)
{
    float xv = 0.0f, vv = 0.0f;
    for (uint32_t j = 0; j < type->n_sub; j++) {
        struct sums s = sums_of(x + j * type->n, f->v + j * type->n, type->n);
        xv += f->scale[j] * s.xv;
        vv += f->scale[j] * f->scale[j] * s.vv;
    }
    return vv > 0.0f ? fit_half(xv / vv) : 0.0f;
}

static void take(
    const struct fit_scaled *type, const struct fitted *f, int32_t *scale, uint8_t *code)
{
    for (uint32_t j = 0; j < type->n_sub; j++)
        scale[j] = (int32_t)f->scale[j];
    for (uint32_t i = 0; i < type->n_sub * type->n; i++) {
        code[i] = 0;
        while (type->values[code[i]] < f->v[i])
            code[i]++;
    }
}

float fit_scaled(const struct fit_scaled *type, const float *x, int32_t scale[FIT_MOST_SUBS],
    uint8_t code[FIT_MOST])
{
    struct grid g;
    struct fitted best, next;
    float d[FIT_MOST_SUBS], wanted[FIT_MOST_SUBS];
    grid_set(&g, type);
    for (uint32_t j = 0; j < type->n_sub; j++)
        d[j] = scale_of(&g, type, x + j * type->n, type->n);
    best.d = fit_half(fit_extreme(d, type->n_sub) / (float)type->scale_low);
    for (uint32_t j = 0; j < type->n_sub; j++)
        wanted[j] =
            fit_round(d[j] * fit_inverse(best.d), (float)type->scale_low, (float)type->scale_high);
    fit_with(type, &g, x, wanted, &best);
    for (int i = 0; i < 2; i++) {
        next.d = improved(type, x, &best);
        fit_with(type, &g, x, best.scale, &next);
        if (!(next.error < best.error))
            break;
        best = next;
    }
    take(type, &best, scale, code);
    return best.d;
}
