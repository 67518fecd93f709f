/* 32 elements: a plane of signed nibbles, a half scale. value = d / 16 * 16 nibble */
struct w_block {
    uint q[8];
    float d;
};

w_block w_load(w_slot p)
{
    w_block w;
    uvec4 lo = (p.u4[0] << 4) & 0xf0f0f0f0u, hi = p.u4[0] & 0xf0f0f0f0u;
    w.q[0] = lo.x; w.q[1] = lo.y; w.q[2] = lo.z; w.q[3] = lo.w;
    w.q[4] = hi.x; w.q[5] = hi.y; w.q[6] = hi.z; w.q[7] = hi.w;
    w.d = mul(w_half(p.half_), 0.0625);
    return w;
}

#define W_FLOATS
float w_term(w_block w, float lo, float all, float sum)
{
    return mul(w.d, all);
}
