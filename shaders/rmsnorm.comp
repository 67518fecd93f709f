#version 450
/* y = x * g / sqrt(mean(x^2) + eps); x: one workgroup per token. The sum of squares has the order of
 * a dot product of two f32 vectors. https://arxiv.org/abs/1910.07467 */
#include "common.glsl"
layout(push_constant) uniform Args { rmsnorm_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) readonly buffer G { float g[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(binding = 3) readonly buffer S { step_args step; };
#define TREE_RESULTS 1u
#include "tree.glsl"
const uint ROUND = 4u; /* steps of all lanes, a block each, between two barriers */
shared float block_sums[ROUND * MAX_LANES], lane_sums[MAX_LANES];

/* Rows are padded with zeros to whole blocks. */
float square_block(uint at)
{
    vec4 sums = vec4(0.0);
    for (uint j = 0u; j < 8u; j++) {
        vec4 v = sanitize4(x4[at + j]);
        sums = add4(sums, mul4(v, v));
    }
    return block_sum(sums);
}

void main()
{
    uint t = gl_WorkGroupID.x, id = gl_LocalInvocationID.x;
    bool last = (a.flags & RMSNORM_LAST) != 0u;
    if (t >= (last ? 1u : step.n_tokens))
        return;
    uint from = (last ? step.n_tokens - 1u : t) * a.x_stride;
    for (uint lane = id; lane < MAX_LANES; lane += SIZE_X)
        lane_sums[lane] = 0.0;
    for (uint first = 0u; first < a.steps; first += ROUND) {
        for (uint i = id; i < ROUND * MAX_LANES; i += SIZE_X) {
            uint lane = i % MAX_LANES, s = first + i / MAX_LANES, b = lane * a.steps + s;
            block_sums[i] = s < a.steps && b < a.n_blocks ? square_block(from / 4u + b * 8u) : 0.0;
        }
        barrier();
        /* A sum of squares is never -0: adding 0 for what is not there changes nothing. */
        for (uint lane = id; lane < MAX_LANES; lane += SIZE_X)
            for (uint k = 0u; k < ROUND; k++)
                lane_sums[lane] = add(lane_sums[lane], block_sums[k * MAX_LANES + lane]);
        barrier();
    }
    float part[TREE_LEVELS], sum;
    for (uint lane = 0u; lane < a.lanes; lane++)
        TREE_PUSH(part, , lane_sums[lane], lane)
    TREE_TOTAL(part, , sum, a.lanes)
    float scale = rsqrt(add(mul(sum, a.inv_n), a.eps));
    for (uint e = id; e < a.n; e += SIZE_X)
        y[t * a.y_stride + e] = mul(mul(sanitize(x[from + e]), scale), g[e]);
}
