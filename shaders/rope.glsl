/* The rotation of a pair by position pos = 256 h + l: the product of two from tables made on the
 * host (`rot`: low [256][half_rot], high [..][half_rot]), so no device computes a sine.
 * https://arxiv.org/abs/2104.09864 */
vec2 rotate(vec2 v, uint pos, uint pair, uint half_rot)
{
    vec2 l = rot[pos % ROPE_LOW * half_rot + pair];
    vec2 h = rot[(ROPE_LOW + pos / ROPE_LOW) * half_rot + pair];
    float c = sub(mul(h.x, l.x), mul(h.y, l.y)), s = add(mul(h.y, l.x), mul(h.x, l.y));
    return vec2(sub(mul(v.x, c), mul(v.y, s)), add(mul(v.x, s), mul(v.y, c)));
}

/* Elements dim .. dim + 3 of a head. */
vec4 rotate4(vec4 v, uint pos, uint dim, uint n_rot)
{
    if (dim < n_rot)
        v.xy = rotate(v.xy, pos, dim / 2u, n_rot / 2u);
    if (dim + 2u < n_rot)
        v.zw = rotate(v.zw, pos, dim / 2u + 1u, n_rot / 2u);
    return v;
}
