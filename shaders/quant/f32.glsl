/* 32 elements: 8 planes of 4 floats. */
vec4 w_vec4(uint row, uint slots, uint slot, uint j)
{
    return uintBitsToFloat(w4[row + j * slots + slot]);
}
