#include "ref/ref.h"

#include "base/exact.h"
#include "ref/philox.h"

#include <stdlib.h>

static uint32_t order_key(float x)
{
    uint32_t u = exact_bits(x);
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}

static uint32_t mass(float score, float top)
{
    return (uint32_t)(int32_t)(exact_exp(score - top) * 16777216.0f);
}

static float gumbel(const struct step_args *step, uint32_t id)
{
    uint32_t r[4];
    ref_philox((uint32_t[4]){id, step->pos + step->n_tokens},
        (uint32_t[2]){step->seed_lo, step->seed_hi}, r);
    float u = ((float)(int32_t)(r[0] >> 9) + 0.5f) * 1.1920928955078125e-07f;
    return 0.0f - exact_log(0.0f - exact_log(u));
}

/* The largest key such that the keys from it up, among those >= least, hold `left` (counts if
 * by_count, else masses), digit by digit. */
static uint32_t find_cut(
    const float *scores, uint32_t n, uint32_t least, bool by_count, float top, uint64_t left)
{
    uint32_t cut = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        uint64_t bins[256] = {0};
        for (uint32_t i = 0; i < n; i++) {
            uint32_t key = order_key(scores[i]);
            bool in_prefix = shift == 24 || key >> (shift + 8) == cut >> (shift + 8);
            if (key >= least && in_prefix)
                bins[key >> shift & 255] += by_count ? 1 : mass(scores[i], top);
        }
        uint32_t d = 255;
        for (; d > 0 && bins[d] < left; d--)
            left -= bins[d];
        cut |= d << shift;
    }
    return cut;
}

static uint32_t draw(
    const struct step_args *step, const float *scores, uint32_t n, uint32_t least, float top)
{
    uint32_t limit = (uint32_t)(int32_t)(step->min_p * 16777216.0f), best = 0, id = n;
    for (uint32_t i = 0; i < n; i++) {
        if (order_key(scores[i]) < least || mass(scores[i], top) < limit)
            continue;
        uint32_t key = order_key((scores[i] - top) * step->inv_temp + gumbel(step, i));
        if (key > best) {
            best = key;
            id = i;
        }
    }
    return id;
}

static uint32_t choose(const struct step_args *step, const float *scores, uint32_t n)
{
    uint32_t id = 0, least = 0;
    for (uint32_t i = 1; i < n; i++)
        if (order_key(scores[i]) > order_key(scores[id]))
            id = i;
    if (!(step->inv_temp > 0.0f))
        return id;
    float top = scores[id];
    if (step->top_k > 0 && step->top_k < n)
        least = find_cut(scores, n, least, true, top, step->top_k);
    if (step->top_p < 1.0f) {
        uint64_t all = 0;
        for (uint32_t i = 0; i < n; i++)
            if (order_key(scores[i]) >= least)
                all += mass(scores[i], top);
        /* Rounded in the parts a device computes: hi * 4096 + lo. */
        uint64_t p = (uint32_t)(int32_t)(step->top_p * 65536.0f), hi = all >> 12, lo = all & 4095;
        uint64_t left = (hi * p >> 16) * 4096 + (((hi * p & 65535) * 4096 + lo * p) >> 16);
        left = left ? left : 1; /* a top_p below 2^-16 keeps the likeliest */
        uint32_t cut = find_cut(scores, n, least, false, top, left);
        least = cut > least ? cut : least;
    }
    return draw(step, scores, n, least, top);
}

void ref_sample(const struct op *op, void *const *b)
{
    const struct sample_args *a = (const void *)op->args;
    struct step_args *step = b[1];
    uint32_t *history = b[2], *ring = b[3];
    uint32_t id = choose(step, b[0], a->n_vocab), pos = step->pos + step->n_tokens;
    history[pos] = id;
    ring[step->count % RING_SIZE] = id;
    step->pos = pos;
    step->n_tokens = 1;
    step->count++;
    step->chunks_x = (pos + ATTN_CHUNK) / ATTN_CHUNK;
}
