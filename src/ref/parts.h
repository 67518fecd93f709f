/* References that others are made of. */
#ifndef REF_PARTS_H
#define REF_PARTS_H

#include "kernels/op.h"

/* y[n] = x g / rms(x); of a, only the row's shape, inv_n and eps. */
void ref_norm_row(const struct rmsnorm_args *a, const float *x, const float *g, float *y);
/* 32 floats -> the slot's share of a row of `slots` 8-bit blocks. */
void ref_quantize_block(const float *x, uint32_t slots, uint32_t slot, uint32_t *row);
/* Row of w times x, a token's row, both as op->quant asks. */
float ref_dot(const struct op *op, const struct quant_layout *l, const uint32_t *w, uint32_t row,
    const void *x);
float ref_silu_mul_one(float gate, float up);
float ref_sigmoid(float z);
/* One head at position pos: rotated (but V), sanitised, and stored. x: [head_dim]; head: of Q, K
 * and V in this order; q: where head 0 of Q goes; kv_type: KV_TYPE_... */
void ref_rope_head(const struct rope_kv_args *a, const float *rot, uint32_t pos, uint32_t head,
    const float *x, float *q, void *k, void *v, uint32_t kv_type);

#endif
