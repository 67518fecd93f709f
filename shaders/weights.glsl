/*
 * The weight binding (0) and the format's loaders. A row starts at a 16-byte unit; a slot is 32
 * elements; slots = steps * lanes of a row. A format of class INT gives
 *     w_block w_load(row, slots, slot, block)  32 signed bytes in q[8], and its scales
 *     float w_term(w, lo, hi, sum_lo, sum_hi)  the block's value, without the activation's scale,
 *                                              from the products and sums of its two halves
 * and one of class FLOAT
 *     vec4 w_vec4(row, slots, slot, j)         elements 4j .. 4j + 3
 */
layout(binding = 0) readonly buffer W4 { uvec4 w4[]; };
layout(binding = 0) readonly buffer W1 { uint w1[]; };

uint w_half(uint word, uint slot)
{
    return (w1[word + (slot >> 1)] >> ((slot & 1u) * 16u)) & 0xffffu;
}

/* Word i of the format's table (quant_table), which follows the shard's rows; `a` are the kernel's
 * arguments. */
uint w_table(uint i)
{
    return w1[4u * a.n_rows * a.row_u4 + i];
}

#include "quant.glsl"
