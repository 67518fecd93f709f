#version 450
/* nll[t] = -ln softmax(logits[t])[history[pos + t + 1]]: how surprising the next token is. x: token.
 * Invocation i sums the exps of entries i, i + SAMPLE_SIZE, ... in order; neighbours are added as a
 * tree. */
#include "common.glsl"
layout(push_constant) uniform Args { nll_args a; };
layout(binding = 0) readonly buffer L { float logits[]; };
layout(binding = 1) writeonly buffer Y { float nll[]; };
layout(binding = 2) readonly buffer H { uint history[]; };
layout(binding = 3) readonly buffer S { step_args step; };
shared float values[SAMPLE_SIZE];

void main()
{
    uint x = gl_LocalInvocationID.x, t = gl_WorkGroupID.x, row = t * a.stride;
    if (t >= step.n_tokens)
        return;
    float top = sanitize(logits[row]);
    for (uint i = x; i < a.n_vocab; i += SAMPLE_SIZE) {
        float v = sanitize(logits[row + i]);
        top = v > top ? v : top;
    }
    values[x] = top;
    barrier();
    for (uint h = SAMPLE_SIZE / 2u; h > 0u; h >>= 1) {
        if (x < h)
            values[x] = values[x + h] > values[x] ? values[x + h] : values[x];
        barrier();
    }
    top = values[0];
    barrier();
    float sum = 0.0;
    for (uint i = x; i < a.n_vocab; i += SAMPLE_SIZE)
        sum = add(sum, exact_exp(sub(sanitize(logits[row + i]), top)));
    values[x] = sum;
    barrier();
    for (uint h = 1u; h < SAMPLE_SIZE; h <<= 1) {
        if ((x & (2u * h - 1u)) == 0u)
            values[x] = add(values[x], values[x + h]);
        barrier();
    }
    if (x != 0u)
        return;
    uint target = min(history[step.pos + t + 1u], a.n_vocab - 1u);
    nll[t] = sub(exact_log(values[0]), sub(sanitize(logits[row + target]), top));
}
