#version 450
/*
 * Chooses each token's experts: the n_used largest scores (of equal ones the first) in all groups or in
 * the best, and weights them.
 * x: token. ids[token * n_used + k], weights likewise.
 */
#include "common.glsl"
layout(push_constant) uniform Args { route_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer I { uint ids[]; };
layout(binding = 2) writeonly buffer W { float weights[]; };
layout(binding = 3) readonly buffer B { float bias[]; };
layout(binding = 4) readonly buffer S { step_args step; };
layout(binding = 5) readonly buffer E { float scales[]; };
shared float probs[MAX_EXPERTS];  /* what weights are made of */
shared float scores[MAX_EXPERTS]; /* what is compared */
shared uint taken[MAX_EXPERTS];
shared uint best[SIZE_X];
shared uint chosen[MAX_EXPERTS_USED];
shared float groups[MAX_EXPERT_GROUPS]; /* their best two scores together */

bool is_better(uint i, uint than)
{
    return than == MAX_EXPERTS || scores[i] > scores[than] || (scores[i] == scores[than] && i < than);
}

float sum_all()
{
    float sum = 0.0;
    for (uint e = 0u; e < a.n_expert; e++)
        sum = add(sum, probs[e]);
    return sum;
}

/* probs[] and scores[] of all experts. Softmax keeps the order of x: probabilities are compared only
 * where more than their order counts. Contains barriers. */
void rate(uint row)
{
    uint id = gl_LocalInvocationID.x;
    bool by_sigmoid = (a.flags & ROUTE_SIGMOID) != 0u, biased = (a.flags & ROUTE_BIAS) != 0u;
    float top = sanitize(x[row]);
    for (uint e = 1u; e < a.n_expert; e++)
        top = max(top, sanitize(x[row + e]));
    for (uint e = id; e < a.n_expert; e += SIZE_X) {
        float v = sanitize(x[row + e]), p;
        if (by_sigmoid)
            p = v < -40.0 ? 0.0 : recip(add(1.0, exact_exp(sub(0.0, v))));
        else
            p = exact_exp(sub(v, top));
        probs[e] = p;
        scores[e] = by_sigmoid ? p : v;
        taken[e] = 0u;
    }
    barrier();
    float inv = !by_sigmoid && (biased || a.n_group != 0u) ? recip(sum_all()) : 0.0;
    for (uint e = id; e < a.n_expert; e += SIZE_X) {
        if (inv != 0.0)
            scores[e] = mul(probs[e], inv);
        if (biased)
            scores[e] = add(scores[e], bias[e]);
    }
    barrier();
}

/* The experts of all but the best groups are out of the choice. Contains barriers. */
void choose_groups()
{
    uint id = gl_LocalInvocationID.x, n = a.n_expert / a.n_group;
    for (uint g = id; g < a.n_group; g += SIZE_X) {
        float first = scores[g * n], second = scores[g * n + 1u];
        if (second > first) {
            first = second;
            second = scores[g * n];
        }
        for (uint e = g * n + 2u; e < (g + 1u) * n; e++) {
            float v = scores[e];
            second = v > first ? first : v > second ? v : second;
            first = v > first ? v : first;
        }
        groups[g] = add(first, second);
    }
    barrier();
    for (uint g = id; g < a.n_group; g += SIZE_X) {
        uint better = 0u;
        for (uint i = 0u; i < a.n_group; i++)
            better += groups[i] > groups[g] || (groups[i] == groups[g] && i < g) ? 1u : 0u;
        for (uint e = g * n; e < (g + 1u) * n; e++)
            taken[e] = better < a.n_group_used ? 0u : 1u;
    }
    barrier();
}

/* chosen[k]. Contains barriers. */
void choose(uint k)
{
    uint id = gl_LocalInvocationID.x, own = MAX_EXPERTS;
    for (uint e = id; e < a.n_expert; e += SIZE_X)
        if (taken[e] == 0u && is_better(e, own))
            own = e;
    best[id] = own;
    barrier();
    if (id == 0u) {
        uint all = best[0];
        for (uint i = 1u; i < SIZE_X; i++)
            if (best[i] != MAX_EXPERTS && is_better(best[i], all))
                all = best[i];
        chosen[k] = all;
        taken[all] = 1u;
    }
    barrier();
}

void main()
{
    uint t = gl_WorkGroupID.x;
    if (t >= step.n_tokens)
        return;
    rate(t * a.x_stride);
    if (a.n_group != 0u)
        choose_groups();
    for (uint k = 0u; k < a.n_used; k++)
        choose(k);
    float sum = 0.0;
    if ((a.flags & ROUTE_RENORMED) != 0u)
        for (uint k = 0u; k < a.n_used; k++)
            sum = add(sum, probs[chosen[k]]);
    else
        sum = (a.flags & ROUTE_SIGMOID) == 0u ? sum_all() : 1.0;
    float inv = mul(recip(max(sum, 6.103515625e-05)), a.scale);
    for (uint k = gl_LocalInvocationID.x; k < a.n_used; k += SIZE_X) {
        ids[t * a.n_used + k] = chosen[k];
        float w = mul(probs[chosen[k]], inv);
        if ((a.flags & ROUTE_SCALES) != 0u)
            w = mul(sanitize(w), scales[chosen[k]]);
        weights[t * a.n_used + k] = sanitize(w);
    }
}
