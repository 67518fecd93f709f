/* F32: 4 bytes a weight; sanitised when stored, so that kernels need not. */
#include "quant/quant.h"

#include "base/exact.h"

#include <assert.h>
#include <string.h>

void quant_f32_slot(const uint8_t *row, uint32_t b, uint32_t n, struct quant_slot *out)
{
    memset(out->u4, 0, sizeof(out->u4));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t u = quant_read32(row + 4 * (b * 32 + i));
        out->u4[i / 4][i % 4] = exact_bits(exact_sanitize(exact_from_bits(u)));
    }
}

void quant_f32_load(const struct quant_slot *slot, struct quant_block *out)
{
    for (uint32_t i = 0; i < 32; i++)
        out->f[i] = exact_from_bits(slot->u4[i / 4][i % 4]);
}

float quant_f32_term(
    const struct quant_block *b, int32_t lo, int32_t hi, int32_t sum_lo, int32_t sum_hi)
{
    (void)b, (void)lo, (void)hi, (void)sum_lo, (void)sum_hi;
    assert(!"a FLOAT format has no integer sums");
    return 0.0f;
}
