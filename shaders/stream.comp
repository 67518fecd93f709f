#version 450
/* y[i] = the words of x that invocation i sees, joined by xor: reads memory, and nothing else. */
#include "common.glsl"
layout(push_constant) uniform Args { stream_args a; };
layout(binding = 0) readonly buffer X { uvec4 x[]; };
layout(binding = 1) writeonly buffer Y { uint y[]; };

void main()
{
    uint i = gl_WorkGroupID.x * SIZE_X + gl_LocalInvocationID.x, all = a.n_threads, at = i;
    if (i >= all)
        return;
    uvec4 sum = uvec4(0u);
    for (; at + 3u * all < a.n_u4; at += 4u * all) /* four loads are under way at once */
        sum ^= x[at] ^ x[at + all] ^ x[at + 2u * all] ^ x[at + 3u * all];
    for (; at < a.n_u4; at += all)
        sum ^= x[at];
    y[i] = sum.x ^ sum.y ^ sum.z ^ sum.w;
}
