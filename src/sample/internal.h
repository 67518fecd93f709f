/* The sampler's candidates: parallel arrays in the order of ids. */
#ifndef SAMPLE_INTERNAL_H
#define SAMPLE_INTERNAL_H

#include "base/draw.h"
#include "sample/sample.h"

struct sampler {
    struct sample_chain chain;
    struct sample_vocab vocab;
    uint32_t n;        /* candidates left */
    uint32_t *ids;     /* [vocab.n] */
    float *scores;     /* [vocab.n] */
    uint32_t *keys;    /* [vocab.n], scratch */
    uint32_t *weights; /* [vocab.n], scratch */
    uint32_t *counts;  /* [vocab.n], by token id; all 0 between uses */
    uint32_t *repeats; /* [SAMPLE_MOST_LAST_N], scratch of dry */
    uint32_t pos;      /* of the token to be drawn */
    /* What was learned from the tokens so far, and would be from the one drawn. */
    float mu, next_mu;
    float ema_sum, ema_weight, next_sum;
};

/* penalise.c: steps that look at the history and at each token alone. */
void sampler_penalise(struct sampler *s, const hekla_token *history, uint32_t n);
void sampler_dry(struct sampler *s, const hekla_token *history, uint32_t n);

/* filter.c: steps that drop candidates, never all of them. */
float sampler_top(const struct sampler *s);
/* weights: the probabilities, in units of 2^-24 of the likeliest. Returns their sum. */
uint64_t sampler_weigh(struct sampler *s, float top);
/* -sum p ln p. */
double sampler_entropy(struct sampler *s);
void sampler_keep_largest(struct sampler *s, uint32_t k);
void sampler_keep_first(struct sampler *s); /* the likeliest alone, the first of several */
/* Keeps what the matcher allows; the `need` likeliest of it are enough. */
void sampler_mask(struct sampler *s, struct grammar_matcher *matcher, uint32_t need);
void sampler_filter(struct sampler *s, enum sample_step step);

/* choose.c: the end of a chain. Returns an index. */
uint32_t sampler_choose(struct sampler *s);

#endif
