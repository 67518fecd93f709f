#include "ref/parts.h"
#include "ref/ref.h"

#include "base/exact.h"

#include <string.h>

static float int_block(const struct quant_type *type, const struct quant_block *w,
    const uint32_t *x, uint32_t slots, uint32_t slot)
{
    int32_t sum[2] = {0, 0};
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t word = x[4 * (i / 16 * slots + slot) + i / 4 % 4];
        sum[i / 16] += w->q[i] * (int8_t)(word >> i % 4 * 8);
    }
    const uint32_t *meta = x + 8 * slots + 2 * slot;
    return exact_from_bits(meta[0]) *
           type->term(w, sum[0], sum[1], (int16_t)(meta[1] & 0xffff), (int16_t)(meta[1] >> 16));
}

static float float_block(const struct quant_block *w, const float *x)
{
    float s[4] = {0, 0, 0, 0};
    for (uint32_t i = 0; i < 32; i++)
        s[i % 4] = s[i % 4] + w->f[i] * exact_sanitize(x[i]);
    return (s[0] + s[1]) + (s[2] + s[3]);
}

float ref_dot(const struct op *op, const struct quant_layout *l, const uint32_t *w, uint32_t row,
    const void *x)
{
    const struct quant_type *type = &quant_types[op->quant];
    float lanes[MAX_LANES] = {0};
    for (uint32_t b = 0; b < l->n_blocks; b++) {
        struct quant_block block;
        quant_unpack_block(type, l, w, row, b, &block);
        float term = type->class == QUANT_CLASS_INT
                         ? int_block(type, &block, x, l->slots, quant_slot_of(l, b))
                         : float_block(&block, (const float *)x + b * 32);
        lanes[b / l->steps] = lanes[b / l->steps] + term;
    }
    return ref_tree_sum(lanes);
}

/* x normed and quantised as rmsnorm and quantize do. */
static void norm_input(const struct matvec_args *a, const float *x, const float *g, uint32_t *out)
{
    float y[NORM_MAX];
    struct rmsnorm_args norm = {.n_blocks = a->n_blocks,
        .steps = a->steps,
        .lanes = a->lanes,
        .n = a->n_blocks * 32,
        .inv_n = a->inv_n,
        .eps = a->eps};
    ref_norm_row(&norm, x, g, y);
    for (uint32_t b = 0; b < a->n_blocks; b++)
        ref_quantize_block(
            y + b * 32, a->steps * a->lanes, b % a->steps * a->lanes + b / a->steps, out);
}

/* What becomes of the sums of 64 rows from `first`: 32 of gate and 32 of up. */
static void finish_swiglu(
    const struct matvec_args *a, const float *sums, uint32_t first, uint32_t *y)
{
    float out[32];
    uint32_t block = (a->y_first + first) / 64;
    for (uint32_t i = 0; i < 32; i++)
        out[i] = ref_silu_mul_one(sums[i / 4 * 8 + i % 4], sums[i / 4 * 8 + 4 + i % 4]);
    ref_quantize_block(
        out, a->y_steps * a->y_lanes, block % a->y_steps * a->y_lanes + block / a->y_steps, y);
}

/* For one token: rows in groups of what is finished together. */
static void run_out(
    const struct op *op, void *const *b, const struct quant_layout *l, const void *x)
{
    const struct matvec_args *a = (const void *)op->args;
    bool rope = op->spec[SPEC_OUT] == OUT_ROPE;
    uint32_t group = rope ? a->head_dim : 64;
    struct rope_kv_args heads = {.n_head = a->n_head,
        .n_head_kv = a->n_head_kv,
        .head_dim = a->head_dim,
        .n_rot = a->n_rot,
        .n_ctx = a->n_ctx};
    float sums[MAX_HEAD_DIM];
    for (uint32_t first = 0; first < a->n_rows; first += group) {
        for (uint32_t r = 0; r < group; r++) {
            sums[r] = ref_dot(op, l, b[0], first + r, x);
            if (a->flags & MATVEC_BIAS)
                sums[r] = sums[r] + ((const float *)b[3])[first + r];
        }
        if (rope)
            ref_rope_head(&heads, b[8], ((const struct step_args *)b[4])->pos,
                (a->y_first + first) / group, sums, b[2], b[6], b[7], op->spec[SPEC_KV]);
        else
            finish_swiglu(a, sums, first, b[2]);
    }
}

void ref_matvec(const struct op *op, void *const *b)
{
    const struct matvec_args *a = (const void *)op->args;
    const uint32_t *w = b[0], *x = b[1];
    float *y = b[2];
    const float *bias = b[3];
    const struct step_args *step = b[4];
    struct quant_layout l = quant_layout_of(&quant_types[op->quant], a->n_blocks * 32);
    uint32_t n = a->n_cols ? a->n_cols : step->n_tokens, normed[10 * (NORM_MAX / 32 + MAX_LANES)];
    if (op->spec[SPEC_NORM]) {
        norm_input(a, b[1], b[5], normed);
        x = normed;
    }
    if (op->spec[SPEC_OUT] != OUT_ROWS) {
        run_out(op, b, &l, x);
        return;
    }
    for (uint32_t t = 0; t < n; t++)
        for (uint32_t r = 0; r < a->n_rows; r++) {
            float sum = ref_dot(op, &l, w, r, x + (size_t)t * a->x_stride * 4);
            float *out = &y[(size_t)t * a->y_stride + a->y_first + r];
            if (a->flags & MATVEC_BIAS)
                sum = sum + bias[r];
            if (a->flags & MATVEC_ADD)
                sum = exact_sanitize(*out) + sum;
            *out = sum;
        }
}
