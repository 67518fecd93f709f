/* What models do to attention beyond softmax(scale q k) v; src/ref/attn_options.h has the same. */
#include "tanh.glsl"

/* The first position that a token sees, which is the newest of n_pos. */
uint window_start(uint n_pos, uint window)
{
    return (ATTN & ATTN_WINDOW) != 0u ? n_pos - min(n_pos, window) : 0u;
}

/* The scale grows with the logarithm of the position. */
float attn_temperature(float scale, float temperature, uint spans)
{
    return mul(scale, add(1.0, mul(temperature, exact_log(float(spans + 1u)))));
}
