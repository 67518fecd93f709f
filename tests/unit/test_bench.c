/* Lists, statistics, reading results, comparing them and showing them. */
#include "bench/bench.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void expect_list(const char *text, size_t n, const uint32_t *values)
{
    struct bench_list list;
    struct hekla_error err = {0};
    if (bench_list_parse(&list, "-p", text, &err))
        fail_msg("%s", err.text);
    assert_int_equal(list.n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(list.values[i], values[i]);
}

static void lists(void **state)
{
    static const char *const bad[] = {"", ",", "1,", "-1", "1-", "4-1", "1-4+0", "0-4*2", "1-4*1",
        "1 2", "99999999", "1-1000", "x", "1;2"};
    (void)state;
    expect_list("512", 1, (uint32_t[]){512});
    expect_list("1,2,4", 3, (uint32_t[]){1, 2, 4});
    expect_list("1-3", 3, (uint32_t[]){1, 2, 3});
    expect_list("0-8192+4096,7", 4, (uint32_t[]){0, 4096, 8192, 7});
    expect_list("1-9*3", 3, (uint32_t[]){1, 3, 9});
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bench_list list;
        struct hekla_error err = {0};
        assert_int_equal(bench_list_parse(&list, "-p", bad[i], &err), HEKLA_ARGUMENT);
        assert_non_null(strstr(err.text, "-p"));
    }
}

static void statistics(void **state)
{
    double x[] = {3, 1, 2, 5, 4};
    struct bench_stats s = bench_stats_of(x, 5);
    (void)state;
    assert_true(fabs(s.mean - 3) < 1e-12 && s.median == 3);
    assert_true(fabs(s.stddev - sqrt(2.5)) < 1e-12);
    assert_true(fabs(s.high - (3 + 2.776 * sqrt(2.5 / 5))) < 1e-9);
    assert_true(bench_quantile(x, 5, 0.5) == 3 && bench_quantile(x, 5, 0.99) == 5);
    assert_true(bench_stats_of(x, 1).low == 0 && bench_stats_of(x, 0).mean == 0);
    struct bench_ratio r = bench_ratio_of((double[]){10, 10, 10}, 3, (double[]){5, 5, 5}, 3);
    assert_true(fabs(r.ratio - 2) < 1e-12 && fabs(r.low - 2) < 1e-9);
    assert_true(bench_ratio_of(x, 1, x, 5).low == 0 && bench_ratio_of(x, 0, x, 5).ratio == 0);
}

static double uniform(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(*random >> 11) + 0.5) / 9007199254740992.0;
}

/* Intervals of samples of 5 from a normal distribution cover its mean 95 times in 100. */
static void coverage(void **state)
{
    enum { TRIALS = 4000, N = 5 };
    uint64_t random = 7;
    int covered = 0, ratios = 0;
    (void)state;
    for (int i = 0; i < TRIALS; i++) {
        double x[2][N];
        for (int k = 0; k < 2 * N; k++)
            x[k / N][k % N] = 100 + 3 * sqrt(-2 * log(uniform(&random))) *
                                        cos(6.283185307179586 * uniform(&random));
        struct bench_stats s = bench_stats_of(x[0], N);
        struct bench_ratio r = bench_ratio_of(x[0], N, x[1], N);
        covered += s.low <= 100 && s.high >= 100;
        ratios += r.low <= 1 && r.high >= 1;
    }
    printf("coverage of %d intervals: mean %.1f %%, ratio %.1f %%\n", (int)TRIALS,
        100.0 * covered / TRIALS, 100.0 * ratios / TRIALS);
    assert_in_range(covered, TRIALS * 94 / 100, TRIALS * 96 / 100);
    assert_in_range(ratios, TRIALS * 94 / 100, TRIALS * 97 / 100);
}

static json_t *parse(const char *text)
{
    struct hekla_error err = {0};
    json_t *docs = json_array();
    if (bench_parse(docs, text, strlen(text), "test", &err))
        fail_msg("%s", err.text);
    return docs;
}

#define ROW(p, n, speed)                                                                           \
    "{\"build_commit\": \"abc\", \"gpu_info\": \"G\", \"model_type\": \"llama 7B Q4_0\", "         \
    "\"n_batch\": 2048, \"n_ubatch\": 512, \"type_k\": \"f16\", \"n_prompt\": " #p                 \
    ", \"n_gen\": " #n ", \"avg_ts\": " #speed ", \"samples_ts\": [" #speed ", " #speed "]}"
#define OURS(when, driver, hash, speed)                                                            \
    "{\"schema\": \"hekla-bench\", \"schema_version\": 1, \"engine\": \"hekla\", \"time\": "       \
    "\"" when "\", \"complete\": true, \"device\": {\"name\": \"G\", \"driver\": \"" driver        \
    "\"}, \"model\": {\"name\": \"m\", \"type\": \"llama 7B Q4_0\"}, \"tests\": [{\"n_prompt\": "  \
    "0, "                                                                                          \
    "\"n_gen\": 128, \"n_batch\": 2048, \"n_ubatch\": 512, \"type_k\": \"f16\", "                  \
    "\"avg_ts\": " #speed ", \"samples_ts\": [" #speed ", " #speed ".5], \"output_hash\": \"" hash \
    "\"}]}"

static void files(void **state)
{
    static const char *const bad[] = {"", "[", "{}", "[1]", "[]", "3", "[{\"n_prompt\": 1}]",
        "{\"schema\": \"hekla-bench\", \"schema_version\": 2, \"tests\": []}",
        "{\"schema\": \"hekla-bench\", \"schema_version\": 1}",
        "[{\"n_prompt\": -1, \"n_gen\": 0, \"avg_ts\": 1}]",
        "[{\"n_prompt\": 1, \"n_gen\": 0, \"avg_ts\": 1, \"samples_ts\": 3}]"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hekla_error err = {0};
        json_t *docs = json_array();
        assert_int_not_equal(bench_parse(docs, bad[i], strlen(bad[i]), "bad.json", &err), HEKLA_OK);
        assert_non_null(strstr(err.text, "bad.json"));
        json_decref(docs);
    }
    json_t *docs = parse("[" ROW(512, 0, 1000) ", " ROW(0, 128, 100) "]");
    assert_int_equal(json_array_size(docs), 1); /* a model on a device */
    assert_int_equal(json_array_size(bench_part(json_array_get(docs, 0), "tests")), 2);
    json_decref(docs);
    docs = parse(ROW(512, 0, 1000) "\n" ROW(0, 128, 100) "\n"); /* JSONL */
    assert_int_equal(json_array_size(bench_part(json_array_get(docs, 0), "tests")), 2);
    json_decref(docs);
}

static char *text_of(
    void (*print)(struct bench_text *, json_t *const *, size_t), const char *a, const char *b)
{
    struct bench_text t = {0};
    json_t *x = parse(a), *y = parse(b), *list[2] = {json_array_get(x, 0), json_array_get(y, 0)};
    print(&t, list, 2);
    json_decref(x);
    json_decref(y);
    assert_false(t.failed);
    return t.data;
}

static void expect_in(char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("\"%s\" is not in:\n%s", what, text);
}

static void comparing(void **state)
{
    (void)state;
    char *text = text_of(bench_print_compare, "[" ROW(0, 128, 50) "]",
        OURS("2026-01-02T00:00:00Z", "d1", "aa", 100));
    expect_in(text, "|   2.005 |"); /* of 50 and 50 to 100 and 100.5 */
    expect_in(text, "not known (another model or test, or no hash)");
    expect_in(text, "For a scoreboard");
    free(text);
    text = text_of(bench_print_compare, OURS("2026-01-01T00:00:00Z", "d1", "aa", 100),
        OURS("2026-01-02T00:00:00Z", "d2", "aa", 100));
    expect_in(text, "same output, [A] and [B]: yes");
    expect_in(text, "within the noise");
    free(text);
    text = text_of(bench_print_compare, OURS("2026-01-01T00:00:00Z", "d1", "aa", 100),
        OURS("2026-01-02T00:00:00Z", "d2", "ab", 100));
    expect_in(text, "same output, [A] and [B]: NO");
    free(text);
}

/* The second result is slower than the first: by how much, and what changed. */
static size_t drops_of(const char *then, const char *now, char **text)
{
    struct bench_text t = {0};
    json_t *x = parse(then), *y = parse(now), *past = json_array_get(x, 0);
    size_t n = bench_print_drops(&t, &past, 1, json_array_get(y, 0));
    json_decref(x);
    json_decref(y);
    *text = t.data;
    return n;
}

static void drops(void **state)
{
    char *text;
    (void)state;
    assert_int_equal(drops_of(OURS("2026-01-01T00:00:00Z", "d1", "aa", 100),
                         OURS("2026-01-02T00:00:00Z", "d2", "aa", 90), &text),
        1);
    expect_in(text, "10.0 % slower");
    expect_in(text, "the driver was d1 and is d2");
    free(text);
    assert_int_equal(drops_of(OURS("2026-01-01T00:00:00Z", "d1", "aa", 100),
                         OURS("2026-01-02T00:00:00Z", "d2", "aa", 97), &text),
        0);
    free(text);
    assert_int_equal(drops_of(OURS("2026-01-03T00:00:00Z", "d1", "aa", 100),
                         OURS("2026-01-02T00:00:00Z", "d2", "aa", 50), &text),
        0); /* the past comes before */
    free(text);
}

/* A page that loads nothing, and takes names as text. */
static void pages(void **state)
{
    (void)state;
    char *text = text_of(bench_print_html, OURS("2026-01-01T00:00:00Z", "<b>&", "aa", 100),
        OURS("2026-01-02T00:00:00Z", "d2", "aa", 90));
    expect_in(text, "&lt;b&gt;&amp;");
    expect_in(text, "role=\"img\" aria-label=");
    expect_in(text, "prefers-color-scheme:dark");
    expect_in(text, "@media print");
    assert_null(strstr(text, "<b>"));
    assert_null(strstr(text, "http"));
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "url("));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(statistics),
        cmocka_unit_test(coverage),
        cmocka_unit_test(files),
        cmocka_unit_test(comparing),
        cmocka_unit_test(drops),
        cmocka_unit_test(pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
