/* A slot of each row of a quad: its share of the planes, see quant.h. W_U4 .. W_SUPER are the
 * format's numbers of planes, from quants.def. */
#ifdef CLASS_INT
struct w_slot {
#if W_U4 > 0
    uvec4 u4[W_U4];
#endif
#if W_WORD > 0
    uint word[W_WORD];
#endif
#if W_HALF > 0
    uint half_;
#endif
#if W_SUPER > 0
    uint super[W_SUPER]; /* of the 256 elements that the block belongs to */
    uint eighth;         /* which of their 8 blocks it is */
#endif
};

/* Row r alone. */
w_slot w_slot_of(uint quad, uint r, uint slots, uint slot, uint block)
{
    w_slot s;
#if W_U4 > 0
    for (uint k = 0u; k < W_U4; k++)
        s.u4[k] = w4[quad + (r * W_U4 + k) * slots + slot];
#endif
    uint at = quad + 4u * W_U4 * slots;
#if W_WORD > 0
    for (uint k = 0u; k < W_WORD; k++)
        s.word[k] = w1[4u * (at + k * slots + slot) + r];
#endif
    at += W_WORD * slots;
#if W_HALF > 0
    s.half_ = (w1[4u * at + 2u * slot + r / 2u] >> ((r & 1u) * 16u)) & 0xffffu;
    at += (slots + 1u) / 2u;
#endif
#if W_SUPER > 0
    for (uint k = 0u; k < W_SUPER; k++)
        s.super[k] = w1[4u * (at + block / 8u * W_SUPER + k) + r];
    s.eighth = block & 7u;
#endif
    return s;
}

/* All four rows: one load serves them all, except for the 16-byte planes. One index walks through
 * the planes, which takes fewest operations. */
void w_quad(uint quad, uint slots, uint slot, uint block, out w_slot s[4])
{
    uint at = quad + slot;
#if W_U4 > 0
    for (uint r = 0u; r < 4u; r++)
        for (uint k = 0u; k < W_U4; k++, at += slots)
            s[r].u4[k] = w4[at];
#endif
#if W_WORD > 0
    for (uint k = 0u; k < W_WORD; k++, at += slots) {
        uvec4 v = w4[at];
        for (uint r = 0u; r < 4u; r++)
            s[r].word[k] = v[r];
    }
#endif
    at -= slot;
#if W_HALF > 0
    uvec2 h = w2[2u * at + slot];
    s[0].half_ = h.x & 0xffffu;
    s[1].half_ = h.x >> 16;
    s[2].half_ = h.y & 0xffffu;
    s[3].half_ = h.y >> 16;
    at += (slots + 1u) / 2u;
#endif
#if W_SUPER > 0
    at += block / 8u * W_SUPER;
    for (uint k = 0u; k < W_SUPER; k++) {
        uvec4 v = w4[at + k];
        for (uint r = 0u; r < 4u; r++)
            s[r].super[k] = v[r];
    }
    for (uint r = 0u; r < 4u; r++)
        s[r].eighth = block & 7u;
#endif
}
#endif
