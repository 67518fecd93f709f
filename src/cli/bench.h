/* bench: the command's options, and where its results go. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "bench/bench.h"

struct cli_bench_options {
    const char *model, *synthetic, *device, *prompts, *gens, *pairs, *depths;
    const char *batches, *ubatches, *cache_k, *cache_v, *save;
    int64_t repetitions;
    int format, suite, numerics;
    bool all_devices, no_warmup, history, no_history;
};

enum { CLI_BENCH_TESTS = 512 };
/* The options taken apart. */
struct cli_bench_plan {
    struct bench_test tests[CLI_BENCH_TESTS];
    size_t n_tests;
    uint32_t batches[BENCH_MOST * BENCH_MOST], ubatches[BENCH_MOST * BENCH_MOST];
    size_t n_batches;
    enum hekla_kv_type kv_types[BENCH_KV_TYPES];
    size_t n_kv_types;
};

/* Returns an exit code, after a sentence. */
int cli_bench_parse(int argc, char **argv, struct cli_bench_options *out, bool *help);
int cli_bench_plan(const struct cli_bench_options *o, struct cli_bench_plan *out);

/* Past runs in the user's data folder. keep: adds one; the new ones' drops are printed. */
void cli_bench_keep(const json_t *doc);
/* Reads them into an array; notes what cannot be read. */
json_t *cli_bench_past(void);
int cli_bench_history(void);

#endif
