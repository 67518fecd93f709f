#include "ref/ref.h"

#include "base/exact.h"

static float sum_all(const struct route_args *a, const float *probs)
{
    float sum = 0.0f;
    for (uint32_t e = 0; e < a->n_expert; e++)
        sum = sum + probs[e];
    return sum;
}

/* Softmax keeps the order of x: probabilities are compared only where more than their order counts.
 */
static void rate(
    const struct route_args *a, const float *x, const float *bias, float *probs, float *scores)
{
    bool sigmoid = a->flags & ROUTE_SIGMOID;
    float top = exact_sanitize(x[0]);
    for (uint32_t e = 1; e < a->n_expert; e++) {
        float v = exact_sanitize(x[e]);
        top = v > top ? v : top;
    }
    for (uint32_t e = 0; e < a->n_expert; e++) {
        float v = exact_sanitize(x[e]);
        if (sigmoid)
            probs[e] = v < -40.0f ? 0.0f : exact_recip(1.0f + exact_exp(0.0f - v));
        else
            probs[e] = exact_exp(v - top);
        scores[e] = sigmoid ? probs[e] : v;
    }
    bool normed = !sigmoid && (a->flags & ROUTE_BIAS || a->n_group);
    float inv = normed ? exact_recip(sum_all(a, probs)) : 0.0f;
    for (uint32_t e = 0; e < a->n_expert; e++) {
        if (normed)
            scores[e] = probs[e] * inv;
        if (a->flags & ROUTE_BIAS)
            scores[e] = scores[e] + bias[e];
    }
}

static float best_two(const float *scores, uint32_t n)
{
    float first = scores[0] < scores[1] ? scores[1] : scores[0];
    float second = scores[0] < scores[1] ? scores[0] : scores[1];
    for (uint32_t e = 2; e < n; e++) {
        second = scores[e] > first ? first : scores[e] > second ? scores[e] : second;
        first = scores[e] > first ? scores[e] : first;
    }
    return first + second;
}

/* The experts of all but the best groups are out of the choice. */
static void choose_groups(const struct route_args *a, const float *scores, bool *taken)
{
    float groups[MAX_EXPERT_GROUPS];
    uint32_t n = a->n_expert / a->n_group;
    for (uint32_t g = 0; g < a->n_group; g++)
        groups[g] = best_two(scores + g * n, n);
    for (uint32_t e = 0; e < a->n_expert; e++) {
        uint32_t own = e / n, better = 0;
        for (uint32_t g = 0; g < a->n_group; g++)
            better += groups[g] > groups[own] || (groups[g] == groups[own] && g < own);
        taken[e] = better >= a->n_group_used;
    }
}

static void choose(const struct route_args *a, const float *scores, uint32_t *ids)
{
    bool taken[MAX_EXPERTS] = {false};
    if (a->n_group)
        choose_groups(a, scores, taken);
    for (uint32_t k = 0; k < a->n_used; k++) {
        uint32_t best = MAX_EXPERTS;
        for (uint32_t e = 0; e < a->n_expert; e++)
            if (!taken[e] && (best == MAX_EXPERTS || scores[e] > scores[best]))
                best = e;
        taken[best] = true;
        ids[k] = best;
    }
}

static float total(const struct route_args *a, const float *probs, const uint32_t *ids)
{
    float sum = 0.0f;
    if (a->flags & ROUTE_RENORMED)
        for (uint32_t k = 0; k < a->n_used; k++)
            sum = sum + probs[ids[k]];
    else
        sum = a->flags & ROUTE_SIGMOID ? 1.0f : sum_all(a, probs);
    return sum > 6.103515625e-05f ? sum : 6.103515625e-05f;
}

void ref_route(const struct op *op, void *const *b)
{
    const struct route_args *a = (const void *)op->args;
    const struct step_args *step = b[4];
    const float *scales = b[5];
    for (uint32_t t = 0; t < step->n_tokens; t++) {
        float probs[MAX_EXPERTS], scores[MAX_EXPERTS];
        uint32_t *ids = (uint32_t *)b[1] + (size_t)t * a->n_used;
        float *weights = (float *)b[2] + (size_t)t * a->n_used;
        rate(a, (const float *)b[0] + (size_t)t * a->x_stride, b[3], probs, scores);
        choose(a, scores, ids);
        float inv = exact_recip(total(a, probs, ids)) * a->scale;
        for (uint32_t k = 0; k < a->n_used; k++) {
            float w = probs[ids[k]] * inv;
            if (a->flags & ROUTE_SCALES)
                w = exact_sanitize(w) * scales[ids[k]];
            weights[k] = exact_sanitize(w);
        }
    }
}
