#version 450
/* y = silu(gate) * up, silu(x) = x / (1 + exp(-x)); y: token. https://arxiv.org/abs/2002.05202 */
#include "common.glsl"
layout(push_constant) uniform Args { silu_mul_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(binding = 2) readonly buffer S { step_args step; };

void main()
{
    uint i = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x, t = gl_WorkGroupID.y;
    if (i >= a.n || t >= step.n_tokens)
        return;
    float g = sanitize(x[t * a.x_stride + i]), u = sanitize(x[t * a.x_stride + a.up_first + i]);
    /* Beyond -40 the result is taken as 0: exp would leave the exact range. */
    float s = g < -40.0 ? 0.0 : mul(g, recip(add(1.0, exact_exp(sub(0.0, g)))));
    y[t * a.y_stride + i] = sanitize(mul(sanitize(s), u));
}
