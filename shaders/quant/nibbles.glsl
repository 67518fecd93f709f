/* 16 bytes hold 32 unsigned 4-bit values: low nibbles are elements 0..15, high ones 16..31. */
void w_nibbles(uvec4 v, out uint q[8])
{
    uvec4 lo = v & 0x0f0f0f0fu, hi = (v >> 4) & 0x0f0f0f0fu;
    q[0] = lo.x; q[1] = lo.y; q[2] = lo.z; q[3] = lo.w;
    q[4] = hi.x; q[5] = hi.y; q[6] = hi.z; q[7] = hi.w;
}
