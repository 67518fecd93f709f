/* Shared by the files of bench/ that measure. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench/bench.h"

struct bench_runner {
    const struct bench_setup *setup;
    hekla_model *model;
    hekla_session *session;
    struct hekla_model_info info;
    struct hekla_limits limits;
    json_t *doc;
    uint32_t n_ctx;
};

/* Seconds. */
struct bench_once {
    double total, prompt, generation; /* generation: from the first token to the last */
    double first_token, host;         /* host: CPU time of this thread */
    uint64_t hash;
    bool stopped;
};

/* run.c. gaps [n_gen]: seconds between tokens; may be NULL. */
hekla_status bench_run_once(struct bench_runner *r, const struct bench_test *t,
    struct bench_once *out, double *gaps, struct hekla_error *err);

/* row.c: the settings of a session; a test's row from its runs. */
struct bench_settings {
    uint32_t batch, ubatch;
    const char *kv;
};
struct bench_runs {
    const struct bench_test *test;
    const struct bench_settings *settings;
    struct bench_once *once; /* [n] */
    size_t n;
    double *gaps;
    size_t n_gaps;
    const char *started; /* ISO time */
};
json_t *bench_row(const struct bench_runner *r, const struct bench_runs *runs);
/* "2026-01-31T12:00:00Z", 21 bytes. */
void bench_time(char out[32]);
/* What llama.cpp calls such a model: "llama 8B Q4_K - Medium". */
void bench_model_type(const struct hekla_model_info *info, char *out, size_t cap);

/* profile.c: a run with times of kernels: the document's "kernels", and what follows from them for
 * its rows. */
hekla_status bench_profile(struct bench_runner *r, struct hekla_error *err);

#endif
