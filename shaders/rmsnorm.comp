#version 450
/* y = x * g / sqrt(mean(x^2) + eps); x: one workgroup per token. The sum of squares has the order of
 * a dot product of two f32 vectors. https://arxiv.org/abs/1910.07467 */
#include "common.glsl"
layout(push_constant) uniform Args { rmsnorm_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer G { float g[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(binding = 3) readonly buffer S { step_args step; };
#define TREE_RESULTS 1u
#include "tree.glsl"

float square_block(uint first)
{
    vec4 sums = vec4(0.0);
    for (uint j = 0u; j < 32u; j += 4u) {
        vec4 v;
        for (uint k = 0u; k < 4u; k++)
            v[k] = first + j + k < a.n ? sanitize(x[(a.flags & RMSNORM_LAST) != 0u
                ? (step.n_tokens - 1u) * a.x_stride + first + j + k
                : gl_WorkGroupID.x * a.x_stride + first + j + k]) : 0.0;
        sums = add4(sums, mul4(v, v));
    }
    return block_sum(sums);
}

void main()
{
    uint t = gl_WorkGroupID.x;
    bool last = (a.flags & RMSNORM_LAST) != 0u;
    if (t >= (last ? 1u : step.n_tokens))
        return;
    uint from = last ? step.n_tokens - 1u : t;
    const uint own = MAX_LANES / SIZE_X;
    uint lane0 = gl_LocalInvocationID.x * own, n_lanes = min(own, a.lanes - min(a.lanes, lane0));
    float part[TREE_LEVELS], acc;
    for (uint v = 0u; v < n_lanes; v++) {
        uint lane = lane0 + v;
        acc = 0.0;
        for (uint i = 0u; i < a.steps && lane * a.steps + i < a.n_blocks; i++)
            acc = add(acc, square_block((lane * a.steps + i) * 32u));
        TREE_PUSH(part, , acc, v)
    }
    TREE_TOTAL(part, , acc, n_lanes)
    if (SIZE_X > 1u) {
        tree_put(acc, 0u);
        barrier();
        acc = tree_get(0u);
    }
    float mean = mul(acc, a.inv_n);
    float scale = rsqrt(add(mean, a.eps));
    for (uint e = gl_LocalInvocationID.x; e < a.n; e += SIZE_X)
        y[t * a.y_stride + e] = mul(mul(sanitize(x[from * a.x_stride + e]), scale), g[e]);
}
