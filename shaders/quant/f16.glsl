/* 32 elements: 4 planes of 8 halves. */
vec4 w_vec4(uint row, uint slots, uint slot, uint j)
{
    uvec4 v = w4[row + (j >> 1) * slots + slot];
    uvec2 h = (j & 1u) == 0u ? v.xy : v.zw;
    return vec4(half_to_float(h.x & 0xffffu), half_to_float(h.x >> 16),
                half_to_float(h.y & 0xffffu), half_to_float(h.y >> 16));
}
