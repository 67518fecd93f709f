/* acc + the products of four signed bytes each: exact, so the instruction used does not matter. */
#ifdef INT_DOT
#define DOT_SUM int
int dot4(uint w, uint x, int acc)
{
    return acc + dotPacked4x8EXT(int(w), int(x));
}
#else
/* Whole numbers below 2^24 as floats: GPUs without that instruction multiply those fastest. Fused
 * or not, fma is exact. */
#define DOT_SUM float
float dot4(uint w, uint x, float acc)
{
    for (uint k = 0u; k < 4u; k++)
        acc = fma(float(byte_of(w, k)), float(byte_of(x, k)), acc);
    return acc;
}
#endif
