#version 450
/* scores[i] = logit[i] after repeat, presence and frequency penalties for the tokens among the
 * newest last_n of the session. One invocation per vocabulary entry. */
#include "common.glsl"
layout(push_constant) uniform Args { penalize_args a; };
layout(binding = 0) readonly buffer L { float logits[]; };
layout(binding = 1) writeonly buffer Y { float scores[]; };
layout(binding = 2) readonly buffer H { uint history[]; };
layout(binding = 3) readonly buffer S { step_args step; };

void main()
{
    uint i = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x;
    if (i >= a.n_vocab)
        return;
    float v = sanitize(logits[i]);
    uint end = step.pos + step.n_tokens, n = 0u;
    for (uint h = end - min(end, step.last_n); h < end; h++)
        n += history[h] == i ? 1u : 0u;
    if (n > 0u) {
        v = mul(v, v > 0.0 ? step.repeat_inv : step.repeat);
        v = sub(v, add(mul(float(n), step.frequency), step.presence));
    }
    scores[i] = sanitize(v);
}
