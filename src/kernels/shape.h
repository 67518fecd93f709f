/*
 * How an op's work is cut among invocations. It shows in no bit, so the shape may be what a device
 * was seen to be fastest with (engine/tune.c): a number, 0 for the kernel's own rule, then its
 * candidates.
 */
#ifndef KERNELS_SHAPE_H
#define KERNELS_SHAPE_H

#include "kernels/kernels.h"

/* What makes ops alike, for which one shape is best. */
struct shape_key {
    uint32_t kind; /* SHAPE_... and OUT_... */
    uint32_t n_rows, n_blocks;
};
#define SHAPE_TUNABLE 0x100u /* there are candidates */
#define SHAPE_NORM 0x200u    /* it norms its input */
#define SHAPE_UNIT 0x400u    /* its results leave in whole blocks */

enum { TUNING_MOST = 512 }; /* a model has about a dozen */
struct kernel_tuning {
    struct tuning_row {
        enum kernel kernel;
        int quant;
        struct shape_key key;
        uint32_t shape;
    } rows[TUNING_MOST];
    uint32_t n;
};

/* Index of a row; t->n: there is none. */
uint32_t tuning_find(
    const struct kernel_tuning *t, enum kernel kernel, int quant, const struct shape_key *key);
/* Candidates of matvec, of matmul, of attention to one token; and the most of these. */
enum { MATVEC_SHAPES = 11, MATMUL_SHAPES = 7, ATTENTION_SHAPES = 2, MOST_SHAPES = MATVEC_SHAPES };

#endif
