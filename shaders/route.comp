#version 450
/*
 * Chooses each token's experts: the n_used largest scores (of equal ones the first), and weights them.
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

bool is_better(uint i, uint than)
{
    return than == MAX_EXPERTS || scores[i] > scores[than] || (scores[i] == scores[than] && i < than);
}

/* probs[] of all experts. Contains barriers. */
void rate(uint row)
{
    uint id = gl_LocalInvocationID.x;
    float top = sanitize(x[row]);
    for (uint e = 1u; e < a.n_expert; e++)
        top = max(top, sanitize(x[row + e]));
    for (uint e = id; e < a.n_expert; e += SIZE_X) {
        float v = sanitize(x[row + e]), p;
        if ((a.flags & ROUTE_SIGMOID) != 0u)
            p = v < -40.0 ? 0.0 : recip(add(1.0, exact_exp(sub(0.0, v))));
        else
            p = exact_exp(sub(v, top));
        probs[e] = p;
        scores[e] = (a.flags & ROUTE_SIGMOID) == 0u ? v : p;
        if ((a.flags & ROUTE_BIAS) != 0u)
            scores[e] = add(scores[e], bias[e]);
        taken[e] = 0u;
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
    for (uint k = 0u; k < a.n_used; k++)
        choose(k);
    float sum = 0.0;
    if ((a.flags & ROUTE_RENORMED) != 0u)
        for (uint k = 0u; k < a.n_used; k++)
            sum = add(sum, probs[chosen[k]]);
    else if ((a.flags & ROUTE_SIGMOID) == 0u)
        for (uint e = 0u; e < a.n_expert; e++)
            sum = add(sum, probs[e]);
    else
        sum = 1.0;
    float inv = mul(recip(max(sum, 6.103515625e-05)), a.scale);
    for (uint k = gl_LocalInvocationID.x; k < a.n_used; k += SIZE_X) {
        ids[t * a.n_used + k] = chosen[k];
        float w = mul(probs[chosen[k]], inv);
        if ((a.flags & ROUTE_SCALES) != 0u)
            w = mul(sanitize(w), scales[chosen[k]]);
        weights[t * a.n_used + k] = sanitize(w);
    }
}
