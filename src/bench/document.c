/* Reading documents, whoever wrote them. */
#include "bench/bench.h"

#include <math.h>
#include <string.h>

const char *bench_string(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

double bench_number(const json_t *object, const char *key)
{
    double x = json_number_value(json_object_get(object, key));
    return isfinite(x) ? x : 0;
}

bool bench_bool(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

const json_t *bench_part(const json_t *doc, const char *key)
{
    return json_object_get(doc, key);
}

double bench_limit_read(const json_t *doc)
{
    const json_t *l = bench_part(doc, "limits");
    return fmax(bench_number(l, "read_bytes_per_second"), bench_number(l, "copy_bytes_per_second"));
}

double bench_limit_compute(const json_t *doc)
{
    const json_t *l = bench_part(doc, "limits");
    return fmax(bench_number(l, "f32_operations_per_second"),
        bench_number(l, "int_dot_operations_per_second"));
}

size_t bench_samples(const json_t *row, double *out, size_t cap)
{
    const json_t *list = json_object_get(row, "samples_ts");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list) && n < cap; i++) {
        double x = json_number_value(json_array_get(list, i));
        if (x > 0 && isfinite(x))
            out[n++] = x;
    }
    /* Only the mean is there. */
    if (!n && cap && bench_number(row, "avg_ts") > 0)
        out[n++] = bench_number(row, "avg_ts");
    return n;
}

/* Rows of the same test and model, whose hashes can be compared. */
static bool is_same_test(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"n_prompt", "n_gen", "n_depth"};
    bool same = true;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        same &= bench_number(a, keys[i]) == bench_number(b, keys[i]);
    return same && !strcmp(bench_string(a, "type_k"), bench_string(b, "type_k"));
}

int bench_same_output(const json_t *a, const json_t *b)
{
    const json_t *rows_a = bench_part(a, "tests"), *rows_b = bench_part(b, "tests");
    int same = -1;
    if (strcmp(bench_string(bench_part(a, "model"), "name"),
            bench_string(bench_part(b, "model"), "name")) != 0)
        return -1;
    for (size_t i = 0; i < json_array_size(rows_a); i++)
        for (size_t k = 0; k < json_array_size(rows_b); k++) {
            const json_t *x = json_array_get(rows_a, i), *y = json_array_get(rows_b, k);
            const char *hash_x = bench_string(x, "output_hash");
            const char *hash_y = bench_string(y, "output_hash");
            if (*hash_x && *hash_y && is_same_test(x, y))
                same = strcmp(hash_x, hash_y) == 0 && same != 0;
        }
    return same;
}

/* LocalScore: 10 * cube root of (mean prompt tokens/s * mean generated tokens/s * 1000 / mean ms to
 * the first token). Client: the geometric mean of generated tokens/s. */
double bench_score(const json_t *doc)
{
    const char *suite = bench_string(doc, "suite");
    const json_t *rows = bench_part(doc, "tests");
    size_t n = json_array_size(rows);
    bool local = strcmp(suite, bench_suite_name(BENCH_SUITE_LOCALSCORE)) == 0;
    double pp = 0, tg = 0, ttft = 0, logs = 0;
    if (!n || !bench_bool(doc, "complete") ||
        (!local && strcmp(suite, bench_suite_name(BENCH_SUITE_CLIENT)) != 0))
        return 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i);
        double gen = bench_number(row, "gen_ts");
        pp += bench_number(row, "prompt_ts") / (double)n;
        tg += gen / (double)n;
        ttft += bench_number(row, "ttft_ms") / (double)n;
        logs += gen > 0 ? log(gen) / (double)n : -HUGE_VAL;
    }
    if (!local)
        return exp(logs);
    return ttft > 0 ? 10 * cbrt(pp * tg * 1000 / ttft) : 0;
}
