/* 32 elements: six words with 24 values in the upper bits of bytes, and 8 in the lower ones; two
 * signed byte scales (one per 16); per 256: f32 d / 4. value = d / 4 * scale * 4 q */
struct w_block {
    uint q[8];
    float d;
    float scale_lo, scale_hi;
};

/* Four values in the lower bits of three words. */
uint pairs(uint a, uint b, uint c)
{
    return ((a << 6) & 0xc0c0c0c0u) | ((b << 4) & 0x30303030u) | ((c << 2) & 0x0c0c0c0cu);
}

w_block w_load(w_slot p)
{
    w_block w;
    for (uint i = 0u; i < 4u; i++)
        w.q[i] = p.u4[0][i] & 0xfcfcfcfcu;
    w.q[4] = p.word[0] & 0xfcfcfcfcu;
    w.q[5] = p.word[1] & 0xfcfcfcfcu;
    w.q[6] = pairs(p.u4[0][0], p.u4[0][1], p.u4[0][2]);
    w.q[7] = pairs(p.u4[0][3], p.word[0], p.word[1]);
    w.scale_lo = float(byte_of(p.half_, 0u));
    w.scale_hi = float(byte_of(p.half_, 1u));
    w.d = from_bits(p.super[0]);
    return w;
}

#define W_FLOATS
float w_term(w_block w, float lo, float all, float sum)
{
    /* Four times a number below 2^24: floats are exact, and faster than integers on some GPUs. */
    return mul(w.d, add(mul(w.scale_lo, lo), mul(w.scale_hi, sub(all, lo))));
}
