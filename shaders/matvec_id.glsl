/*
 * The body of matvec_id.comp and of its variant: y[pair] = W[expert of the pair] x, where W holds the
 * rows of all experts one after the other. x: quads of rows, y: COLS pairs of one expert at a time (a
 * stride through its list), z: expert; or, of one token, the pair. Where each token has all experts, a
 * pair's number is its token's. Sums as in matvec.
 */
#include "common.glsl"
layout(push_constant) uniform Args { matvec_id_args a; };
#include "weights.glsl"
layout(binding = 1) readonly buffer X4 { uvec4 x4[]; };
layout(binding = 1) readonly buffer X2 { uvec2 x2[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(binding = 3) readonly buffer B { float bias[]; }; /* [n_expert][rows] */
layout(binding = 4) readonly buffer I { uint ids[]; };   /* [pair] */
layout(binding = 5) readonly buffer L { uint list[]; };  /* [n_expert][capacity] */
layout(binding = 6) readonly buffer C { uint count[]; }; /* [n_expert] */
layout(binding = 6) readonly buffer S { step_args step; }; /* EXPERT_EACH */
const uint RESULTS = 4u * COLS; /* number r * COLS + c */
#define TREE_RESULTS RESULTS
#include "tree.glsl"

#ifdef CLASS_INT
#include "dot4.glsl"

void add_block(inout float acc[RESULTS], uint quad, uint slots, uint slot, uint block, uint x_first[COLS])
{
    w_slot raw[4];
    w_quad(quad, slots, slot, block, raw);
    for (uint c = 0u; c < COLS; c++) {
        uvec4 p = x4[x_first[c] + slot], q = x4[x_first[c] + slots + slot];
        uvec2 m = x2[2u * (x_first[c] + 2u * slots) + slot];
        int sum_lo = int(m.y << 16) >> 16, sum_hi = int(m.y) >> 16;
        for (uint r = 0u; r < 4u; r++) {
            w_block w = w_load(raw[r]);
            const DOT_SUM zero = DOT_SUM(0);
            int lo = int(dot4(w.q[0], p.x, dot4(w.q[1], p.y, dot4(w.q[2], p.z, dot4(w.q[3], p.w, zero)))));
            int hi = int(dot4(w.q[4], q.x, dot4(w.q[5], q.y, dot4(w.q[6], q.z, dot4(w.q[7], q.w, zero)))));
            uint i = r * COLS + c;
            acc[i] = add(acc[i], mul(from_bits(m.x), w_halves(w, lo, hi, sum_lo, sum_hi)));
        }
    }
}
#else
void add_block(inout float acc[RESULTS], uint quad, uint slots, uint slot, uint block, uint x_first[COLS])
{
    vec4 s[RESULTS];
    for (uint i = 0u; i < RESULTS; i++)
        s[i] = vec4(0.0);
    for (uint j = 0u; j < 8u; j++)
        for (uint c = 0u; c < COLS; c++) {
            vec4 x = sanitize4(x4[x_first[c] + block * 8u + j]);
            for (uint r = 0u; r < 4u; r++)
                s[r * COLS + c] = add4(s[r * COLS + c],
                                       mul4(w_vec4(quad + r * W_U4 * slots, slots, slot, j), x));
        }
    for (uint i = 0u; i < RESULTS; i++)
        acc[i] = add(acc[i], block_sum(s[i]));
}
#endif

/* The sums of a quad over this invocation's lanes. */
void sum_lanes(out float acc[RESULTS], uint quad, uint x_first[COLS])
{
    const uint own = MAX_LANES / SIZE_X;
    uint slots = a.steps * a.lanes, lane0 = gl_LocalInvocationID.x * own;
    uint n_lanes = min(own, a.lanes - min(a.lanes, lane0));
    float part[TREE_LEVELS][RESULTS];
    for (uint v = 0u; v < n_lanes; v++) {
        uint lane = lane0 + v, n_steps = min(a.steps, a.n_blocks - lane * a.steps);
        for (uint i = 0u; i < RESULTS; i++)
            acc[i] = 0.0;
        for (uint i = 0u; i < n_steps; i++)
            add_block(acc, quad, slots, i * a.lanes + lane, lane * a.steps + i, x_first);
        for (uint i = 0u; i < RESULTS; i++)
            TREE_PUSH(part, [i], acc[i], v)
    }
    for (uint i = 0u; i < RESULTS; i++)
        TREE_TOTAL(part, [i], acc[i], n_lanes)
}

/* COLS pairs, of which n are there; q: quad of the expert's rows. Contains barriers. */
void do_pairs(uint expert, uint q, uint pair[COLS], uint n)
{
    float acc[RESULTS];
    uint x_first[COLS], n_quads = a.rows / 4u, y_first = a.y_first + expert * a.y_step;
    bool by_number = (a.flags & (EXPERT_X_PAIR | EXPERT_EACH)) != 0u;
    for (uint c = 0u; c < COLS; c++)
        x_first[c] = (by_number ? pair[c] : pair[c] / a.n_used) * a.x_stride + expert * a.x_step;
    sum_lanes(acc, ((expert - a.expert_first) * n_quads + min(q, n_quads - 1u)) * a.quad_u4, x_first);
    if (SIZE_X > 1u) {
        for (uint i = 0u; i < RESULTS; i++)
            tree_put(acc[i], i);
        barrier();
    }
    for (uint i = gl_LocalInvocationID.x; i < RESULTS; i += SIZE_X) {
        float sum = SIZE_X > 1u ? tree_get(i) : acc[i];
        uint row = 4u * q + i / COLS, c = i % COLS;
        if ((a.flags & EXPERT_BIAS) != 0u && q < n_quads)
            sum = add(sum, bias[expert * a.rows + row]);
        if (q < n_quads && c < n)
            y[pair[c] * a.y_stride + y_first + row] = sum;
    }
    if (SIZE_X > 1u)
        barrier();
}

void main()
{
    bool each = (a.flags & EXPERT_EACH) != 0u, lists = (a.flags & EXPERT_LISTS) != 0u;
    uint expert = lists || each ? a.expert_first + gl_WorkGroupID.z : ids[gl_WorkGroupID.z];
    if (expert < a.expert_first || expert - a.expert_first >= a.expert_count)
        return;
    uint n_quads = a.rows / 4u, n_pairs = each ? step.n_tokens : lists ? count[expert] : 1u, pair[COLS];
    for (uint first = gl_WorkGroupID.y * COLS; first < n_pairs; first += gl_NumWorkGroups.y * COLS) {
        for (uint c = 0u; c < COLS; c++) {
            uint i = min(first + c, n_pairs - 1u);
            pair[c] = each ? i : lists ? list[expert * a.capacity + i] : gl_WorkGroupID.z;
        }
        for (uint g = gl_WorkGroupID.x * SIZE_Y; g < n_quads; g += gl_NumWorkGroups.x * SIZE_Y)
            do_pairs(expert, g + gl_LocalInvocationID.y, pair, n_pairs - first);
    }
}
