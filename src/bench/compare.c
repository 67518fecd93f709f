/* Several results beside the first of them. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SAMPLES = 4096 };
#define DROP 0.95

static bool is_same_test(const json_t *a, const json_t *b)
{
    char x[96], y[96];
    bench_test_name(a, x, sizeof(x));
    bench_test_name(b, y, sizeof(y));
    return strcmp(x, y) == 0;
}

/* The row of doc for this test; one with other settings only if there is none with the same. */
static const json_t *find_test(const json_t *doc, const json_t *like)
{
    static const char *const keys[] = {"n_batch", "n_ubatch"};
    const json_t *rows = bench_part(doc, "tests"), *other = NULL;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!is_same_test(row, like))
            continue;
        bool same = !strcmp(bench_string(row, "type_k"), bench_string(like, "type_k"));
        for (int k = 0; k < 2; k++)
            same &= bench_number(row, keys[k]) == bench_number(like, keys[k]);
        if (same)
            return row;
        other = other ? other : row;
    }
    return other;
}

static struct bench_ratio ratio_of(const json_t *a, const json_t *b)
{
    double *x = calloc(2 * MOST_SAMPLES, sizeof(*x));
    struct bench_ratio r = {0};
    if (x) {
        size_t n = bench_samples(a, x, MOST_SAMPLES);
        r = bench_ratio_of(
            x, n, x + MOST_SAMPLES, bench_samples(b, x + MOST_SAMPLES, MOST_SAMPLES));
    }
    free(x);
    return r;
}

static double median_of(const json_t *row)
{
    double *x = calloc(MOST_SAMPLES, sizeof(*x));
    double median = x ? bench_stats_of(x, bench_samples(row, x, MOST_SAMPLES)).median : 0;
    free(x);
    return median;
}

static void print_run(struct bench_text *t, size_t i, const json_t *doc)
{
    const json_t *device = bench_part(doc, "device"), *model = bench_part(doc, "model");
    bench_printf(t, "[%c] %s %s, %s, %s%s%s, %s%s\n", (char)('A' + i % 26),
        bench_string(doc, "engine"), bench_string(doc, "engine_version"),
        bench_string(model, "type"), bench_string(device, "name"),
        *bench_string(device, "driver") ? ", " : "", bench_string(device, "driver"),
        bench_string(doc, "time"), bench_bool(doc, "complete") ? "" : " (incomplete)");
}

static void print_difference(
    struct bench_text *t, size_t i, const char *what, const char *a, const char *b)
{
    if (strcmp(a, b) != 0)
        bench_printf(t, "warning: [A] and [%c] differ in %s: %s, %s\n", (char)('A' + i % 26), what,
            *a ? a : "unknown", *b ? b : "unknown");
}

static void print_warnings(struct bench_text *t, size_t i, const json_t *a, const json_t *b)
{
    static const char *const counts[] = {"n_batch", "n_ubatch"};
    const json_t *rows = bench_part(a, "tests");
    print_difference(t, i, "the model", bench_string(bench_part(a, "model"), "type"),
        bench_string(bench_part(b, "model"), "type"));
    print_difference(t, i, "numerics", bench_string(a, "numerics"), bench_string(b, "numerics"));
    for (size_t k = 0; k < json_array_size(rows); k++) {
        const json_t *x = json_array_get(rows, k), *y = find_test(b, x);
        char name[96], left[32], right[32];
        bench_test_name(x, name, sizeof(name));
        if (!y) {
            bench_printf(t, "warning: [%c] has no %s\n", (char)('A' + i % 26), name);
            continue;
        }
        print_difference(
            t, i, "the KV cache's type", bench_string(x, "type_k"), bench_string(y, "type_k"));
        for (int c = 0; c < 2; c++) {
            snprintf(left, sizeof(left), "%.0f", bench_number(x, counts[c]));
            snprintf(right, sizeof(right), "%.0f", bench_number(y, counts[c]));
            print_difference(t, i, counts[c], left, right);
        }
        if (bench_bool(x, "partial") || bench_bool(y, "partial"))
            bench_printf(t, "warning: %s has fewer runs than were asked for\n", name);
    }
}

static void print_line(struct bench_text *t, size_t i, const json_t *a, const json_t *b)
{
    char name[96];
    struct bench_ratio r = ratio_of(b, a);
    bench_test_name(a, name, sizeof(name));
    bench_printf(t, "| %-16s | %c | %12.2f | %12.2f | %7.3f | ", name, (char)('A' + i % 26),
        median_of(a), median_of(b), r.ratio);
    if (r.low > 0)
        bench_printf(t, "%.3f to %.3f | %s |\n", r.low, r.high,
            r.low > 1    ? "faster"
            : r.high < 1 ? "slower"
                         : "within the noise");
    else
        bench_printf(t, "not known | too few runs |\n");
}

/* What the scoreboard's readers paste: a row for each result. */
static void print_scoreboard(struct bench_text *t, json_t *const *docs, size_t n)
{
    bench_printf(t, "\nFor a scoreboard:\n\n| device | driver | model | test: t/s | hekla |\n"
                    "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++) {
        const json_t *d = docs[i], *rows = bench_part(d, "tests");
        bench_printf(t, "| %s | %s | %s | ", bench_string(bench_part(d, "device"), "name"),
            bench_string(bench_part(d, "device"), "driver"),
            bench_string(bench_part(d, "model"), "type"));
        for (size_t k = 0; k < json_array_size(rows); k++) {
            const json_t *row = json_array_get(rows, k);
            char name[96];
            bench_test_name(row, name, sizeof(name));
            bench_printf(t, "%s%s: %.2f ± %.2f", k ? ", " : "", name, bench_number(row, "avg_ts"),
                bench_number(row, "stddev_ts"));
        }
        bench_printf(
            t, " | %s %s |\n", bench_string(d, "engine"), bench_string(d, "engine_version"));
    }
}

void bench_print_compare(struct bench_text *t, json_t *const *docs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        print_run(t, i, docs[i]);
    for (size_t i = 1; i < n; i++)
        print_warnings(t, i, docs[0], docs[i]);
    if (n > 1)
        bench_printf(t, "\n| test             |   |  median t/s A |   its median |   ratio | 95 %% "
                        "interval | verdict |\n| --- | --- | ---: | ---: | ---: | --- | --- |\n");
    for (size_t i = 1; i < n; i++) {
        const json_t *rows = bench_part(docs[0], "tests");
        for (size_t k = 0; k < json_array_size(rows); k++) {
            const json_t *a = json_array_get(rows, k), *b = find_test(docs[i], a);
            if (b)
                print_line(t, i, a, b);
        }
    }
    for (size_t i = 1; i < n; i++) {
        int same = bench_same_output(docs[0], docs[i]);
        bench_printf(t, "%ssame output, [A] and [%c]: %s\n", i == 1 ? "\n" : "",
            (char)('A' + i % 26),
            same < 0 ? "not known (another model or test, or no hash)"
            : same   ? "yes"
                     : "NO");
    }
    print_scoreboard(t, docs, n);
}

static bool is_same_place(const json_t *a, const json_t *b)
{
    return !strcmp(bench_string(bench_part(a, "device"), "name"),
               bench_string(bench_part(b, "device"), "name")) &&
           !strcmp(bench_string(bench_part(a, "model"), "name"),
               bench_string(bench_part(b, "model"), "name"));
}

static void print_change(struct bench_text *t, const char *what, const char *then, const char *now)
{
    if (strcmp(then, now) != 0)
        bench_printf(t, "; %s was %s and is %s", what, then, now);
}

static bool print_drop(
    struct bench_text *t, const json_t *then, const json_t *now, const json_t *row)
{
    const json_t *old = find_test(then, row);
    char name[96];
    if (!old || strcmp(bench_string(old, "type_k"), bench_string(row, "type_k")) ||
        bench_number(old, "n_ubatch") != bench_number(row, "n_ubatch"))
        return false;
    double ratio = median_of(row) / median_of(old);
    if (!(ratio < DROP))
        return false;
    struct bench_ratio r = ratio_of(row, old);
    bench_test_name(row, name, sizeof(name));
    bench_printf(t, "%s on %s is %.1f %% slower than on %s (%.2f t/s, then %.2f)", name,
        bench_string(bench_part(now, "device"), "name"), 100 * (1 - ratio),
        bench_string(then, "time"), median_of(row), median_of(old));
    if (r.low > 0)
        bench_printf(t, r.high < 1 ? ", more than the noise" : ", but within the noise");
    print_change(t, "the driver", bench_string(bench_part(then, "device"), "driver"),
        bench_string(bench_part(now, "device"), "driver"));
    print_change(
        t, "hekla", bench_string(then, "engine_version"), bench_string(now, "engine_version"));
    bench_printf(t, "\n");
    return true;
}

size_t bench_print_drops(struct bench_text *t, json_t *const *past, size_t n, const json_t *now)
{
    const json_t *rows = bench_part(now, "tests");
    size_t drops = 0;
    for (size_t k = 0; k < json_array_size(rows); k++) {
        const json_t *row = json_array_get(rows, k), *newest = NULL;
        for (size_t i = 0; i < n; i++)
            if (is_same_place(past[i], now) && find_test(past[i], row) &&
                strcmp(bench_string(past[i], "time"), bench_string(now, "time")) < 0 &&
                (!newest ||
                    strcmp(bench_string(past[i], "time"), bench_string(newest, "time")) > 0))
                newest = past[i];
        drops += newest && print_drop(t, newest, now, row);
    }
    return drops;
}
