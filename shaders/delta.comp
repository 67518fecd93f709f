#version 450
/*
 * The gated delta rule, token after token. SIZE_X invocations share a column of a head's matrix, each
 * with ROWS rows of it; x: columns, y: head. https://arxiv.org/abs/2412.06464
 */
#include "common.glsl"
#include "glu.glsl"
layout(push_constant) uniform Args { delta_args a; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Gates { float gates[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(binding = 3) buffer State { float state[]; };
layout(binding = 4) readonly buffer Dt { float dt[]; };
layout(binding = 5) readonly buffer A { float rate[]; };
layout(binding = 6) readonly buffer S { step_args step; };
#define TREE_RESULTS 2u
#include "tree.glsl"
const uint ROWS = NORM, OWN = DELTA_LANES / SIZE_X, PER_LANE = ROWS / OWN, SIZE = SIZE_X * SIZE_Y;
shared vec2 forget_learn[SIZE]; /* of as many tokens */
float s[ROWS], part[TREE_LEVELS];

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

/* The sum over the column of what the invocations have of it; contains a barrier. */
float join(float own, uint result)
{
    if (SIZE_X == 1u)
        return own;
    tree_put(own, result);
    barrier();
    return tree_get(result);
}

/* The state fades; what it holds for the key. */
float recall(uint key, float stay)
{
    float own;
    for (uint l = 0u; l < OWN; l++) {
        float sum = 0.0;
        for (uint i = l * PER_LANE; i < (l + 1u) * PER_LANE; i++) {
            s[i] = mul(s[i], stay);
            sum = add(sum, mul(s[i], sanitize(x[key + i])));
        }
        TREE_PUSH(part, , sum, l)
    }
    TREE_TOTAL(part, , own, OWN)
    return join(own, 0u);
}

/* The state learns d for the key; what it then holds for the query. */
float learn(uint key, uint query, float d)
{
    float own;
    for (uint l = 0u; l < OWN; l++) {
        float sum = 0.0;
        for (uint i = l * PER_LANE; i < (l + 1u) * PER_LANE; i++) {
            s[i] = sanitize(add(s[i], mul(sanitize(x[key + i]), d)));
            sum = add(sum, mul(s[i], sanitize(x[query + i])));
        }
        TREE_PUSH(part, , sum, l)
    }
    TREE_TOTAL(part, , own, OWN)
    return join(own, 1u);
}

void main()
{
    uint head = gl_WorkGroupID.y, row = gl_LocalInvocationID.x * ROWS;
    uint column = gl_WorkGroupID.x * SIZE_Y + gl_LocalInvocationID.y;
    uint end = min(a.first + a.count, step.n_tokens);
    bool inside = column < a.dim;
    if (a.first >= end)
        return;
    uint to = (step.pos + step.n_tokens) % a.slots, from = a.first > 0u ? to : step.pos % a.slots;
    uint at = a.state_first + (head * a.dim + row) * a.dim + column;
    bool empty = a.first == 0u && step.pos == 0u;
    for (uint i = 0u; i < ROWS; i++)
        s[i] = inside && !empty ? sanitize(state[from * a.slot_size + at + i * a.dim]) : 0.0;
    for (uint t = a.first; t < end; t++) {
        uint n = (t - a.first) % SIZE;
        if (n == 0u) {
            barrier();
            if (t + gl_LocalInvocationIndex < end)
                forget_learn[gl_LocalInvocationIndex] = gates_of(head, t + gl_LocalInvocationIndex);
            barrier();
        }
        uint query = t * a.x_stride + head % a.n_group * a.dim + row;
        uint key = query + a.n_group * a.dim;
        float v = inside
            ? sanitize(x[t * a.x_stride + (2u * a.n_group + head) * a.dim + column]) : 0.0;
        float held = recall(key, forget_learn[n].x);
        float d = sanitize(mul(sanitize(sub(v, held)), forget_learn[n].y));
        float r = learn(key, query, d);
        if (inside && row == 0u)
            y[t * a.y_stride + head * a.dim + column] = mul(r, a.scale);
    }
    for (uint i = 0u; i < ROWS && inside; i++)
        state[to * a.slot_size + at + i * a.dim] = s[i];
}
