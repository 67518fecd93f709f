/*
 * The weight binding (0) and the format's loaders. Rows come in quads that start at a 16-byte unit
 * (quant.h); a slot is 32 elements of a row; slots = steps * lanes of a row. A format of class INT
 * gives
 *     w_block w_load(w_slot)  32 signed bytes in q[8], and its scales, from the slot's share of each
 *                             plane
 *     float w_term(w, lo, hi, sum_lo, sum_hi)  the block's value, without the activation's scale,
 *                                              from the products and sums of its two halves
 * and one of class FLOAT
 *     vec4 w_vec4(row, slots, slot, j)  elements 4j .. 4j + 3; row: where its first plane begins
 */
layout(binding = 0) readonly buffer W4 { uvec4 w4[]; };
layout(binding = 0) readonly buffer W2 { uvec2 w2[]; };
layout(binding = 0) readonly buffer W1 { uint w1[]; };

/* Word i of the format's table (quant_table), which follows the shard's rows; `a` are the kernel's
 * arguments. */
uint w_table(uint i)
{
    return w1[4u * ((a.n_rows + 3u) / 4u * a.quad_u4) + i];
}

#include "quant.glsl"
