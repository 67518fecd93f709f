/*
 * sample/: logits -> token, on the host: the whole chain of samplers in any order, and what keeps
 * an answer to a grammar. Knows no device and no model; tokens are numbers with bytes.
 *
 * The device samples where it can (shaders/sample.comp); for those chains this room draws the same
 * token. Everything is f32 or f64 addition, subtraction, multiplication and division in a fixed
 * order, with the exponentials of base/exact.h: the same token on every machine. Whoever creates
 * frees; a sampler and a matcher belong to one thread, a grammar may be shared.
 */
#ifndef SAMPLE_SAMPLE_H
#define SAMPLE_SAMPLE_H

#include "base/status.h"
#include "sample/grammar.h"

/* step, its letter in --sampler-seq, its names (the first is ours) */
#define SAMPLE_STEP_LIST(X)                                                                        \
    X(PENALTIES, 'e', "penalties")                                                                 \
    X(DRY, 'd', "dry")                                                                             \
    X(TOP_N_SIGMA, 's', "top_n_sigma")                                                             \
    X(TOP_K, 'k', "top_k")                                                                         \
    X(TYPICAL, 'y', "typ_p|typical|typical_p|typ")                                                 \
    X(TOP_P, 'p', "top_p|nucleus")                                                                 \
    X(MIN_P, 'm', "min_p")                                                                         \
    X(XTC, 'x', "xtc")                                                                             \
    X(TEMPERATURE, 't', "temperature|temp")                                                        \
    X(ADAPTIVE, 'a', "adaptive_p")
enum sample_step {
#define X(name, letter, names) SAMPLE_##name,
    SAMPLE_STEP_LIST(X)
#undef X
        SAMPLE_STEP_COUNT
};

enum {
    SAMPLE_MOST_STEPS = 32,
    SAMPLE_MOST_LAST_N = 32768, /* see hekla_sampling */
    SAMPLE_MOST_BREAKERS = 64,
    SAMPLE_NONE = -1,
};

/* A chain as it will run: defaults filled in, and steps that change nothing left out. */
struct sample_chain {
    struct hekla_sampling p;
    enum sample_step steps[SAMPLE_MOST_STEPS];
    uint32_t n_steps;
    bool greedy;     /* the likeliest token, whatever the seed */
    const char *why; /* the device cannot do it, such as "dry"; NULL: it can */
};

/* HEKLA_ARGUMENT for unknown names and values out of range. Points to what p points to. */
hekla_status sample_chain_init(struct sample_chain *out, const struct hekla_sampling *p,
    uint32_t n_vocab, struct hekla_error *err);
/* "penalties > top_k > temperature", for people. */
void sample_chain_describe(const struct sample_chain *chain, char *out, size_t cap);

/* The bytes of a token: returns their number, writes at most cap. A token without bytes (a control
 * token) is no text. */
struct sample_vocab {
    uint32_t n;
    size_t (*bytes)(const void *user, hekla_token token, char *out, size_t cap);
    bool (*is_end)(const void *user, hekla_token token);
    const void *user;
};

struct sampler;

hekla_status sampler_create(struct sampler **out, const struct sample_chain *chain,
    const struct sample_vocab *vocab, struct hekla_error *err);
void sampler_destroy(struct sampler *s);

/* The token that follows the history [n], from logits [vocab.n]. With a matcher: one that it
 * allows, drawn as if all others had never been there; SAMPLE_NONE if it allows none. What it
 * learns of the draw (mirostat, adaptive-p) takes effect with sampler_accept. */
hekla_token sampler_draw(struct sampler *s, const float *logits, const hekla_token *history,
    uint32_t n, struct grammar_matcher *matcher);
void sampler_accept(struct sampler *s);
/* Of the random numbers from here on. */
void sampler_set_seed(struct sampler *s, uint64_t seed);

/* Whether the matcher lets the token follow: its bytes, or an end where the text may end. */
bool sample_allows(
    const struct sample_vocab *vocab, struct grammar_matcher *matcher, hekla_token token);

#endif
