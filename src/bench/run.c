/* One test, so many times: seconds, gaps between tokens, and a hash of what came out. */
#include "bench/run.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a with 64 bits over little-endian words: the same on every machine. */
#define HASH_START UINT64_C(0xcbf29ce484222325)

static uint64_t hash_word(uint64_t hash, uint32_t word)
{
    for (int i = 0; i < 32; i += 8)
        hash = (hash ^ (word >> i & 255)) * UINT64_C(0x100000001b3);
    return hash;
}

static hekla_token token_at(const struct bench_runner *r, uint32_t i)
{
    if (i == 0 && r->info.add_bos && r->info.bos >= 0)
        return r->info.bos;
    return (hekla_token)((i * UINT64_C(2654435761) >> 7) % r->info.n_vocab);
}

/* Tokens first .. first + n of the prompt that all tests share. */
static hekla_status eval(
    struct bench_runner *r, uint32_t first, uint32_t n, struct hekla_error *err)
{
    hekla_token *tokens = malloc((n ? n : 1) * sizeof(*tokens));
    if (!tokens)
        return hekla_fail(err, HEKLA_MEMORY, "not enough memory for a prompt of %u tokens", n);
    for (uint32_t i = 0; i < n; i++)
        tokens[i] = token_at(r, first + i);
    hekla_status status = hekla_session_eval(r->session, tokens, n, err);
    free(tokens);
    return status;
}

struct listener {
    struct bench_runner *r;
    double *gaps, last, first; /* when the newest and the first token came */
    size_t n_gaps, n;
    uint64_t hash;
};

static bool hear(void *user, hekla_token token)
{
    struct listener *l = user;
    double t = clock_now();
    l->hash = hash_word(l->hash, (uint32_t)token);
    if (l->n++ == 0)
        l->first = t;
    else if (l->gaps)
        l->gaps[l->n_gaps++] = t - l->last;
    l->last = t;
    return !l->r->setup->tick || l->r->setup->tick(l->r->setup->user, NULL);
}

static uint64_t hash_logits(struct bench_runner *r)
{
    const float *row = hekla_session_logits(r->session);
    uint64_t hash = HASH_START;
    for (uint32_t i = 0; row && i < r->info.n_vocab; i++) {
        uint32_t word;
        memcpy(&word, &row[i], 4);
        hash = hash_word(hash, word);
    }
    return hash;
}

/* The prompt, and the first token after it, which is only chosen. */
static hekla_status run_prompt(struct bench_runner *r, const struct bench_test *t,
    struct bench_once *out, struct hekla_error *err)
{
    struct listener l = {.r = r, .hash = HASH_START};
    double start = clock_now();
    hekla_status status = eval(r, t->n_depth, t->n_prompt, err);
    out->prompt = clock_now() - start;
    if (status != HEKLA_OK || t->n_gen)
        return status;
    out->total = out->prompt;
    out->hash = hash_logits(r);
    start = clock_now();
    status = hekla_session_generate(
        r->session, &(struct hekla_sampling){0}, 1, true, hear, &l, NULL, err);
    out->first_token = out->prompt + (clock_now() - start);
    return status;
}

/* n_gen steps: what the first token follows was evaluated before, and it is only chosen, so one
 * more is asked for. */
static hekla_status run_generation(struct bench_runner *r, const struct bench_test *t,
    struct bench_once *out, double *gaps, struct hekla_error *err)
{
    struct listener l = {.r = r, .gaps = gaps, .hash = HASH_START};
    hekla_status status = t->n_prompt ? HEKLA_OK : eval(r, t->n_depth, 1, err);
    double start = clock_now();
    if (status == HEKLA_OK)
        status = hekla_session_generate(r->session, &(struct hekla_sampling){0},
            (int64_t)t->n_gen + 1, true, hear, &l, NULL, err);
    double seconds = clock_now() - start;
    if (status != HEKLA_OK)
        return status;
    out->stopped = l.n < (size_t)t->n_gen + 1;
    out->total = out->prompt + seconds;
    out->generation = seconds - (l.first - start);
    out->first_token = out->prompt + (l.first - start);
    out->hash = l.hash;
    return HEKLA_OK;
}

hekla_status bench_run_once(struct bench_runner *r, const struct bench_test *t,
    struct bench_once *out, double *gaps, struct hekla_error *err)
{
    struct hekla_stats before, after;
    *out = (struct bench_once){0};
    hekla_session_rewind(r->session, t->n_depth);
    uint32_t pos = hekla_session_pos(r->session);
    /* Of nothing, too: it brings a recurrent state back to where it was, outside what is timed. */
    hekla_status status = eval(r, pos, t->n_depth - pos, err);
    hekla_session_get_stats(r->session, &before);
    if (status == HEKLA_OK && t->n_prompt)
        status = run_prompt(r, t, out, err);
    if (status == HEKLA_OK && t->n_gen)
        status = run_generation(r, t, out, gaps, err);
    hekla_session_get_stats(r->session, &after);
    out->host = after.prompt.cpu_seconds - before.prompt.cpu_seconds +
                after.generation.cpu_seconds - before.generation.cpu_seconds;
    return status;
}
