#version 450
/*
 * Rotates Q (in place) and K by position, and stores K in the cache, and V if it has its own. An invocation owns four
 * neighbouring elements, that is two rotated pairs (2i, 2i + 1); y: token.
 */
#include "common.glsl"
#include "kv.glsl"
#include "quantize.glsl"
layout(push_constant) uniform Args { rope_kv_args a; };
layout(binding = 0) buffer X { float x[]; };
layout(binding = 1) writeonly buffer K { uint kc[]; };
layout(binding = 2) writeonly buffer V { uint vc[]; };
layout(binding = 3) readonly buffer R { vec2 rot[]; }; /* low [256][n_rot/2], high [..][n_rot/2] */
layout(binding = 4) readonly buffer S { step_args step; };
const uint V_FIRST = NORM; /* SPEC_VALUE */
#include "rope.glsl"
#include "kv_store.glsl"

vec4 load(uint at)
{
    return vec4(sanitize(x[at]), sanitize(x[at + 1u]), sanitize(x[at + 2u]), sanitize(x[at + 3u]));
}

/* Quantised, one invocation of eight stores 32 elements. */
void store_block(bool is_v, uint head, uint pos, uint dim, uint at)
{
    vec4 v[8];
    if (dim % 32u != 0u)
        return;
    for (uint i = 0u; i < 8u; i++) {
        v[i] = load(at + 4u * i);
        if (!is_v)
            v[i] = sanitize4(floatBitsToUint(rotate4(v[i], pos, dim + 4u * i, a.n_rot)));
    }
    kv_store(is_v, head, pos, dim, v);
}

void main()
{
    uint t = gl_WorkGroupID.y, i = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x;
    uint per_head = a.head_dim / 4u, head = i / per_head, dim = i % per_head * 4u;
    if (t >= step.n_tokens || head >= a.n_head + (V_FIRST != 0u ? 1u : 2u) * a.n_head_kv)
        return;
    uint pos = step.pos + t, kind = 0u, first = 0u;
    if (head >= a.n_head + a.n_head_kv) {
        kind = 2u;
        first = a.v_first;
        head -= a.n_head + a.n_head_kv;
    } else if (head >= a.n_head) {
        kind = 1u;
        first = a.k_first;
        head -= a.n_head;
    }
    uint at = t * a.stride + first + head * a.head_dim + dim;
    if (KV >= KV_TYPE_Q8_0 && kind != 0u) {
        store_block(kind == 2u, head, pos, dim, at);
        return;
    }
    vec4 v = load(at);
    if (kind != 2u)
        v = rotate4(v, pos, dim, a.n_rot);
    if (kind == 0u) {
        for (uint k = 0u; k < 4u; k++)
            x[at + k] = sanitize(v[k]);
        return;
    }
    uint place = pos % a.n_ctx; /* the cache of a window is a ring */
    uint e = kind == 1u ? k_index(head, place, dim, a.head_dim, a.n_ctx)
                        : v_index(head, place, dim, a.head_dim, a.n_ctx);
    if (KV_F16 != 0u)
        for (uint k = 0u; k < 2u; k++) {
            uint word = float_to_cache(v[2u * k]) | (float_to_cache(v[2u * k + 1u]) << 16);
            if (kind == 1u)
                kc[e / 2u + k] = word;
            else
                vc[e / 2u + k] = word;
        }
    else
        for (uint k = 0u; k < 4u; k++) {
            uint word = bits(sanitize(v[k]));
            if (kind == 1u)
                kc[e + k] = word;
            else
                vc[e + k] = word;
        }
}
