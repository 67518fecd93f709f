/* Joins the attention of two stretches of positions: (m: maximum score, l: sum of exp(score - m),
 * o: the same sum of V), the way of FlashAttention. https://arxiv.org/abs/2205.14135 */
struct join {
    float m, l, a, b; /* a, b: factors of the left and the right o */
};

join join_sums(float m0, float l0, float m1, float l1)
{
    join j;
    j.m = m0 > m1 ? m0 : m1;
    j.a = exact_exp(sub(m0, j.m));
    j.b = exact_exp(sub(m1, j.m));
    j.l = add(mul(l0, j.a), mul(l1, j.b));
    return j;
}

float join_value(join j, float o0, float o1)
{
    return sanitize(add(mul(o0, j.a), mul(o1, j.b)));
}
