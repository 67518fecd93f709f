/*
 * TQ1_0: 256 weights = 48 + 4 bytes of base-3 digits, half d; w = d * (digit - 1). Weights 0..159
 * are in bytes 0..31 (weight i: byte i % 32, digit i / 32), 160..239 in bytes 32..47 (digit i / 16
 * of those), 240..255 in bytes 48..51 (digit i / 4). Digit n of a byte: take byte * 3^n modulo 256,
 * times 3, over 256.
 *
 * Stored with 2 bits a weight, as TQ2_0: 68 bytes instead of the file's 54, but no digits to take
 * apart each time it is read.
 */
#include "quant/quant.h"

static uint8_t digit(uint8_t byte, uint32_t n)
{
    static const uint8_t power[5] = {1, 3, 9, 27, 81};
    return (uint8_t)((uint8_t)(byte * power[n]) * 3 >> 8);
}

void quant_tq1_0_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    (void)n;
    const uint8_t *block = row + (size_t)(b / 8) * 54;
    uint8_t value[32];
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t e = b % 8 * 32 + i;
        if (e < 160)
            value[i] = digit(block[e % 32], e / 32);
        else if (e < 240)
            value[i] = digit(block[32 + e % 16], (e - 160) / 16);
        else
            value[i] = digit(block[48 + e % 4], (e - 240) / 4);
    }
    quant_pack_pairs(value, 0, out->word);
    out->super[0] = quant_read_half(block + 52);
}

void quant_tq1_0_load(const struct quant_slot *slot, struct quant_block *out)
{
    quant_tq2_0_load(slot, out);
}

float quant_tq1_0_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    return quant_tq2_0_term(b, lo, hi, sum_lo, sum_hi);
}
