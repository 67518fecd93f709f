/* Rows of file blocks as floats, by the reference. */
#ifndef TESTS_QUANT_ROWS_H
#define TESTS_QUANT_ROWS_H

#include "quant/quant.h"

#include <stdlib.h>

/* One row of n elements. */
static inline void dequantize_row(
    const struct quant_type *type, const uint8_t *row, uint32_t n, float *out)
{
    struct quant_layout layout = quant_layout_of(type, n);
    uint32_t *packed = malloc(quant_rows_bytes(&layout, 1));
    if (!packed)
        abort();
    quant_pack_rows(type, &layout, row, 0, 1, packed);
    for (uint32_t b = 0; b < layout.n_blocks; b++) {
        struct quant_block q;
        quant_unpack_block(type, &layout, packed, 0, b, &q);
        for (uint32_t i = 0; i < 32 && b * 32 + i < n; i++)
            out[b * 32 + i] = type->class == QUANT_CLASS_FLOAT ? q.f[i]
                              : i < 16                         ? type->term(&q, q.q[i], 0, 1, 0)
                                                               : type->term(&q, 0, q.q[i], 0, 1);
    }
    free(packed);
}

static inline void quantize_row(
    const struct quant_type *type, const float *x, uint32_t n, uint8_t *out)
{
    for (uint32_t b = 0; b < n / type->block_elements; b++)
        type->quantize(x + b * type->block_elements, out + b * type->block_bytes);
}

#endif
