/* tanh and what is made of it; shaders/tanh.glsl has the same. */
#ifndef REF_TANH_H
#define REF_TANH_H

#include "base/exact.h"

static inline float ref_tanh(float x)
{
    float z = exact_sanitize(x);
    z = z < -20.0f ? -20.0f : z > 20.0f ? 20.0f : z;
    float r = 2.0f * exact_recip(exact_exp(2.0f * z) + 1.0f);
    return 1.0f - r;
}

static inline float ref_softcap_one(float x, float cap, float cap_inv)
{
    return cap * ref_tanh(exact_sanitize(x) * cap_inv);
}

#endif
