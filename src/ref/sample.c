#include "ref/ref.h"

#include "base/draw.h"

#include <stdlib.h>

/* The largest key such that the keys from it up, among those >= least, hold `left` (counts if
 * by_count, else masses), digit by digit. */
static uint32_t find_cut(
    const float *scores, uint32_t n, uint32_t least, bool by_count, float top, uint64_t left)
{
    uint32_t cut = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        uint64_t bins[256] = {0};
        for (uint32_t i = 0; i < n; i++) {
            uint32_t key = draw_key(scores[i]);
            bool in_prefix = shift == 24 || key >> (shift + 8) == cut >> (shift + 8);
            if (key >= least && in_prefix)
                bins[key >> shift & 255] += by_count ? 1 : draw_mass(scores[i], top);
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
    uint32_t limit = (uint32_t)(int32_t)(step->min_p * DRAW_UNIT), best = 0, id = n;
    uint64_t seed = (uint64_t)step->seed_hi << 32 | step->seed_lo;
    for (uint32_t i = 0; i < n; i++) {
        if (draw_key(scores[i]) < least || draw_mass(scores[i], top) < limit)
            continue;
        uint32_t key = draw_key(
            (scores[i] - top) * step->inv_temp + draw_gumbel(seed, step->pos + step->n_tokens, i));
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
        if (draw_key(scores[i]) > draw_key(scores[id]))
            id = i;
    if (!(step->inv_temp > 0.0f))
        return id;
    float top = scores[id];
    if (step->top_k > 0 && step->top_k < n)
        least = find_cut(scores, n, least, true, top, step->top_k);
    if (step->top_p < 1.0f) {
        uint64_t all = 0;
        for (uint32_t i = 0; i < n; i++)
            if (draw_key(scores[i]) >= least)
                all += draw_mass(scores[i], top);
        uint64_t left = draw_share(all, step->top_p);
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
