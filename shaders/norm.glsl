/*
 * matvec's own input: x normed (as rmsnorm.comp) and quantised (as quantize.comp) by each workgroup
 * for itself, into shared memory. That costs every workgroup a read of x from a cache, and saves
 * two dispatches.
 */
layout(binding = 1) readonly buffer XF { uvec4 xf[]; };
layout(binding = 5) readonly buffer G { vec4 norm_weight[]; };
shared uvec4 normed_q[NORM == 0u ? 1u : 2u * NORM]; /* planes, as in memory */
shared uvec2 normed_meta[NORM == 0u ? 1u : NORM];   /* before that: sums of blocks, of lanes */

float square_block(uint b)
{
    vec4 sums = vec4(0.0);
    for (uint i = 0u; i < 8u; i++) {
        vec4 v = sanitize4(xf[b * 8u + i]);
        sums = add4(sums, mul4(v, v));
    }
    return block_sum(sums);
}

/* Contains barriers. */
void norm_input()
{
    const uint size = SIZE_X * SIZE_Y;
    uint id = gl_LocalInvocationIndex;
    for (uint b = id; b < a.n_blocks; b += size)
        normed_meta[b].x = bits(square_block(b));
    barrier();
    for (uint l = id; l < a.lanes; l += size) {
        float sum = 0.0;
        for (uint b = l * a.steps; b < min((l + 1u) * a.steps, a.n_blocks); b++)
            sum = add(sum, from_bits(normed_meta[b].x));
        normed_meta[l].y = bits(sum);
    }
    barrier();
    float part[TREE_LEVELS], sum;
    for (uint l = 0u; l < a.lanes; l++)
        TREE_PUSH(part, , from_bits(normed_meta[l].y), l)
    TREE_TOTAL(part, , sum, a.lanes)
    float scale = rsqrt(add(mul(sum, a.inv_n), a.eps));
    barrier();
    for (uint b = id; b < a.n_blocks; b += size) {
        vec4 v[8];
        for (uint i = 0u; i < 8u; i++) {
            vec4 y = mul4(mul4(sanitize4(xf[b * 8u + i]), vec4(scale)), norm_weight[b * 8u + i]);
            v[i] = sanitize4(floatBitsToUint(y));
        }
        q8_block q = quantize_block(v);
        uint slot = b % a.steps * a.lanes + b / a.steps;
        normed_q[slot] = uvec4(q.q[0], q.q[1], q.q[2], q.q[3]);
        normed_q[NORM + slot] = uvec4(q.q[4], q.q[5], q.q[6], q.q[7]);
        normed_meta[slot] = uvec2(bits(q.d), q.sums);
    }
    barrier();
}
