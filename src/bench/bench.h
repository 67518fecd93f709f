/*
 * bench/: measures a model as llama-bench does, and more; results are JSON documents, which become
 * tables, a report and comparisons. Sees the engine through hekla/hekla.h alone; never prints.
 *
 * A result ("document") is one model on one device. Its "tests" are llama-bench's rows, keys and
 * types unchanged, ours after them; docs/bench.md describes all of it. Documents are the caller's.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "base/status.h"

#include <jansson.h>

#define BENCH_SCHEMA "hekla-bench"
enum { BENCH_SCHEMA_VERSION = 1, BENCH_MOST = 64 };

/* ---- what to measure ---- */

struct bench_list {
    uint32_t values[BENCH_MOST], n;
};
/* "512", "1,2,4", "1-4", "0-8192+1024", "1-64*2", in any mix. */
hekla_status bench_list_parse(
    struct bench_list *out, const char *what, const char *text, struct hekla_error *err);

/* A prompt, tokens generated, or one after the other, at a depth. */
struct bench_test {
    uint32_t n_prompt, n_gen, n_depth;
};
enum bench_suite { BENCH_SUITE_LLAMA_BENCH, BENCH_SUITE_LOCALSCORE, BENCH_SUITE_CLIENT };
/* The tests of a suite; *n of them. */
const struct bench_test *bench_suite_tests(enum bench_suite suite, size_t *n);
const char *bench_suite_name(enum bench_suite suite);

/* Types of KV cache. */
struct bench_kv {
    const char *name;
    enum hekla_kv_type type;
    double bytes; /* of an element */
};
enum { BENCH_KV_TYPES = 4 };
extern const struct bench_kv bench_kv_types[BENCH_KV_TYPES];
/* The one that n bytes name, or NULL. */
const struct bench_kv *bench_find_kv(const char *name, size_t n);

struct bench_setup {
    struct hekla_model_options model;
    const struct bench_test *tests;
    size_t n_tests;
    const uint32_t *batches, *ubatches; /* [n_batches] pairs */
    size_t n_batches;
    const enum hekla_kv_type *kv_types;
    size_t n_kv_types;
    enum hekla_numerics numerics;
    uint32_t repetitions;
    enum bench_suite suite;
    bool no_warmup;
    /* Called before each run with what it is; false: stop, and keep what there is. */
    bool (*tick)(void *user, const char *what);
    /* Called with each finished row. */
    void (*row)(void *user, const json_t *doc, const json_t *row);
    void *user;
};
const char *bench_numerics(const struct bench_setup *setup); /* "exact" or "fast" */
/* Measures. *doc is set unless the model cannot be opened; after a failure or a stop its "complete"
 * is false and "stopped" says why. */
hekla_status bench_measure(json_t **doc, const struct bench_setup *setup, struct hekla_error *err);

/* ---- numbers ---- */

struct bench_stats {
    double mean, stddev, median;
    double low, high; /* 95 % confidence interval of the mean, by Student's t */
    size_t n;
};
struct bench_stats bench_stats_of(const double *x, size_t n);
/* The q-quantile, by the nearest rank; sorts x. */
double bench_quantile(double *x, size_t n, double q);
/* a / b of two means with a 95 % confidence interval (Welch, on logarithms). low 0: not known. */
struct bench_ratio {
    double ratio, low, high;
};
struct bench_ratio bench_ratio_of(const double *a, size_t n_a, const double *b, size_t n_b);

/* ---- text ---- */

struct bench_text {
    char *data; /* NULL: empty */
    size_t n, capacity;
    bool failed; /* out of memory */
};
void bench_printf(struct bench_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* With HTML's signs escaped. */
void bench_print_escaped(struct bench_text *t, const char *text);
void bench_text_free(struct bench_text *t);

enum bench_format { BENCH_MD, BENCH_CSV, BENCH_JSON, BENCH_JSONL, BENCH_SQL };
/* Rows of documents as llama-bench prints them. */
void bench_print_rows(
    struct bench_text *t, enum bench_format format, json_t *const *docs, size_t n);
/* What llama-bench does not tell: limits, percentages, the device. */
void bench_print_summary(struct bench_text *t, const json_t *doc);

/* ---- files ---- */

/* Our documents and llama-bench's JSON or JSONL; appends one document to the array docs for each
 * model and device. */
hekla_status bench_read(json_t *docs, const char *path, struct hekla_error *err);
hekla_status bench_parse(
    json_t *docs, const char *text, size_t n, const char *name, struct hekla_error *err);
/* Whether such a file could be written; writes none. */
hekla_status bench_check_path(const char *path, struct hekla_error *err);
hekla_status bench_write_text(
    const char *path, const char *text, size_t n, struct hekla_error *err);
hekla_status bench_write(const char *path, const json_t *doc, struct hekla_error *err);
/* One page: nothing is loaded from elsewhere. */
void bench_print_html(struct bench_text *t, json_t *const *docs, size_t n);

/* ---- comparing ---- */

/* The first document is what the others are compared with. */
void bench_print_compare(struct bench_text *t, json_t *const *docs, size_t n);
/* Text for each test of `now` that is more than 5 % slower than the newest like it in `past`, with
 * what changed; returns how many. */
size_t bench_print_drops(struct bench_text *t, json_t *const *past, size_t n, const json_t *now);
/* "Same output": 1 yes, 0 no, -1: nothing to compare. */
int bench_same_output(const json_t *a, const json_t *b);

/* ---- reading documents: what is absent or of another type is "", 0 or false ---- */

const char *bench_string(const json_t *object, const char *key);
double bench_number(const json_t *object, const char *key);
bool bench_bool(const json_t *object, const char *key);
const json_t *bench_part(const json_t *doc, const char *key);
/* "pp512", "tg128 @ d4096", "pp512+tg128". */
void bench_test_name(const json_t *row, char *out, size_t cap);
/* Copies at most cap samples of a row's "samples_ts". */
size_t bench_samples(const json_t *row, double *out, size_t cap);
/* What was measured at best: bytes a second, the faster of reading and copying; operations a second
 * of the fastest unit. */
double bench_limit_read(const json_t *doc);
double bench_limit_compute(const json_t *doc);
/* The scores of localscore and client runs, or 0 without one. */
double bench_score(const json_t *doc);

#endif
