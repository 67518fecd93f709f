/* Joins the attention of two stretches of positions; shaders/combine.glsl has the same. */
#ifndef REF_COMBINE_H
#define REF_COMBINE_H

#include "base/exact.h"

struct ref_join {
    float m, l, a, b;
};

static inline struct ref_join ref_join_sums(float m0, float l0, float m1, float l1)
{
    struct ref_join j;
    j.m = m0 > m1 ? m0 : m1;
    j.a = exact_exp(m0 - j.m);
    j.b = exact_exp(m1 - j.m);
    j.l = l0 * j.a + l1 * j.b;
    return j;
}

static inline float ref_join_value(struct ref_join j, float o0, float o1)
{
    return exact_sanitize(o0 * j.a + o1 * j.b);
}

#endif
