#include "sample/internal.h"

#include <math.h>
#include <stdlib.h>

void sampler_destroy(struct sampler *s)
{
    if (!s)
        return;
    free(s->ids);
    free(s->scores);
    free(s->keys);
    free(s->weights);
    free(s->counts);
    free(s->repeats);
    free(s);
}

hekla_status sampler_create(struct sampler **out, const struct sample_chain *chain,
    const struct sample_vocab *vocab, struct hekla_error *err)
{
    const struct hekla_sampling *p = &chain->p;
    struct sampler *s = calloc(1, sizeof(*s));
    if (s) {
        s->chain = *chain;
        s->vocab = *vocab;
        s->ids = calloc(vocab->n, sizeof(*s->ids));
        s->scores = calloc(vocab->n, sizeof(*s->scores));
        s->keys = calloc(vocab->n, sizeof(*s->keys));
        s->weights = calloc(vocab->n, sizeof(*s->weights));
        s->counts = calloc(vocab->n, sizeof(*s->counts));
        s->repeats = calloc(SAMPLE_MOST_LAST_N, sizeof(*s->repeats));
    }
    if (!s || !s->ids || !s->scores || !s->keys || !s->weights || !s->counts || !s->repeats) {
        sampler_destroy(s);
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for the samplers");
    }
    s->mu = s->next_mu = 2 * p->mirostat_tau;
    s->ema_weight = 1.0f / (1.0f - p->adaptive_decay);
    s->ema_sum = p->adaptive_target * s->ema_weight;
    *out = s;
    return HEKLA_OK;
}

bool sample_allows(
    const struct sample_vocab *vocab, struct grammar_matcher *matcher, hekla_token token)
{
    char bytes[HEKLA_PIECE_MAX];
    if (vocab->is_end(vocab->user, token))
        return grammar_matcher_may_end(matcher);
    size_t n = vocab->bytes(vocab->user, token, bytes, sizeof(bytes));
    return n > 0 && n <= sizeof(bytes) && grammar_matcher_allows(matcher, bytes, n);
}

static void fill(struct sampler *s, const float *logits)
{
    const struct hekla_sampling *p = &s->chain.p;
    s->n = s->vocab.n;
    for (uint32_t i = 0; i < s->n; i++) {
        s->ids[i] = i;
        s->scores[i] = exact_sanitize(logits[i]);
    }
    for (size_t i = 0; i < p->n_logit_bias; i++) {
        uint32_t id = (uint32_t)p->logit_bias[i].token;
        s->scores[id] = exact_sanitize(s->scores[id] + p->logit_bias[i].bias);
    }
}

/* Tokens with a bias of -inf are never chosen. */
static void drop_banned(struct sampler *s)
{
    const struct hekla_sampling *p = &s->chain.p;
    uint32_t n = 0;
    for (size_t i = 0; i < p->n_logit_bias; i++)
        s->counts[p->logit_bias[i].token] |= isinf(p->logit_bias[i].bias) != 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->counts[s->ids[i]])
            continue;
        s->ids[n] = s->ids[i];
        s->scores[n++] = s->scores[i];
    }
    s->n = n;
    for (size_t i = 0; i < p->n_logit_bias; i++)
        s->counts[p->logit_bias[i].token] = 0;
}

/* How many of the likeliest are enough for a step and all after it. */
static uint32_t needed(const struct sampler *s, uint32_t step)
{
    if (step < s->chain.n_steps && s->chain.steps[step] == SAMPLE_TOP_K)
        return s->chain.p.top_k;
    bool greedy =
        s->chain.greedy && step < s->chain.n_steps && s->chain.steps[step] == SAMPLE_TEMPERATURE;
    return greedy ? 1 : s->n;
}

hekla_token sampler_draw(struct sampler *s, const float *logits, const hekla_token *history,
    uint32_t n, struct grammar_matcher *matcher)
{
    const struct sample_chain *c = &s->chain;
    uint32_t i = 0;
    s->pos = n;
    fill(s, logits);
    if (c->p.n_logit_bias)
        drop_banned(s);
    /* Steps that look at each token alone, whatever else there is. */
    for (; i < c->n_steps && c->steps[i] <= SAMPLE_DRY; i++) {
        if (c->steps[i] == SAMPLE_PENALTIES)
            sampler_penalise(s, history, n);
        else
            sampler_dry(s, history, n);
    }
    if (matcher && s->n)
        sampler_mask(s, matcher, needed(s, i));
    if (s->n == 0)
        return SAMPLE_NONE;
    for (; i < c->n_steps; i++) {
        if (c->steps[i] == SAMPLE_PENALTIES)
            sampler_penalise(s, history, n);
        else if (c->steps[i] == SAMPLE_DRY)
            sampler_dry(s, history, n);
        else
            sampler_filter(s, c->steps[i]);
    }
    return (hekla_token)s->ids[sampler_choose(s)];
}

void sampler_set_seed(struct sampler *s, uint64_t seed)
{
    s->chain.p.seed = seed;
}

void sampler_accept(struct sampler *s)
{
    const struct hekla_sampling *p = &s->chain.p;
    s->mu = s->next_mu;
    if (p->adaptive_target > 0) {
        s->ema_sum = s->next_sum + p->adaptive_decay * s->ema_sum;
        s->ema_weight = 1.0f + p->adaptive_decay * s->ema_weight;
    }
}
