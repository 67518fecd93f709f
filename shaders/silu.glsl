/* silu(gate) * up, silu(x) = x / (1 + exp(-x)). https://arxiv.org/abs/2002.05202 */
float silu_mul(float gate, float up)
{
    float g = sanitize(gate), u = sanitize(up);
    /* Beyond -40 the result is taken as 0: exp would leave the exact range. */
    float s = g < -40.0 ? 0.0 : mul(g, recip(add(1.0, exact_exp(sub(0.0, g)))));
    return sanitize(mul(sanitize(s), u));
}
