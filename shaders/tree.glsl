/*
 * The fixed sum over 32 virtual lanes: neighbours first, ((0+1)+(2+3))+..., whatever the number of
 * invocations that share a row. Each invocation owns 32 / SIZE_X consecutive lanes and sums them
 * with a counter of partial sums; then the invocations' sums meet in shared memory.
 */
shared float tree_sums[SIZE_X * SIZE_Y * COLS];

/* The sum, in every invocation with x = 0 of each row. Contains barriers. */
float tree_sum(float mine, uint col)
{
    if (SIZE_X == 1u)
        return mine;
    uint x = gl_LocalInvocationID.x;
    uint at = (col * SIZE_Y + gl_LocalInvocationID.y) * SIZE_X + x;
    tree_sums[at] = mine;
    barrier();
    for (uint h = 1u; h < SIZE_X; h <<= 1) {
        if ((x & (2u * h - 1u)) == 0u)
            tree_sums[at] = add(tree_sums[at], tree_sums[at + h]);
        barrier();
    }
    return tree_sums[at - x];
}
