/* The flags of bench: llama-bench's, and ours. */
#include "cli/bench.h"

#include "cli/cli.h"
#include "cli/options.h"

#include <string.h>

#define TEXT(member, flags, what, text)                                                            \
    {                                                                                              \
        .type = CLI_OPTION_TEXT, .names = flags, .value = what, .help = text,                      \
        .offset = offsetof(struct cli_bench_options, member)                                       \
    }
#define SET(member, flags, text)                                                                   \
    {                                                                                              \
        .type = CLI_OPTION_SET, .names = flags, .help = text,                                      \
        .offset = offsetof(struct cli_bench_options, member)                                       \
    }
#define CHOICE(member, flags, which, first, text)                                                  \
    {                                                                                              \
        .type = CLI_OPTION_CHOICE, .names = flags, .value = "NAME", .choices = which,              \
        .fallback = first, .help = text, .offset = offsetof(struct cli_bench_options, member)      \
    }
#define HEADING(text)                                                                              \
    {                                                                                              \
        .type = CLI_OPTION_HEADING, .help = text                                                   \
    }

static const struct cli_option rows[] = {
    HEADING("What"),
    TEXT(model, "-m|--model", "FILES", "GGUF files, with commas"),
    TEXT(synthetic, "--synthetic", "LIST",
        "models of random weights as SHAPE:TYPE, with commas; default: llama3.1-8b:q4_k_m, or a "
        "smaller one that fits, or tiny:q4_k_m where a processor plays the GPU"),
    TEXT(device, "-dev|--device", "ID", "as \"hekla devices\" lists them; default: the best"),
    SET(all_devices, "--all-devices", "one after the other, but not the reference"),
    CHOICE(suite, "--suite", "llama-bench|localscore|client", "llama-bench",
        "which tests: llama-bench's; LocalScore's nine and its score, unofficial; MLPerf Client's "
        "shapes, unofficial"),
    HEADING("Tests (lists: 1,2 or 1-4 or 0-8192+1024 or 1-64*2)"),
    TEXT(prompts, "-p|--n-prompt", "LIST", "tokens of a prompt; 0: none (512)"),
    TEXT(gens, "-n|--n-gen", "LIST", "tokens generated; 0: none (128)"),
    TEXT(pairs, "-pg", "P,N", "a prompt and what follows it; several with semicolons"),
    TEXT(depths, "-d|--n-depth", "LIST", "tokens in the context before a test (0)"),
    TEXT(batches, "-b|--batch-size", "LIST", "most prompt tokens in one batch (2048)"),
    TEXT(ubatches, "-ub|--ubatch-size", "LIST",
        "most prompt tokens evaluated at once; the smaller of both counts (512)"),
    TEXT(cache_k, "-ctk|--cache-type-k", "LIST",
        "type of the key cache: f16, f32, q8_0 or q4_0 (f16)"),
    TEXT(cache_v, "-ctv|--cache-type-v", "LIST", "of the value cache; must agree with -ctk"),
    CHOICE(numerics, "--numerics", "exact|fast", "exact", CLI_HELP_NUMERICS),
    {.type = CLI_OPTION_INTEGER,
        .names = "-r|--repetitions",
        .offset = offsetof(struct cli_bench_options, repetitions),
        .value = "N",
        .fallback = "5",
        .min = 1,
        .max = 1000,
        .help = "runs of each test"},
    SET(no_warmup, "--no-warmup", "count the first run too"),
    HEADING("Output"),
    CHOICE(format, "-o|--output", "md|csv|json|jsonl|sql", "md",
        "llama-bench's formats; md is followed by what llama-bench does not tell"),
    TEXT(save, "--save", "NAME", "write NAME.json (see \"hekla compare\") and NAME.html"),
    SET(history, "--history", "list the past runs on this machine, and what became slower"),
    SET(no_history, "--no-history", "do not keep this run among them"),
};

static const struct cli_options options_of_bench = {
    .command = "bench",
    .usage = "[flags]",
    .about = "Measures how fast a device runs a model, what its memory and its arithmetic do at "
             "best, and how near to that it comes. Without flags nothing is downloaded: the model "
             "is made on the device from random weights.",
    .notes = "\nOne sequence at a time: parallel sequences are not supported yet.\n"
             "Runs are kept in $XDG_DATA_HOME/hekla/bench or ~/.local/share/hekla/bench.\n",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};

int cli_bench_parse(int argc, char **argv, struct cli_bench_options *out, bool *help)
{
    enum cli_parse parsed = cli_options_parse(&options_of_bench, argc, argv, out);
    *help = parsed == CLI_PARSE_HELP;
    if (parsed == CLI_PARSE_ERROR)
        return CLI_USAGE;
    if (out->all_devices && out->device)
        return cli_fail(CLI_USAGE, "--all-devices and --device cannot be used together");
    if (out->suite && (out->prompts || out->gens || out->pairs || out->depths))
        return cli_fail(
            CLI_USAGE, "--suite has its own tests: -p, -n, -pg and -d do not go with it");
    return CLI_OK;
}

static int parse(struct bench_list *out, const char *flag, const char *text, const char *fallback)
{
    struct hekla_error err = {0};
    hekla_status status = bench_list_parse(out, flag, text ? text : fallback, &err);
    return status == HEKLA_OK ? CLI_OK : cli_fail_status(status, &err);
}

/* "P,N;P,N" */
static int parse_pairs(const char *text, struct bench_test *out, size_t *n)
{
    char pair[64];
    *n = 0;
    for (const char *p = text; p; p = strchr(p, ';') ? strchr(p, ';') + 1 : NULL) {
        struct bench_list list;
        size_t length = strcspn(p, ";");
        if (*n == BENCH_MOST || length >= sizeof(pair))
            return cli_fail(CLI_USAGE, "-pg \"%.60s\" is too long", text);
        memcpy(pair, p, length);
        pair[length] = 0;
        int code = parse(&list, "-pg", pair, NULL);
        if (code != CLI_OK)
            return code;
        if (list.n != 2 || !list.values[0] || !list.values[1])
            return cli_fail(CLI_USAGE,
                "-pg cannot be \"%s\": expected a prompt and what follows it, "
                "as 512,128",
                pair);
        out[(*n)++] = (struct bench_test){list.values[0], list.values[1], 0};
    }
    return CLI_OK;
}

static void add(struct cli_bench_plan *plan, uint32_t prompt, uint32_t gen, uint32_t depth)
{
    if ((prompt || gen) && plan->n_tests < CLI_BENCH_TESTS)
        plan->tests[plan->n_tests++] = (struct bench_test){prompt, gen, depth};
}

static int plan_tests(const struct cli_bench_options *o, struct cli_bench_plan *out)
{
    struct bench_list p, n, d;
    struct bench_test pairs[BENCH_MOST];
    size_t n_pairs;
    const struct bench_test *suite = bench_suite_tests((enum bench_suite)o->suite, &out->n_tests);
    if (o->suite) {
        memcpy(out->tests, suite, out->n_tests * sizeof(*suite));
        return CLI_OK;
    }
    out->n_tests = 0;
    int code = parse(&p, "-p", o->prompts, "512");
    code = code ? code : parse(&n, "-n", o->gens, "128");
    code = code ? code : parse(&d, "-d", o->depths, "0");
    code = code ? code : parse_pairs(o->pairs, pairs, &n_pairs);
    if (code != CLI_OK)
        return code;
    for (uint32_t i = 0; i < d.n; i++) {
        for (uint32_t k = 0; k < p.n; k++)
            add(out, p.values[k], 0, d.values[i]);
        for (uint32_t k = 0; k < n.n; k++)
            add(out, 0, n.values[k], d.values[i]);
        for (size_t k = 0; k < n_pairs; k++)
            add(out, pairs[k].n_prompt, pairs[k].n_gen, d.values[i]);
    }
    if (!out->n_tests)
        return cli_fail(CLI_USAGE, "there is nothing to measure: -p and -n are both 0");
    return out->n_tests < CLI_BENCH_TESTS
               ? CLI_OK
               : cli_fail(CLI_USAGE, "more than %d tests are asked for", CLI_BENCH_TESTS - 1);
}

static int plan_cache(const struct cli_bench_options *o, struct cli_bench_plan *out)
{
    const char *k = o->cache_k ? o->cache_k : o->cache_v ? o->cache_v : "f16";
    if (o->cache_k && o->cache_v && strcmp(o->cache_k, o->cache_v) != 0)
        return cli_fail(CLI_USAGE, "-ctk and -ctv differ, but keys and values are kept in one type "
                                   "so far: give both the same");
    for (const char *p = k; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        const struct bench_kv *kv = bench_find_kv(p, strcspn(p, ","));
        if (!kv || out->n_kv_types == BENCH_KV_TYPES)
            return cli_fail(CLI_USAGE,
                "-ctk cannot be \"%s\": expected f16, f32, q8_0 or q4_0, or several of them", k);
        out->kv_types[out->n_kv_types++] = kv->type;
    }
    return CLI_OK;
}

int cli_bench_plan(const struct cli_bench_options *o, struct cli_bench_plan *out)
{
    struct bench_list b, ub;
    int code = plan_tests(o, out);
    code = code ? code : parse(&b, "-b", o->batches, "2048");
    code = code ? code : parse(&ub, "-ub", o->ubatches, "512");
    code = code ? code : plan_cache(o, out);
    for (uint32_t i = 0; i < b.n && code == CLI_OK; i++)
        for (uint32_t k = 0; k < ub.n; k++) {
            if (!b.values[i] || !ub.values[k])
                return cli_fail(CLI_USAGE, "-b and -ub cannot be 0");
            out->batches[out->n_batches] = b.values[i];
            out->ubatches[out->n_batches++] = ub.values[k];
        }
    return code;
}
