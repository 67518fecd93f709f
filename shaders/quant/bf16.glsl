/* 32 elements: 4 planes of 8 bfloat16. */
vec4 w_vec4(uint row, uint slots, uint slot, uint j)
{
    uvec4 v = w4[row + (j >> 1) * slots + slot];
    uvec2 h = (j & 1u) == 0u ? v.xy : v.zw;
    return uintBitsToFloat(uvec4(h.x << 16, h.x & 0xffff0000u, h.y << 16, h.y & 0xffff0000u));
}
