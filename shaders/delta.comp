#version 450
/*
 * The gated delta rule, token after token. DELTA_LANES invocations share COLS columns of a head's matrix,
 * each with the rows of a lane; x: columns, y: head. https://arxiv.org/abs/2412.06464
 */
#include "common.glsl"
#include "glu.glsl"
layout(push_constant) uniform Args { delta_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) readonly buffer Gates { float gates[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(binding = 3) buffer State { uvec4 state[]; };
layout(binding = 4) readonly buffer Dt { float dt[]; };
layout(binding = 5) readonly buffer A { float rate[]; };
layout(binding = 6) readonly buffer S { step_args step; };
const uint QUADS = NORM / 4u, SIZE = SIZE_X * SIZE_Y; /* SPEC_ROWS */
#define TREE_RESULTS (2u * COLS)
#include "tree.glsl"
shared vec2 stay_learn[SIZE]; /* of as many tokens */
vec4 s[COLS * QUADS];
float sums[COLS]; /* over a column */

float softplus(float z)
{
    return z > 20.0 ? z : exact_log(add(1.0, exact_exp(z)));
}

/* How much of the state stays, below 2^-22 nothing (products with it must not become denormal); and
 * how much of what is new enters. */
vec2 gates_of(uint head, uint t)
{
    uint at = t * a.gate_stride + head;
    float z = sanitize(softplus(add(sanitize(gates[at]), dt[head])));
    float stay = exact_exp(min(mul(rate[head], z), 0.0));
    return vec2(stay < 2.384185791015625e-07 ? 0.0 : stay, sigmoid(sanitize(gates[at + a.beta_first])));
}

/* sums[], of which each invocation has a lane; first: where they meet. Contains a barrier. */
void join(vec4 lane[COLS], uint first)
{
    for (uint c = 0u; c < COLS; c++)
        tree_put(block_sum(lane[c]), first + c);
    barrier();
    for (uint c = 0u; c < COLS; c++)
        sums[c] = tree_get(first + c);
}

/* The state fades; what it holds for the key. */
void recall(uint key, float stay)
{
    vec4 lane[COLS];
    for (uint c = 0u; c < COLS; c++)
        lane[c] = vec4(0.0);
    for (uint i = 0u; i < QUADS; i++) {
        vec4 k = sanitize4(x4[key + i]);
        for (uint c = 0u; c < COLS; c++) {
            s[c * QUADS + i] = mul4(s[c * QUADS + i], vec4(stay));
            lane[c] = add4(lane[c], mul4(s[c * QUADS + i], k));
        }
    }
    join(lane, 0u);
}

/* The state learns d for the key; what it then holds for the query. */
void learn(uint key, uint query, float d[COLS])
{
    vec4 lane[COLS];
    for (uint c = 0u; c < COLS; c++)
        lane[c] = vec4(0.0);
    for (uint i = 0u; i < QUADS; i++) {
        vec4 k = sanitize4(x4[key + i]), q = sanitize4(x4[query + i]);
        for (uint c = 0u; c < COLS; c++) {
            vec4 v = add4(s[c * QUADS + i], mul4(k, vec4(d[c])));
            s[c * QUADS + i] = sanitize4(floatBitsToUint(v));
            lane[c] = add4(lane[c], mul4(s[c * QUADS + i], q));
        }
    }
    join(lane, COLS);
}

void main()
{
    uint head = gl_WorkGroupID.y, lane = gl_LocalInvocationID.x;
    uint column = (gl_WorkGroupID.x * SIZE_Y + gl_LocalInvocationID.y) * COLS;
    uint end = min(a.first + a.count, step.n_tokens), quads = a.dim / 4u;
    bool inside = column < a.dim;
    float d[COLS];
    if (a.first >= end)
        return;
    uint to = (step.pos + step.n_tokens) % a.slots, from = a.first > 0u ? to : step.pos % a.slots;
    uint at = (a.state_first / 4u) + (head * a.dim + column) * quads + lane * QUADS;
    bool empty = a.first == 0u && step.pos == 0u;
    for (uint c = 0u; c < COLS; c++)
        for (uint i = 0u; i < QUADS; i++)
            s[c * QUADS + i] = inside && !empty
                ? sanitize4(state[from * (a.slot_size / 4u) + at + c * quads + i]) : vec4(0.0);
    for (uint t = a.first; t < end; t++) {
        uint n = (t - a.first) % SIZE, row = t * a.x_stride;
        if (n == 0u) {
            barrier();
            if (t + gl_LocalInvocationIndex < end)
                stay_learn[gl_LocalInvocationIndex] = gates_of(head, t + gl_LocalInvocationIndex);
            barrier();
        }
        uint query = (row + head % a.n_group * a.dim) / 4u + lane * QUADS;
        uint key = query + a.n_group * quads, value = row + (2u * a.n_group + head) * a.dim + column;
        recall(key, stay_learn[n].x);
        for (uint c = 0u; c < COLS; c++) {
            float v = inside ? sanitize(x[value + c]) : 0.0;
            d[c] = sanitize(mul(sanitize(sub(v, sums[c])), stay_learn[n].y));
        }
        learn(key, query, d);
        for (uint c = 0u; c < COLS && inside && lane == 0u; c++)
            y[t * a.y_stride + head * a.dim + column + c] = mul(sums[c], a.scale);
    }
    for (uint c = 0u; c < COLS && inside; c++)
        for (uint i = 0u; i < QUADS; i++)
            state[to * (a.slot_size / 4u) + at + c * quads + i] = floatBitsToUint(s[c * QUADS + i]);
}
