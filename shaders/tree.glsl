/*
 * The fixed sum over 32 virtual lanes: neighbours first, ((0+1)+(2+3))+..., whatever the number of
 * invocations that share a row. Each invocation owns 32 / SIZE_X consecutive lanes and sums them
 * with a counter of partial sums; then the invocations' sums meet in shared memory.
 * TREE_RESULTS: sums made at once.
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

/* [result][y][x]; a step of x is odd, so that invocations reading a row each meet different banks. */
const uint TREE_ROW = SIZE_X == 1u ? 1u : SIZE_X + 1u;
shared float tree_sums[SIZE_X == 1u ? 1u : TREE_RESULTS * SIZE_Y * TREE_ROW];

void tree_put(float mine, uint i)
{
    tree_sums[(i * SIZE_Y + gl_LocalInvocationID.y) * TREE_ROW + gl_LocalInvocationID.x] = mine;
}

/* The sum of what the SIZE_X invocations put for result i; after a barrier. */
float tree_get(uint i)
{
    uint at = (i * SIZE_Y + gl_LocalInvocationID.y) * TREE_ROW;
    float s[SIZE_X];
    for (uint x = 0u; x < SIZE_X; x++)
        s[x] = tree_sums[at + x];
    for (uint n = SIZE_X / 2u; n > 0u; n /= 2u)
        for (uint x = 0u; x < n; x++)
            s[x] = add(s[2u * x], s[2u * x + 1u]);
    return s[0];
}
