/* Between the files of kernels/ only. */
#ifndef KERNELS_MATMUL_H
#define KERNELS_MATMUL_H

#include "kernels/op.h"

struct matmul_call {
    const struct matrix *w;
    struct gpu_view x;
    struct rows y;
    uint32_t x_stride, y_first, n_cols, flags; /* as in matmul_args */
    struct gpu_view bias;                      /* or a NULL buffer */
    uint32_t out;                              /* OUT_ROWS or OUT_SWIGLU */
};

/* Whether so many tokens are better served by matmul than by matvec. */
bool matmul_wanted(const struct op_list *list, uint32_t n_cols);
void matmul_append(struct op_list *list, const struct matmul_call *c);

#endif
