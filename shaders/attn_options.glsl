/* What models do to attention beyond softmax(scale q k) v; src/ref/attn_options.h has the same. */
#include "tanh.glsl"

/* The scale grows with the logarithm of the position. */
float attn_temperature(float scale, float temperature, uint spans)
{
    return mul(scale, add(1.0, mul(temperature, exact_log(float(spans + 1u)))));
}
