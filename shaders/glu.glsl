/* act(gate) * up; src/ref/glu.c has the same. Beyond -40 a sigmoid is taken as 0: exp would leave the
 * exact range. */
#include "silu.glsl"

float sigmoid(float z)
{
    return z < -40.0 ? 0.0 : recip(add(1.0, exact_exp(sub(0.0, z))));
}

/* x / 2 * (1 + tanh(u)), u = sqrt(2 / pi) (x + 0.044715 x^3), which is x * sigmoid(2 u); beyond 16 it
 * is x or 0 in f32. https://arxiv.org/abs/1606.08415 */
float gelu(float x)
{
    if (x > 16.0 || x < -16.0)
        return x > 0.0 ? x : 0.0;
    float cube = mul(mul(x, x), x);
    float z = mul(1.59576912, add(x, mul(0.044715, cube)));
    return mul(x, sigmoid(z));
}

float glu(uint act, float gate, float up)
{
    if (act == GLU_SILU)
        return silu_mul(gate, up);
    float g = sanitize(gate), u = sanitize(up);
    if (act == GLU_GELU)
        return sanitize(mul(sanitize(gelu(g)), u));
    if (act == GLU_SIGMOID)
        return sanitize(mul(sigmoid(g), u));
    g = min(g, 7.0);
    u = clamp(u, -7.0, 7.0);
    return sanitize(mul(sanitize(mul(g, sigmoid(mul(1.702, g)))), add(u, 1.0)));
}
