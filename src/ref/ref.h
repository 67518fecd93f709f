/*
 * ref/: the exact specification of every kernel, in plain C, never tuned. A shader is right when it
 * gives these bits. What makes that possible on every device:
 *
 * 1. Floating point is f32 addition, subtraction and multiplication, each rounded on its own
 *    (-ffp-contract=off here, `precise` there). Reciprocal, square root, exp and log are made of
 * those (base/exact.h). No division, no fma, no 16-bit arithmetic.
 * 2. Weights of class INT meet activations of 8 bits in blocks of 32: the products are summed as
 *    exact integers, and a float appears only when scales are applied, once a block.
 * 3. Sums have a fixed order. The blocks of a row are spread over 32 virtual lanes of consecutive
 *    blocks; a lane adds its blocks in order; lanes are added as a tree of neighbours:
 *    ((0+1)+(2+3))+... . Within a block of 32 floats there are four interleaved sums,
 *    (s0+s1)+(s2+s3). How many invocations share a row changes nothing.
 * 4. Attention works on chunks of ATTN_CHUNK positions counted from 0: maximum, weights and sums in
 *    the order of positions; chunks are joined in order. So a result does not depend on how many
 *    tokens are evaluated at once.
 * 5. What is read from memory is sanitised by integer tests: magnitudes in [2^-40, 2^40] or 0. No
 *    intermediate value is denormal or infinite, so a device's treatment of those cannot show.
 *
 * A reference runs an op on host memory: b[i] is where view i begins.
 */
#ifndef REF_REF_H
#define REF_REF_H

#include "kernels/op.h"

typedef void (*ref_fn)(const struct op *op, void *const *b);

#define KERNEL(name, axis, need, n, base) void ref_##base(const struct op *, void *const *);
#include "kernels/kernels.def"
#undef KERNEL

/* Runs op; all its buffers must have host memory. */
void ref_run(const struct op *op);

/* The sum over 32 virtual lanes (rule 3). */
float ref_tree_sum(const float lanes[MAX_LANES]);

#endif
