#include "ref/parts.h"
#include "ref/ref.h"

#include "base/exact.h"

float ref_sigmoid(float z)
{
    return z < -40.0f ? 0.0f : exact_recip(1.0f + exact_exp(0.0f - z));
}

static float gelu(float x)
{
    if (x > 16.0f || x < -16.0f)
        return x > 0.0f ? x : 0.0f;
    float cube = (x * x) * x;
    float inner = 0.044715f * cube;
    float z = 1.59576912f * (x + inner);
    return x * ref_sigmoid(z);
}

static float glu(uint32_t act, float gate, float up)
{
    if (act == GLU_SILU)
        return ref_silu_mul_one(gate, up);
    float g = exact_sanitize(gate), u = exact_sanitize(up);
    if (act == GLU_GELU)
        return exact_sanitize(exact_sanitize(gelu(g)) * u);
    if (act == GLU_SIGMOID)
        return exact_sanitize(ref_sigmoid(g) * u);
    g = g < 7.0f ? g : 7.0f;
    u = u < -7.0f ? -7.0f : u > 7.0f ? 7.0f : u;
    return exact_sanitize(exact_sanitize(g * ref_sigmoid(1.702f * g)) * (u + 1.0f));
}

static float unit(const struct glu_args *a, const float *x, uint32_t i)
{
    if (i >= a->n)
        return 0.0f;
    if (a->up_first == GLU_NO_GATE)
        return glu(a->act, x[i], 1.0f);
    uint32_t gate = a->up_first ? i : i / 4 * 8 + i % 4;
    return glu(a->act, x[gate], x[gate + (a->up_first ? a->up_first : 4)]);
}

void ref_glu(const struct op *op, void *const *b)
{
    const struct glu_args *a = (const void *)op->args;
    const struct step_args *step = b[2];
    for (uint32_t r = 0; r < step->n_tokens * a->rows; r++) {
        const float *x = (const float *)b[0] + (size_t)r * a->x_stride;
        for (uint32_t block = 0; block < a->n_blocks; block++) {
            float v[32];
            for (uint32_t i = 0; i < 32; i++)
                v[i] = unit(a, x, block * 32 + i);
            if (op->spec[SPEC_OUT] != OUT_ROWS)
                ref_quantize_block(v, a->steps * a->lanes,
                    block % a->steps * a->lanes + block / a->steps,
                    (uint32_t *)b[1] + (size_t)r * a->y_stride * 4);
            for (uint32_t i = 0; i < 32 && op->spec[SPEC_OUT] == OUT_ROWS; i++)
                if (block * 32 + i < a->n)
                    ((float *)b[1])[(size_t)r * a->y_stride + block * 32 + i] = v[i];
        }
    }
}
