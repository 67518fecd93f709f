/* Which tests: lists of numbers, types of cache, and the suites of other benchmarks. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUE = 1 << 24 };

static bool take_number(const char **text, uint32_t *out)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    unsigned long long value = strtoull(*text, &end, 10);
    *text = end;
    *out = (uint32_t)value;
    return value <= MOST_VALUE;
}

/* One item: a number, or a range with its step. */
static bool take_item(const char **text, struct bench_list *out)
{
    uint32_t first, last, step = 1;
    bool times = false;
    if (!take_number(text, &first))
        return false;
    last = first;
    if (**text == '-') {
        (*text)++;
        if (!take_number(text, &last) || last < first)
            return false;
        if (**text == '+' || **text == '*') {
            times = *(*text)++ == '*';
            if (!take_number(text, &step))
                return false;
        }
        if (times ? step < 2 || !first : !step)
            return false;
    }
    for (uint64_t x = first; x <= last; x = times ? x * step : x + step) {
        if (out->n == BENCH_MOST)
            return false;
        out->values[out->n++] = (uint32_t)x;
    }
    return true;
}

hekla_status bench_list_parse(
    struct bench_list *out, const char *what, const char *text, struct hekla_error *err)
{
    const char *p = text;
    bool more = true;
    *out = (struct bench_list){0};
    while (more && take_item(&p, out)) {
        more = *p == ',';
        p += more;
    }
    if (!more && !*p)
        return HEKLA_OK;
    return hekla_fail(err, HEKLA_ARGUMENT,
        "%s cannot be \"%.60s\": expected up to %d numbers from 0 to %d as 1,2 or 1-4 or "
        "0-8192+1024 "
        "or 1-64*2",
        what, text, BENCH_MOST, MOST_VALUE);
}

static const struct bench_test llama_bench[] = {{512, 0, 0}, {0, 128, 0}};
static const struct bench_test localscore[] = {{1024, 16, 0}, {4096, 256, 0}, {2048, 256, 0},
    {2048, 768, 0}, {1024, 1024, 0}, {1280, 3072, 0}, {384, 1152, 0}, {64, 1024, 0}, {16, 1536, 0}};
static const struct bench_test client[] = {
    {128, 256, 0}, {512, 512, 0}, {1024, 128, 0}, {1566, 256, 0}, {2059, 128, 0}};

const struct bench_test *bench_suite_tests(enum bench_suite suite, size_t *n)
{
    switch (suite) {
    case BENCH_SUITE_LOCALSCORE:
        *n = sizeof(localscore) / sizeof(localscore[0]);
        return localscore;
    case BENCH_SUITE_CLIENT:
        *n = sizeof(client) / sizeof(client[0]);
        return client;
    default:
        *n = sizeof(llama_bench) / sizeof(llama_bench[0]);
        return llama_bench;
    }
}

const char *bench_suite_name(enum bench_suite suite)
{
    return suite == BENCH_SUITE_LOCALSCORE ? "LocalScore's method, unofficial"
           : suite == BENCH_SUITE_CLIENT   ? "MLPerf Client's shapes, unofficial"
                                           : "llama-bench";
}

void bench_test_name(const json_t *row, char *out, size_t cap)
{
    unsigned p = (unsigned)bench_number(row, "n_prompt"), n = (unsigned)bench_number(row, "n_gen");
    unsigned d = (unsigned)bench_number(row, "n_depth");
    char depth[32] = "";
    if (d)
        snprintf(depth, sizeof(depth), " @ d%u", d);
    if (p && n)
        snprintf(out, cap, "pp%u+tg%u%s", p, n, depth);
    else
        snprintf(out, cap, "%s%u%s", n ? "tg" : "pp", n ? n : p, depth);
}

/* 32 quantised elements have a scale of four bytes. */
const struct bench_kv bench_kv_types[BENCH_KV_TYPES] = {{"f16", HEKLA_KV_F16, 2},
    {"f32", HEKLA_KV_F32, 4}, {"q8_0", HEKLA_KV_Q8_0, 1 + 4 / 32.0},
    {"q4_0", HEKLA_KV_Q4_0, 0.5 + 4 / 32.0}};

const struct bench_kv *bench_find_kv(const char *name, size_t n)
{
    for (size_t i = 0; i < BENCH_KV_TYPES; i++)
        if (strlen(bench_kv_types[i].name) == n && !memcmp(name, bench_kv_types[i].name, n))
            return &bench_kv_types[i];
    return NULL;
}
