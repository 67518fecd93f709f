#version 450
/* Which pairs each expert has, in order; x: expert. Each invocation looks at its share of the tokens
 * twice: to count, and to write behind what the others before it found. */
#include "common.glsl"
layout(push_constant) uniform Args { pairs_args a; };
layout(binding = 0) readonly buffer I { uint ids[]; };
layout(binding = 1) writeonly buffer L { uint list[]; };  /* [n_expert][capacity] */
layout(binding = 2) writeonly buffer C { uint count[]; }; /* [n_expert] */
layout(binding = 3) readonly buffer S { step_args step; };
shared uint found[SIZE_X];

void main()
{
    uint expert = gl_WorkGroupID.x, id = gl_LocalInvocationID.x, n_pairs = step.n_tokens * a.n_used;
    uint share = (n_pairs + SIZE_X - 1u) / SIZE_X, first = min(id * share, n_pairs);
    uint end = min(first + share, n_pairs), n = 0u;
    for (uint i = first; i < end; i++)
        n += ids[i] == expert ? 1u : 0u;
    found[id] = n;
    barrier();
    uint at = expert * a.capacity, all = 0u;
    for (uint i = 0u; i < SIZE_X; i++) {
        at += i < id ? found[i] : 0u;
        all += found[i];
    }
    for (uint i = first; i < end; i++)
        if (ids[i] == expert)
            list[at++] = i;
    if (id == 0u)
        count[expert] = all;
}
