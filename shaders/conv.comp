#version 450
/*
 * Short causal convolutions along tokens, one for each channel; x: channel, y: token. What they need of
 * earlier steps is in the layer's state, which is stored after the step by an op of its own, or, if the
 * step has one token, by the same invocation.
 */
#include "common.glsl"
#include "silu.glsl"
layout(push_constant) uniform Args { conv_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(binding = 2) buffer State { float state[]; };
layout(binding = 3) readonly buffer W { float w[]; };
layout(binding = 4) readonly buffer S { step_args step; };

/* The input of channel i at `back` positions before token t of the step. */
float signal(uint t, uint back, uint i)
{
    if (back > t) {
        uint before = back - t;
        if (before > step.pos)
            return 0.0;
        uint row = a.taps - 1u - before;
        return sanitize(state[step.pos % a.slots * a.slot_size + row * a.n + i]);
    }
    uint at = (t - back) * a.x_stride + i;
    if ((a.flags & CONV_GATED) == 0u)
        return sanitize(x[at]);
    return sanitize(mul(sanitize(x[at]), sanitize(x[at + 2u * a.n])));
}

float convolve(uint t, uint i)
{
    float sum = 0.0;
    for (uint k = 0u; k < a.taps; k++)
        sum = add(sum, mul(w[i * a.taps + k], signal(t, a.taps - 1u - k, i)));
    if ((a.flags & CONV_SILU) != 0u)
        return silu_mul(sum, 1.0);
    if ((a.flags & CONV_GATED) != 0u)
        return sanitize(mul(sanitize(sum), sanitize(x[t * a.x_stride + a.n + i])));
    return sanitize(sum);
}

void main()
{
    uint i = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x, t = gl_WorkGroupID.y;
    if (i >= a.n || t >= step.n_tokens)
        return;
    if ((a.flags & CONV_OUT) != 0u)
        y[t * a.y_stride + i] = convolve(t, i);
    if ((a.flags & CONV_KEEP) == 0u || t > 0u)
        return;
    /* Ascending: if the slot is the one that is read, a row is read before it is written. */
    uint to = (step.pos + step.n_tokens) % a.slots * a.slot_size + i;
    for (uint r = 0u; r < a.taps - 1u; r++)
        state[to + r * a.n] = signal(step.n_tokens, a.taps - 1u - r, i);
}
