/* tanh by exp; |x| beyond 20 is 1 in f32. */
float exact_tanh(float x)
{
    float z = clamp(sanitize(x), -20.0, 20.0);
    return sub(1.0, mul(2.0, recip(add(exact_exp(mul(2.0, z)), 1.0))));
}

float softcap(float x, float cap, float cap_inv)
{
    return mul(cap, exact_tanh(mul(sanitize(x), cap_inv)));
}
