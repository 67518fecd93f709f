#include "ref/parts.h"
#include "ref/ref.h"

#include "base/exact.h"

struct conv {
    const struct conv_args *a;
    const struct step_args *step;
    const float *x, *w;
    float *state;
};

/* The input of channel i at `back` positions before token t of the step. */
static float signal_of(const struct conv *c, uint32_t t, uint32_t back, uint32_t i)
{
    const struct conv_args *a = c->a;
    if (back > t) {
        uint32_t before = back - t;
        if (before > c->step->pos)
            return 0.0f;
        uint32_t row = a->taps - 1 - before;
        return exact_sanitize(
            c->state[(size_t)(c->step->pos % a->slots) * a->slot_size + row * a->n + i]);
    }
    const float *x = c->x + (size_t)(t - back) * a->x_stride + i;
    if (!(a->flags & CONV_GATED))
        return exact_sanitize(x[0]);
    return exact_sanitize(exact_sanitize(x[0]) * exact_sanitize(x[2 * a->n]));
}

static float convolve(const struct conv *c, uint32_t t, uint32_t i)
{
    const struct conv_args *a = c->a;
    float sum = 0.0f;
    for (uint32_t k = 0; k < a->taps; k++)
        sum = sum + c->w[i * a->taps + k] * signal_of(c, t, a->taps - 1 - k, i);
    if (a->flags & CONV_SILU)
        return ref_silu_mul_one(sum, 1.0f);
    if (a->flags & CONV_GATED)
        return exact_sanitize(
            exact_sanitize(sum) * exact_sanitize(c->x[(size_t)t * a->x_stride + a->n + i]));
    return exact_sanitize(sum);
}

void ref_conv(const struct op *op, void *const *b)
{
    const struct conv_args *a = (const void *)op->args;
    const struct conv c = {.a = a, .step = b[4], .x = b[0], .w = b[3], .state = b[2]};
    uint32_t n = c.step->n_tokens;
    float *to = c.state + (size_t)((c.step->pos + n) % a->slots) * a->slot_size;
    for (uint32_t t = 0; t < n && a->flags & CONV_OUT; t++)
        for (uint32_t i = 0; i < a->n; i++)
            ((float *)b[1])[(size_t)t * a->y_stride + i] = convolve(&c, t, i);
    for (uint32_t r = 0; r + 1 < a->taps && a->flags & CONV_KEEP; r++)
        for (uint32_t i = 0; i < a->n; i++)
            to[r * a->n + i] = signal_of(&c, n, a->taps - 1 - r, i);
}
