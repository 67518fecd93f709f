/*
 * model_bench -m FILE [-p LIST] [-n LIST] [-d LIST] [-r N]: prompt and generation speed as CSV, by
 * llama-bench's rules: a prompt of P tokens, or N tokens one after the other, at depth D; no
 * tokenizing, nothing printed meanwhile. LIST: numbers with commas, 0 for none. At a depth the
 * cache is not computed but taken as it is: what is in it does not change the time. The first of
 * the R repetitions has what only happens once (compiling, recording), and says so. Device:
 * HEKLA_TEST_DEVICE, else the best; capabilities: HEKLA_CAPS.
 */
#define _POSIX_C_SOURCE 200809L
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 32 };

struct list {
    uint32_t values[MOST], n;
};

struct options {
    const char *file;
    struct list prompts, generations, depths;
    uint32_t repetitions;
};

static uint32_t most_of(const struct list *l)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < l->n; i++)
        most = l->values[i] > most ? l->values[i] : most;
    return most;
}

/* The session as if it had evaluated so many tokens. */
static void set_depth(struct hekla_session *s, uint32_t depth)
{
    s->pos = depth;
    memset(s->tokens, 0, depth * sizeof(*s->tokens));
    memset(s->history.host, 0, depth * sizeof(uint32_t));
}

static hekla_status prompt(
    struct hekla_session *s, uint32_t depth, uint32_t n, struct hekla_error *err)
{
    uint32_t n_vocab = s->model->info.n_vocab;
    hekla_token *tokens = calloc(n, sizeof(*tokens));
    if (!tokens)
        return hekla_fail(err, HEKLA_MEMORY, "not enough memory for a prompt of %u", n);
    for (uint32_t i = 0; i < n; i++)
        tokens[i] = (hekla_token)((i + 1) * 7919u % (n_vocab / 2));
    set_depth(s, depth);
    hekla_status status = hekla_session_eval(s, tokens, n, err);
    free(tokens);
    return status;
}

static void print(const char *kind, uint32_t n, uint32_t depth, uint32_t repetition,
    const struct hekla_phase_stats *before, const struct hekla_phase_stats *after)
{
    double seconds = after->seconds - before->seconds;
    printf("%s,%u,%u,%s,%.6f,%.4f,%.6f,%.1f,%.1f\n", kind, n, depth, repetition ? "no" : "yes",
        seconds, n / seconds, after->cpu_seconds - before->cpu_seconds,
        (double)(after->dispatches - before->dispatches) / n,
        (double)(after->barriers - before->barriers) / n);
    fflush(stdout);
}

static hekla_status run_prompt(struct hekla_session *s, uint32_t n, uint32_t depth,
    uint32_t repetition, struct hekla_error *err)
{
    struct hekla_stats before, after;
    hekla_session_get_stats(s, &before);
    hekla_status status = prompt(s, depth, n, err);
    hekla_session_get_stats(s, &after);
    if (status == HEKLA_OK)
        print("pp", n, depth, repetition, &before.prompt, &after.prompt);
    return status;
}

/* The token before the first one is evaluated outside the time, as there must be something to
 * continue; the first token is then only sampled, so one more is asked for. */
static hekla_status run_generation(struct hekla_session *s, uint32_t n, uint32_t depth,
    uint32_t repetition, struct hekla_error *err)
{
    struct hekla_stats before, after;
    struct hekla_sampling greedy = {0};
    hekla_status status = prompt(s, depth, 1, err);
    hekla_session_get_stats(s, &before);
    if (status == HEKLA_OK)
        status = hekla_session_generate(s, &greedy, (int64_t)n + 1, true, NULL, NULL, NULL, err);
    hekla_session_get_stats(s, &after);
    if (status == HEKLA_OK)
        print("tg", n, depth, repetition, &before.generation, &after.generation);
    return status;
}

static hekla_status run_all(
    struct hekla_session *s, const struct options *o, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    for (uint32_t d = 0; d < o->depths.n; d++)
        for (uint32_t kind = 0; kind < 2; kind++) {
            const struct list *l = kind ? &o->generations : &o->prompts;
            for (uint32_t i = 0; i < l->n * o->repetitions && status == HEKLA_OK; i++) {
                uint32_t n = l->values[i / o->repetitions], r = i % o->repetitions;
                if (n)
                    status =
                        (kind ? run_generation : run_prompt)(s, n, o->depths.values[d], r, err);
            }
        }
    return status;
}

static hekla_status run(const struct options *o, struct hekla_error *err)
{
    struct hekla_model *model = NULL;
    struct hekla_session *session = NULL;
    uint32_t p = most_of(&o->prompts), n = most_of(&o->generations) + 2;
    hekla_status status = hekla_model_open(&model,
        &(struct hekla_model_options){
            .path = o->file, .device = getenv("HEKLA_TEST_DEVICE"), .caps = getenv("HEKLA_CAPS")},
        err);
    if (status == HEKLA_OK)
        status = hekla_session_open(&session, model,
            &(struct hekla_session_options){.n_ctx = most_of(&o->depths) + (p > n ? p : n)}, err);
    if (status == HEKLA_OK) {
        printf("test,n,depth,first,seconds,tokens/s,cpu seconds,dispatches/token,barriers/token\n");
        status = run_all(session, o, err);
    }
    hekla_session_close(session);
    hekla_model_close(model);
    return status;
}

static bool read_list(const char *text, struct list *out)
{
    out->n = 0;
    for (const char *p = text; out->n < MOST; p++) {
        char *end;
        unsigned long value = strtoul(p, &end, 10);
        if (*p < '0' || *p > '9' || value > 1u << 24)
            return false;
        out->values[out->n++] = (uint32_t)value;
        p = end;
        if (*p != ',')
            return !*p;
    }
    return false;
}

static bool read_arguments(struct options *o, int argc, char **argv)
{
    struct list repetitions = {{3}, 1};
    for (int i = 1; i < argc; i += 2) {
        char flag = argv[i][0] == '-' && argv[i][1] && !argv[i][2] ? argv[i][1] : 0;
        struct list *list = flag == 'p'   ? &o->prompts
                            : flag == 'n' ? &o->generations
                            : flag == 'd' ? &o->depths
                            : flag == 'r' ? &repetitions
                                          : NULL;
        if (i + 1 == argc || (!list && flag != 'm') || (list && !read_list(argv[i + 1], list)))
            return false;
        if (flag == 'm')
            o->file = argv[i + 1];
    }
    o->repetitions = repetitions.values[0];
    return o->file && repetitions.n == 1 && o->repetitions >= 1 && o->repetitions <= 1000;
}

int main(int argc, char **argv)
{
    struct options o = {.prompts = {{512}, 1}, .generations = {{128}, 1}, .depths = {{0}, 1}};
    struct hekla_error err = {0};
    if (!read_arguments(&o, argc, argv)) {
        fprintf(stderr, "usage: model_bench -m FILE [-p LIST] [-n LIST] [-d LIST] [-r N]\n");
        return 2;
    }
    hekla_status status = run(&o, &err);
    if (status != HEKLA_OK)
        fprintf(stderr, "model_bench: %s\n", err.text);
    return status == HEKLA_OK ? 0 : status == HEKLA_NO_DEVICE ? 77 : 1;
}
