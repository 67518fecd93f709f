/* Bits of 32 values spread over words (quant.h: quant_pack_pairs, quant_pack_bits), or-ed into q at
 * bit `at`. */
void w_pairs(uint w0, uint w1, uint at, inout uint q[8])
{
    for (uint i = 0u; i < 4u; i++) {
        q[i] |= ((w0 >> (2u * i)) & 0x03030303u) << at;
        q[4u + i] |= ((w1 >> (2u * i)) & 0x03030303u) << at;
    }
}

void w_bits(uint w, uint at, inout uint q[8])
{
    for (uint i = 0u; i < 8u; i++)
        q[i] |= ((w >> i) & 0x01010101u) << at;
}
