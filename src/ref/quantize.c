#include "ref/parts.h"
#include "ref/ref.h"

#include "base/exact.h"

void ref_quantize_block(const float *x, uint32_t slots, uint32_t slot, uint32_t *row)
{
    uint32_t most = 0;
    for (int i = 0; i < 32; i++) {
        uint32_t u = exact_bits(exact_sanitize(x[i])) & 0x7fffffffu;
        most = u > most ? u : most;
    }
    float d = 0.0f, inv = 0.0f;
    if (most) {
        d = exact_from_bits(most) * 0.007874015718698501587f;
        inv = 127.0f * exact_recip(exact_from_bits(most));
    }
    int32_t sums[2] = {0, 0};
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t word = 0;
        for (uint32_t k = 0; k < 4; k++) {
            int32_t n = exact_round_away(exact_sanitize(x[4 * i + k]) * inv);
            n = n > 127 ? 127 : n < -127 ? -127 : n;
            word |= ((uint32_t)n & 255u) << 8 * k;
            sums[i / 4] += n;
        }
        row[4 * (i / 4 * slots + slot) + i % 4] = word;
    }
    uint32_t *meta = row + 8 * slots + 2 * slot;
    meta[0] = exact_bits(d);
    meta[1] = ((uint32_t)sums[0] & 0xffffu) | (uint32_t)sums[1] << 16;
}

void ref_quantize(const struct op *op, void *const *b)
{
    const struct quantize_args *a = (const void *)op->args;
    const float *x = b[0];
    uint32_t *y = b[1];
    const struct step_args *step = b[2];
    uint32_t n = a->n_cols ? a->n_cols : step->n_tokens;
    for (uint32_t t = 0; t < n; t++)
        for (uint32_t row = 0; row < op->groups[2]; row++)
            for (uint32_t block = 0; block < a->n_blocks; block++)
                ref_quantize_block(
                    x + (size_t)t * a->x_stride + (size_t)row * a->x_step + block * 32,
                    a->steps * a->lanes, block % a->steps * a->lanes + block / a->steps,
                    y + ((size_t)t * a->y_stride + (size_t)row * a->y_step) * 4);
}
