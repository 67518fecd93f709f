/* What the codebook formats share; mirrors src/quant/grid.h. Four values a word, one a byte.
 * Entries of 16 bits are read from the table behind the rows: as a constant array, a driver may
 * copy all of it for each invocation. */
uint w_entry(uint i)
{
    return (w_table(i >> 1) >> ((i & 1u) * 16u)) & 0xffffu;
}

/* 7 signs -> 8: the number of negative values is even. */
uint w_signs(uint s)
{
    return s | (uint(bitCount(s)) & 1u) << 7;
}

/* The bytes of v, 1..127, negative where a bit of s is set (the lowest: the lowest byte). */
uint w_signed(uint v, uint s)
{
    uint minus = (s | s << 7 | s << 14 | s << 21) & 0x01010101u;
    return (v ^ minus * 255u) + minus;
}

/* The low four 2-bit fields, one a byte. */
uint w_spread2(uint x)
{
    return (x | x << 6 | x << 12 | x << 18) & 0x03030303u;
}

/* The low four 3-bit fields, one a byte. */
uint w_spread3(uint x)
{
    return (x & 7u) | (x & 0x38u) << 5 | (x & 0x1c0u) << 10 | (x & 0xe00u) << 15;
}

/* IQ2: 0, 1, 2 mean 8, 25, 43. */
uint w_iq2(uint x)
{
    uint k = w_spread2(x);
    return 0x08080808u + k * 17u + ((k >> 1) & 0x01010101u);
}

/* IQ1: 8 (k - 1) - 1, or + 1: in each byte, 128 more than that, less 128. */
uint w_iq1(uint x, uint minus)
{
    return (w_spread2(x) * 8u + (minus != 0u ? 0x77777777u : 0x79797979u)) ^ 0x80808080u;
}
