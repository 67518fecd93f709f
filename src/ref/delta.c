#include "ref/parts.h"
#include "ref/ref.h"

#include "base/exact.h"

struct gates {
    float stay, learn;
};

static float softplus(float z)
{
    return z > 20.0f ? z : exact_log(1.0f + exact_exp(z));
}

static struct gates gates_of(float alpha, float beta, float dt, float rate)
{
    float z = exact_sanitize(softplus(exact_sanitize(alpha) + dt));
    float fade = rate * z;
    float stay = exact_exp(fade < 0.0f ? fade : 0.0f);
    return (struct gates){
        stay < 2.384185791015625e-07f ? 0.0f : stay, ref_sigmoid(exact_sanitize(beta))};
}

static float sum_lanes(const float lanes[DELTA_LANES])
{
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
           ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

/* The product of a column and a row of x: four sums in each lane. */
static float product(const float *s, const float *x, uint32_t dim)
{
    float lanes[DELTA_LANES];
    uint32_t per = dim / DELTA_LANES;
    for (uint32_t l = 0; l < DELTA_LANES; l++) {
        float sums[4] = {0, 0, 0, 0};
        for (uint32_t i = l * per; i < (l + 1) * per; i++)
            sums[i % 4] = sums[i % 4] + s[i] * exact_sanitize(x[i]);
        lanes[l] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
    return sum_lanes(lanes);
}

/* One token of a column. */
static float advance(
    float *s, uint32_t dim, struct gates g, const float *q, const float *k, float v)
{
    for (uint32_t i = 0; i < dim; i++)
        s[i] = s[i] * g.stay;
    float missing = exact_sanitize(exact_sanitize(v) - product(s, k, dim));
    float d = exact_sanitize(missing * g.learn);
    for (uint32_t i = 0; i < dim; i++)
        s[i] = exact_sanitize(s[i] + exact_sanitize(k[i]) * d);
    return product(s, q, dim);
}

void ref_delta(const struct op *op, void *const *b)
{
    const struct delta_args *a = (const void *)op->args;
    const struct step_args *step = b[6];
    const float *x = b[0], *gate = b[1], *dt = b[4], *rate = b[5];
    float *y = b[2], *state = (float *)b[3] + a->state_first;
    uint32_t dim = a->dim, end = a->first + a->count;
    end = end < step->n_tokens ? end : step->n_tokens;
    if (a->first >= end)
        return;
    float *to = state + (size_t)((step->pos + step->n_tokens) % a->slots) * a->slot_size;
    const float *from = a->first ? to : state + (size_t)(step->pos % a->slots) * a->slot_size;
    for (size_t i = 0; i < (size_t)a->n_head * dim * dim; i++)
        to[i] = a->first || step->pos ? exact_sanitize(from[i]) : 0.0f;
    for (uint32_t t = a->first; t < end; t++)
        for (uint32_t h = 0; h < a->n_head; h++) {
            const float *row = x + (size_t)t * a->x_stride;
            const float *q = row + h % a->n_group * dim, *k = q + a->n_group * dim;
            const float *v = row + (2 * a->n_group + h) * dim;
            const float *g = gate + (size_t)t * a->gate_stride + h;
            struct gates gates = gates_of(g[0], g[a->beta_first], dt[h], rate[h]);
            for (uint32_t j = 0; j < dim; j++)
                y[(size_t)t * a->y_stride + h * dim + j] =
                    advance(to + ((size_t)h * dim + j) * dim, dim, gates, q, k, v[j]) * a->scale;
        }
}
