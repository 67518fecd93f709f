/* 32 elements: 2 planes of 16 signed bytes, a half scale. */
struct w_block {
    uint q[8];
    float d;
};

w_block w_load(w_slot p)
{
    w_block w;
    uvec4 a = p.u4[0], b = p.u4[1];
    w.q[0] = a.x; w.q[1] = a.y; w.q[2] = a.z; w.q[3] = a.w;
    w.q[4] = b.x; w.q[5] = b.y; w.q[6] = b.z; w.q[7] = b.w;
    w.d = w_half(p.half_);
    return w;
}

#define W_FLOATS
float w_term(w_block w, float lo, float all, float sum)
{
    return mul(w.d, all);
}
