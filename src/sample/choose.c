/* The end of a chain: which of the candidates left becomes the token. */
#include "sample/internal.h"

#include <stdlib.h>

static uint32_t draw(struct sampler *s)
{
    float top = sampler_top(s);
    uint32_t best = 0, at = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        float noise = draw_gumbel(s->chain.p.seed, s->pos, s->ids[i]);
        uint32_t key = draw_key((s->scores[i] - top) + noise);
        if (key > best) {
            best = key;
            at = i;
        }
    }
    return at;
}

/* -log2 of the probability of candidate i, with the sum of weights. */
static float surprise(const struct sampler *s, uint32_t i, float top, uint64_t sum)
{
    float norm = exact_log((float)((double)sum / (double)DRAW_UNIT));
    return (norm - (s->scores[i] - top)) * 1.44269504f;
}

/* Draws from what is left, and aims closer next time. */
static uint32_t draw_and_learn(struct sampler *s)
{
    float top = sampler_top(s);
    uint64_t sum = sampler_weigh(s, top);
    uint32_t i = draw(s);
    float error = surprise(s, i, top, sum) - s->chain.p.mirostat_tau;
    s->next_mu = s->mu - s->chain.p.mirostat_eta * error;
    return i;
}

static int compare_keys(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static float key_value(uint32_t key)
{
    return exact_from_bits(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

/* Zipf's exponent, from the 100 likeliest. */
static double estimate_exponent(struct sampler *s)
{
    enum { MOST = 100 };
    double products = 0, squares = 0;
    for (uint32_t i = 0; i < s->n; i++)
        s->keys[i] = draw_key(s->scores[i]);
    qsort(s->keys, s->n, sizeof(s->keys[0]), compare_keys);
    for (uint32_t i = 0; i + 1 < s->n && i + 1 < MOST; i++) {
        double t = (double)exact_log((float)(i + 2) * exact_recip((float)(i + 1)));
        products += t * (double)(key_value(s->keys[i]) - key_value(s->keys[i + 1]));
        squares += t * t;
    }
    return squares > 0 ? products / squares : 0;
}

static float bounded(double x)
{
    return (float)(x < 1e-30 ? 1e-30 : x > 1e30 ? 1e30 : x);
}

/* https://arxiv.org/abs/2007.14966, equation 30: how many of the likeliest to keep. */
static uint32_t mirostat_count(struct sampler *s)
{
    double exponent = estimate_exponent(s), epsilon = exponent - 1;
    float log_vocab = exact_log((float)s->vocab.n);
    double two_mu = (double)exact_exp(s->mu * 0.69314718f);
    if (exponent < 1e-6)
        return s->n;
    double all =
        1 - (double)exact_exp(0.0f - bounded(epsilon < 0 ? -epsilon : epsilon) * log_vocab);
    if (epsilon < 0) /* 1 - v^-e = -(1 - v^e) v^-e */
        all = -all * (double)exact_exp(bounded(-epsilon) * log_vocab);
    bool near_one = epsilon < 1e-4 && epsilon > -1e-4;
    double base = two_mu * (near_one ? 1 / (double)log_vocab : epsilon / all);
    float k = exact_exp(exact_log(bounded(base)) * (float)(1 / exponent));
    return k >= (float)s->n ? s->n : k < 1 ? 1 : (uint32_t)k;
}

static uint32_t mirostat_1(struct sampler *s)
{
    sampler_keep_largest(s, mirostat_count(s));
    return draw_and_learn(s);
}

/* Drops what surprises more than mu. */
static uint32_t mirostat_2(struct sampler *s)
{
    float top = sampler_top(s);
    uint64_t sum = sampler_weigh(s, top);
    uint32_t n = 0, first = 0;
    for (uint32_t i = 0; i < s->n; i++)
        if (draw_key(s->scores[i]) > draw_key(s->scores[first]))
            first = i;
    bool none = surprise(s, first, top, sum) > s->mu;
    for (uint32_t i = 0; i < s->n; i++) {
        if (none ? i != first : surprise(s, i, top, sum) > s->mu)
            continue;
        s->ids[n] = s->ids[i];
        s->scores[n++] = s->scores[i];
    }
    s->n = n;
    return draw_and_learn(s);
}

/* Favours tokens near a probability that keeps the average of the chosen ones at the target. */
static uint32_t adaptive(struct sampler *s)
{
    const struct hekla_sampling *p = &s->chain.p;
    float wanted = 2 * p->adaptive_target - (float)((double)s->ema_sum / (double)s->ema_weight);
    wanted = wanted < 0 ? 0 : wanted > 1 ? 1 : wanted;
    uint64_t sum = sampler_weigh(s, sampler_top(s));
    for (uint32_t i = 0; i < s->n; i++) {
        float part = (float)((double)s->weights[i] / (double)sum);
        float far = (part - wanted) * (1.0f / 0.3f);
        far = far < 0 ? 0.0f - far : far;
        s->scores[i] = 5.0f - 10.0f * far * far * exact_recip(1.0f + far);
    }
    uint32_t i = draw(s);
    s->next_sum = (float)((double)s->weights[i] / (double)sum);
    return i;
}

uint32_t sampler_choose(struct sampler *s)
{
    const struct sample_chain *c = &s->chain;
    if (c->p.mirostat)
        return c->p.mirostat == 1 ? mirostat_1(s) : mirostat_2(s);
    if (c->n_steps && c->steps[c->n_steps - 1] == SAMPLE_ADAPTIVE)
        return adaptive(s);
    return draw(s);
}
