/* What models do to attention beyond softmax(scale q k) v; shaders/attn_options.glsl has the same.
 */
#ifndef REF_ATTN_OPTIONS_H
#define REF_ATTN_OPTIONS_H

#include "ref/tanh.h"

static inline uint32_t ref_window_start(uint32_t n_pos, uint32_t window)
{
    return n_pos - (n_pos < window ? n_pos : window);
}

static inline float ref_attn_temperature(float scale, float temperature, uint32_t spans)
{
    float more = temperature * exact_log((float)(spans + 1));
    return scale * (1.0f + more);
}

#endif
