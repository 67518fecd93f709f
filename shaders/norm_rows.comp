#version 450
/*
 * Norms of rows: y = (x - mean) * g / sqrt(variance + eps) + bias, or without the mean (RMS); or y =
 * (y + that) * scale. x: the row of a token, y: token. Sums have the order of rmsnorm.comp. y may be x.
 */
#include "common.glsl"
layout(push_constant) uniform Args { norm_rows_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer G { float g[]; };
layout(binding = 2) buffer Y { float y[]; };
layout(binding = 3) readonly buffer S { step_args step; };
layout(binding = 4) readonly buffer B { float bias[]; };
#define TREE_RESULTS 1u
#include "tree.glsl"

float element(uint at, uint e, float mean)
{
    float v = sanitize(x[at + e]);
    return (a.flags & NORM_CENTRED) != 0u ? sanitize(sub(v, mean)) : v;
}

/* The sum of a block: of elements, or of squares of what remains without the mean. */
float sum_block(uint at, uint first, bool squares, float mean)
{
    vec4 sums = vec4(0.0);
    for (uint j = first; j < first + 32u; j += 4u) {
        vec4 v = vec4(0.0);
        for (uint k = 0u; k < 4u; k++)
            if (j + k < a.n)
                v[k] = squares ? element(at, j + k, mean) : sanitize(x[at + j + k]);
        sums = add4(sums, squares ? mul4(v, v) : v);
    }
    return block_sum(sums);
}

/* The mean over a row. Contains barriers. */
float row_mean(uint at, bool squares, float mean)
{
    const uint own = MAX_LANES / SIZE_X;
    uint lane0 = gl_LocalInvocationID.x * own, n_lanes = min(own, a.lanes - min(a.lanes, lane0));
    float part[TREE_LEVELS], acc;
    for (uint v = 0u; v < n_lanes; v++) {
        uint lane = lane0 + v;
        acc = 0.0;
        for (uint i = 0u; i < a.steps && lane * a.steps + i < a.n_blocks; i++)
            acc = add(acc, sum_block(at, (lane * a.steps + i) * 32u, squares, mean));
        TREE_PUSH(part, , acc, v)
    }
    TREE_TOTAL(part, , acc, n_lanes)
    if (SIZE_X > 1u) {
        tree_put(acc, 0u);
        barrier();
        acc = tree_get(0u);
        barrier();
    }
    return mul(acc, a.inv_n);
}

void main()
{
    uint r = gl_WorkGroupID.x, t = gl_WorkGroupID.y;
    bool last = (a.flags & NORM_LAST) != 0u;
    if (t >= (last ? 1u : step.n_tokens))
        return;
    uint from = (last ? step.n_tokens - 1u : t) * a.x_stride + a.first + r * a.n;
    uint to = t * a.y_stride + a.first + r * a.n;
    float mean = 0.0;
    if ((a.flags & NORM_CENTRED) != 0u)
        mean = sanitize(row_mean(from, false, 0.0));
    float square = row_mean(from, true, mean);
    bool by_length = (a.flags & NORM_LENGTH) != 0u;
    float scale = rsqrt(by_length ? max(square, a.eps) : add(square, a.eps));
    for (uint e = gl_LocalInvocationID.x; e < a.n; e += SIZE_X) {
        float v = mul(element(from, e, mean), scale);
        if ((a.flags & NORM_PLAIN) == 0u)
            v = mul(v, g[r * a.g_step + e]);
        if ((a.flags & NORM_BIAS) != 0u)
            v = add(v, bias[r * a.g_step + e]);
        if ((a.flags & NORM_ADD) != 0u)
            v = mul(add(sanitize(y[to + e]), v), a.scale);
        y[to + e] = v;
    }
}
