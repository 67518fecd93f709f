/* d * scale * code - dmin * minimum: each sub-block's best line by trial, then all of them as
 * multiples of d and dmin. */
#include "quant/fit.h"
#include "quant/fit_lanes.h"

#include <stdbool.h>

enum { TRIES = 10, MOST_SUB = 32 };

/* x is about d * q - m, with q from 0 to top and m not negative. */
struct line {
    float d, m;
};

static void nearest(struct line line, float top, const float *x, uint32_t n, float *q)
{
    const float inverse = fit_inverse(line.d);
    const fit_lanes low = {0}, high = fit_all(top);
    for (uint32_t i = 0; i < n; i += FIT_LANES)
        fit_store(q + i, fit_round_lanes((fit_load(x + i) + line.m) * inverse, low, high));
}

static float error_of(struct line line, const float *x, const float *q, uint32_t n)
{
    fit_lanes sum = {0};
    for (uint32_t i = 0; i < n; i += FIT_LANES) {
        fit_lanes e = fit_load(x + i) + line.m - fit_load(q + i) * line.d;
        sum += e * e;
    }
    return fit_join(sum);
}

struct sums {
    float x, q, qq, xq;
};

static struct sums sums_of(const float *x, const float *q, uint32_t n)
{
    fit_lanes sx = {0}, sq = {0}, qq = {0}, xq = {0};
    for (uint32_t i = 0; i < n; i += FIT_LANES) {
        fit_lanes a = fit_load(x + i), b = fit_load(q + i);
        sx += a;
        sq += b;
        qq += b * b;
        xq += a * b;
    }
    return (struct sums){fit_join(sx), fit_join(sq), fit_join(qq), fit_join(xq)};
}

struct best {
    float gain; /* by which the squared error is less than that of zeros */
    struct line line;
};

/* The line through the codes that `line` gives. */
static bool try_line(struct line line, float top, const float *x, uint32_t n, struct best *best)
{
    float q[MOST_SUB];
    nearest(line, top, x, n, q);
    struct sums s = sums_of(x, q, n);
    float det = (float)n * s.qq - s.q * s.q;
    if (s.qq <= 0.0f)
        return false;
    line.d = ((float)n * s.xq - s.x * s.q) / det;
    line.m = (line.d * s.q - s.x) / (float)n;
    if (det <= 0.0f || line.m < 0.0f) /* equal codes tell no m */
        line = (struct line){s.xq / s.qq, 0.0f};
    float gain = line.d * s.xq - line.m * s.x;
    if (gain <= best->gain || line.d <= 0.0f)
        return false;
    *best = (struct best){gain, line};
    return true;
}

static struct line line_of(float top, const float *x, uint32_t n)
{
    struct best best = {0};
    float low, high;
    fit_range(x, n, &low, &high);
    low = low < 0.0f ? low : 0.0f;
    if (fit_inverse(high - low) == 0.0f)
        return (struct line){0.0f, -low};
    for (int k = -TRIES; k <= TRIES; k++)
        try_line((struct line){(high - low) / (top + 0.1f * (float)k), -low}, top, x, n, &best);
    for (int i = 0; i < 4 && try_line(best.line, top, x, n, &best); i++)
        ;
    return best.line;
}

struct sub {
    float scale, minimum;
};

/* The multiples of d and dmin near those wanted with the least error, and their codes. */
static float choose(const struct fit_affine *type, struct fit_pair pair, struct sub wanted,
    const float *x, struct sub *sub, float *q)
{
    float least = -1.0f;
    for (int k = 0; k < 9; k++) {
        float trial[MOST_SUB], most = (float)type->scale_top;
        struct sub s = {fit_clamp(wanted.scale + (float)(k / 3 - 1), 0.0f, most),
            fit_clamp(wanted.minimum + (float)(k % 3 - 1), 0.0f, most)};
        struct line line = {pair.d * s.scale, pair.dmin * s.minimum};
        nearest(line, (float)type->top, x, type->n, trial);
        float error = error_of(line, x, trial, type->n);
        if (least < 0.0f || error < least) {
            least = error;
            *sub = s;
            for (uint32_t i = 0; i < type->n; i++)
                q[i] = trial[i];
        }
    }
    return least;
}

struct fitted {
    struct fit_pair pair;
    float error, q[FIT_MOST];
    struct sub sub[FIT_MOST_SUBS];
};

static void fit_with(
    const struct fit_affine *type, const float *x, const struct sub *wanted, struct fitted *f)
{
    f->error = 0.0f;
    for (uint32_t j = 0; j < type->n_sub; j++)
        f->error +=
            choose(type, f->pair, wanted[j], x + j * type->n, &f->sub[j], f->q + j * type->n);
}

/* The best d and dmin for the multiples and codes there are: two equations in two unknowns. */
static struct fit_pair improved(
    const struct fit_affine *type, const float *x, const struct fitted *f)
{
    float aa = 0.0f, ab = 0.0f, bb = 0.0f, ax = 0.0f, bx = 0.0f;
    for (uint32_t j = 0; j < type->n_sub; j++) {
        struct sums s = sums_of(x + j * type->n, f->q + j * type->n, type->n);
        const float a = f->sub[j].scale, b = f->sub[j].minimum;
        aa += a * a * s.qq;
        ab += a * b * s.q;
        bb += b * b * (float)type->n;
        ax += a * s.xq;
        bx += b * s.x;
    }
    float det = aa * bb - ab * ab;
    if (!(det > 0.0f))
        return f->pair;
    float d = (ax * bb - bx * ab) / det, dmin = (ax * ab - bx * aa) / det;
    return (struct fit_pair){fit_half(d), fit_half(dmin)};
}

static void take(const struct fit_affine *type, const struct fitted *f, uint8_t *scale,
    uint8_t *minimum, uint8_t *code)
{
    for (uint32_t j = 0; j < type->n_sub; j++) {
        scale[j] = (uint8_t)f->sub[j].scale;
        minimum[j] = (uint8_t)f->sub[j].minimum;
    }
    for (uint32_t i = 0; i < type->n_sub * type->n; i++)
        code[i] = (uint8_t)f->q[i];
}

struct fit_pair fit_affine(const struct fit_affine *type, const float *x,
    uint8_t scale[FIT_MOST_SUBS], uint8_t minimum[FIT_MOST_SUBS], uint8_t code[FIT_MOST])
{
    struct fitted best, next;
    struct line lines[FIT_MOST_SUBS];
    struct sub wanted[FIT_MOST_SUBS];
    const float most = (float)type->scale_top;
    float d = 0.0f, m = 0.0f;
    for (uint32_t j = 0; j < type->n_sub; j++) {
        lines[j] = line_of((float)type->top, x + j * type->n, type->n);
        d = lines[j].d > d ? lines[j].d : d;
        m = lines[j].m > m ? lines[j].m : m;
    }
    best.pair = (struct fit_pair){fit_half(d / most), fit_half(m / most)};
    for (uint32_t j = 0; j < type->n_sub; j++) {
        float s = lines[j].d * fit_inverse(best.pair.d);
        float t = lines[j].m * fit_inverse(best.pair.dmin);
        wanted[j] = (struct sub){fit_round(s, 0.0f, most), fit_round(t, 0.0f, most)};
    }
    fit_with(type, x, wanted, &best);
    for (int i = 0; i < 2; i++) {
        next.pair = improved(type, x, &best);
        fit_with(type, x, best.sub, &next);
        if (!(next.error < best.error))
            break;
        best = next;
    }
    take(type, &best, scale, minimum, code);
    return best.pair;
}
