/* acc + the products of four signed bytes each: exact, so the instruction used does not matter. */
int dot4(uint w, uint x, int acc)
{
#ifdef INT_DOT
    return acc + dotPacked4x8EXT(int(w), int(x));
#else
    for (uint k = 0u; k < 4u; k++)
        acc += byte_of(w, k) * byte_of(x, k);
    return acc;
#endif
}
