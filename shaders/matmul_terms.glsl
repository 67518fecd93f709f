/*
 * The formats' w_term as sums that matrices can be multiplied by: a block's value is
 *     d * (lo_scale * lo + hi_scale * hi) + m * (lo_min * sum_lo + hi_min * sum_hi)
 * with one rounding a product and one for the sum. Products of a half and of whole numbers are exact
 * in any order, so these are w_term's bits. HALVES: both halves have scales, else these are 1. MIN:
 * there is a second part. OFFSET: w_term subtracts it from each weight; here the bytes do.
 */
#include "name.glsl"
#if defined QUANT_q2_k || defined QUANT_q3_k || defined QUANT_q6_k || defined QUANT_iq1_m \
    || defined QUANT_iq2_xs || defined QUANT_iq2_s || defined QUANT_nvfp4
#define HALVES 1
#else
#define HALVES 0
#endif
#if defined QUANT_q2_k || defined QUANT_q4_1 || defined QUANT_q5_1 || defined QUANT_q4_k \
    || defined QUANT_q5_k
#define MIN 1
#else
#define MIN 0
#endif
#if defined QUANT_q5_0
#define OFFSET 0x10101010u
#elif defined QUANT_q3_k
#define OFFSET 0x04040404u
#elif defined QUANT_tq1_0 || defined QUANT_tq2_0
#define OFFSET 0x01010101u
#else
#define OFFSET 0u
#endif

/* Each byte less the same one; none borrows from its neighbour. */
uint without_offset(uint v)
{
    return OFFSET == 0u ? v : ((v | 0x80808080u) - OFFSET) ^ ((v ^ 0x80808080u) & 0x80808080u);
}

struct w_terms {
    float d, m;
    vec2 scale, minimum; /* of both halves */
};

w_terms terms_of(w_block w)
{
    w_terms t;
    t.scale = t.minimum = vec2(1.0);
    t.m = 0.0;
#if HALVES == 0
    t.d = w_halves(w, 1, 0, 0, 0);
#if MIN == 1
    t.m = w_halves(w, 0, 0, 1, 0);
#endif
#elif defined QUANT_nvfp4
    t.d = 1.0;
    t.scale = vec2(w.d_lo, w.d_hi);
#elif defined QUANT_q2_k
    t.d = w.d;
    t.m = sub(0.0, w.dmin);
    t.scale = vec2(float(w.scale_lo & 15), float(w.scale_hi & 15));
    t.minimum = vec2(float(w.scale_lo >> 4), float(w.scale_hi >> 4));
#else
    t.d = w.d;
    t.scale = vec2(float(w.scale_lo), float(w.scale_hi));
#endif
    return t;
}
