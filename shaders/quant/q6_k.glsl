/* 32 elements: a plane of low nibbles, two words of high bit pairs (signed), two signed byte scales
 * (one per 16); per 256: f32 d / 4. value = d / 4 * scale * 4 q */
struct w_block {
    uint q[8];
    float d;
    float scale_lo, scale_hi;
};

w_block w_load(w_slot p)
{
    w_block w;
    uvec4 lo = (p.u4[0] << 2) & 0x3c3c3c3cu, hi = (p.u4[0] >> 2) & 0x3c3c3c3cu;
    for (uint i = 0u; i < 4u; i++) {
        w.q[i] = lo[i] | ((p.word[0] << (6u - 2u * i)) & 0xc0c0c0c0u);
        w.q[4u + i] = hi[i] | ((p.word[1] << (6u - 2u * i)) & 0xc0c0c0c0u);
    }
    w.scale_lo = float(byte_of(p.half_, 0u));
    w.scale_hi = float(byte_of(p.half_, 1u));
    w.d = from_bits(p.super[0]);
    return w;
}

float w_term(w_block w, int lo, int hi, int sum_lo, int sum_hi)
{
    /* Four times a number below 2^24: floats are exact, and faster than integers on some GPUs. */
    return mul(w.d, add(mul(w.scale_lo, float(lo)), mul(w.scale_hi, float(hi))));
}
