/* BF16: the upper half of an f32; sanitised when stored, so that kernels need not. */
#include "quant/quant.h"

#include "base/exact.h"

#include <assert.h>
#include <string.h>

void quant_bf16_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    memset(out->u4, 0, sizeof(out->u4));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t u = quant_read16(row + 2 * (b * 32 + i)) << 16;
        u = exact_bits(exact_sanitize(exact_from_bits(u)));
        out->u4[i / 8][i % 8 / 2] |= (u >> 16) << i % 2 * 16;
    }
}

void quant_bf16_load(const struct quant_slot *slot, struct quant_block *out)
{
    for (uint32_t i = 0; i < 32; i++)
        out->f[i] = exact_from_bits((slot->u4[i / 8][i % 8 / 2] >> i % 2 * 16 & 0xffff) << 16);
}

float quant_bf16_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)b, (void)lo, (void)hi, (void)sum_lo, (void)sum_hi;
    assert(!"a FLOAT format has no integer sums");
    return 0.0f;
}

void quant_bf16_quantize(const float *x, uint8_t *block)
{
    uint32_t u = exact_bits(*x); /* rounded to nearest even */
    quant_write16(block, (u + 0x7fff + (u >> 16 & 1)) >> 16);
}
