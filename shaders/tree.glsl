/*
 * The fixed sum over 32 virtual lanes: neighbours first, ((0+1)+(2+3))+..., whatever the number of
 * invocations that share a row. Each invocation owns 32 / SIZE_X consecutive lanes and sums them
 * with a counter of partial sums; then the invocations' sums meet in shared memory.
 */
#define TREE_LEVELS 6

/* part[k] holds the sum of 2^k lanes while bit k of the number of lanes pushed is set, like the digits
 * of a binary counter. The levels are spelled out as constants: an array with a variable index would
 * live in memory. A lane's sum starts at +0 and so is never -0: leaving out lanes without blocks is
 * the same as adding 0. */
#define TREE_PUSH(part, c, value, v)                                                               \
    {                                                                                              \
        float carry = value;                                                                       \
        bool done = false;                                                                         \
        for (uint k = 0u; k < TREE_LEVELS; k++) {                                                  \
            bool full = (((v) >> k) & 1u) != 0u;                                                   \
            if (!done && !full)                                                                    \
                part[k] c = carry;                                                                 \
            done = done || !full;                                                                  \
            if (!done)                                                                             \
                carry = add(part[k] c, carry);                                                     \
        }                                                                                          \
    }
#define TREE_TOTAL(part, c, total, n)                                                              \
    {                                                                                              \
        bool empty = true;                                                                         \
        total = 0.0;                                                                               \
        for (uint k = 0u; k < TREE_LEVELS; k++)                                                    \
            if ((((n) >> k) & 1u) != 0u) {                                                         \
                total = empty ? part[k] c : add(part[k] c, total);                                 \
                empty = false;                                                                     \
            }                                                                                      \
    }

shared float tree_sums[SIZE_X * SIZE_Y * ROWS * COLS];

/* The sum of result i of ROWS * COLS, in all invocations that share it. Contains barriers. */
float tree_sum(float mine, uint i)
{
    if (SIZE_X == 1u)
        return mine;
    uint x = gl_LocalInvocationID.x;
    uint at = (i * SIZE_Y + gl_LocalInvocationID.y) * SIZE_X + x;
    tree_sums[at] = mine;
    barrier();
    for (uint h = 1u; h < SIZE_X; h <<= 1) {
        if ((x & (2u * h - 1u)) == 0u)
            tree_sums[at] = add(tree_sums[at], tree_sums[at + h]);
        barrier();
    }
    return tree_sums[at - x];
}
