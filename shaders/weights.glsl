/*
 * The weight binding (0) and the format's loaders. Rows come in quads that start at a 16-byte unit
 * (quant.h); a slot is 32 elements of a row; slots = steps * lanes of a row. A format of class INT
 * gives
 *     w_block w_load(w_slot)  32 signed bytes in q[8], and its scales, from the slot's share of each
 *                             plane
 *     float w_term(w, lo, hi, sum_lo, sum_hi)  the block's value, without the activation's scale,
 *                                              from the products and sums of its two halves
 *                                              of 16; or, with W_FLOATS,
 *     float w_term(w, lo, all, sum)  from the products of the first half and of all, and the sum
 *                                    of the activations, whole numbers as floats
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

/* A half that is neither infinite nor NaN. Where the integer dot product is, the conversion is the
 * hardware's own: a driver may flush denormals there, but then the self-test tells. */
float w_half(uint h)
{
#ifdef INT_DOT
    return unpackHalf2x16(h).x;
#else
    return half_to_float(h);
#endif
}

#include "quant.glsl"

#ifdef CLASS_INT
/* The block's value from the products and sums of its halves, in either of the two ways. */
float w_halves(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
#ifdef W_FLOATS
    return w_term(w, float(lo), float(lo + hi), float(sum_lo + sum_hi));
#else
    return w_term(w, lo, hi, sum_lo, sum_hi);
#endif
}
#endif
