/* Rows as llama-bench prints them: its table, CSV, JSON, JSON lines and SQL. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*row_fn)(struct bench_text *t, const json_t *row, void *user);

static void for_rows(struct bench_text *t, json_t *const *docs, size_t n, row_fn print, void *user)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *rows = bench_part(docs[i], "tests");
        for (size_t k = 0; k < json_array_size(rows); k++)
            print(t, json_array_get(rows, k), user);
    }
}

/* ---- the table ---- */

struct column {
    const char *title, *key;
    int width; /* negative: to the left */
    bool shown;
};
enum { MODEL, SIZE, PARAMS, BACKEND, NGL, BATCH, UBATCH, TYPE_K, TYPE_V, TEST, SPEED, N_COLUMNS };

static void find_columns(struct bench_text *t, const json_t *row, void *user)
{
    struct column *c = user;
    (void)t;
    c[BATCH].shown |= bench_number(row, "n_batch") != 2048;
    c[UBATCH].shown |= bench_number(row, "n_ubatch") != 512;
    c[TYPE_K].shown |= strcmp(bench_string(row, "type_k"), "f16") != 0;
    c[TYPE_V].shown |= strcmp(bench_string(row, "type_v"), "f16") != 0;
}

static void format_cell(const struct column *c, int which, const json_t *row, char *out, size_t cap)
{
    double x = c->key ? bench_number(row, c->key) : 0;
    switch (which) {
    case SIZE:
        snprintf(out, cap, x >= 1u << 30 ? "%.2f GiB" : "%.2f MiB",
            x / (x >= 1u << 30 ? 1u << 30 : 1u << 20));
        break;
    case PARAMS:
        snprintf(out, cap, x >= 1e9 ? "%.2f B" : "%.2f M", x / (x >= 1e9 ? 1e9 : 1e6));
        break;
    case NGL:
    case BATCH:
    case UBATCH:
        snprintf(out, cap, "%.0f", x);
        break;
    case TEST:
        bench_test_name(row, out, cap);
        break;
    case SPEED:
        snprintf(out, cap, "%.2f ± %.2f", x, bench_number(row, "stddev_ts"));
        break;
    default:
        snprintf(out, cap, "%s", bench_string(row, c->key));
    }
}

static void print_cells(struct bench_text *t, const json_t *row, void *user)
{
    const struct column *c = user;
    bench_printf(t, "|");
    for (int i = 0; i < N_COLUMNS; i++) {
        char cell[200];
        if (!c[i].shown)
            continue;
        format_cell(&c[i], i, row, cell, sizeof(cell));
        /* A sign of two bytes is one wide. */
        int extra = strstr(cell, "±") ? 1 : 0;
        bench_printf(t, " %*s |", c[i].width < 0 ? c[i].width : c[i].width + extra, cell);
    }
    bench_printf(t, "\n");
}

static void print_table(struct bench_text *t, json_t *const *docs, size_t n)
{
    struct column c[N_COLUMNS] = {{"model", "model_type", -30, true},
        {"size", "model_size", 10, true}, {"params", "model_n_params", 10, true},
        {"backend", "backends", -10, true}, {"ngl", "n_gpu_layers", 3, true},
        {"n_batch", "n_batch", 7, false}, {"n_ubatch", "n_ubatch", 8, false},
        {"type_k", "type_k", 6, false}, {"type_v", "type_v", 6, false}, {"test", NULL, 15, true},
        {"t/s", "avg_ts", 20, true}};
    for_rows(t, docs, n, find_columns, c);
    bench_printf(t, "|");
    for (int i = 0; i < N_COLUMNS; i++)
        if (c[i].shown)
            bench_printf(t, " %*s |", c[i].width, c[i].title);
    bench_printf(t, "\n|");
    for (int i = 0; i < N_COLUMNS; i++) {
        int width = abs(c[i].width);
        for (int k = 0; c[i].shown && k < width; k++)
            bench_printf(t, "%s%s", k ? "" : " ", c[i].width > 0 && k == width - 1 ? ":" : "-");
        bench_printf(t, "%s", c[i].shown ? " |" : "");
    }
    bench_printf(t, "\n");
    for_rows(t, docs, n, print_cells, c);
    bench_printf(t, "\nbuild: hekla %s (0)\n", hekla_version());
}

/* ---- the others ---- */

static void print_value(struct bench_text *t, const json_t *value)
{
    if (json_is_string(value))
        bench_printf(t, "%s", json_string_value(value));
    else if (json_is_boolean(value))
        bench_printf(t, "%d", json_is_true(value));
    else if (json_is_integer(value))
        bench_printf(t, "%lld", (long long)json_integer_value(value));
    else
        bench_printf(t, "%f", json_number_value(value));
}

static void print_quoted(struct bench_text *t, const json_t *value, char quote)
{
    struct bench_text plain = {0};
    print_value(&plain, value);
    bench_printf(t, "%c", quote);
    for (const char *p = plain.data; p && *p; p++)
        bench_printf(t, *p == quote ? "%c%c" : "%c", *p, *p);
    bench_printf(t, "%c", quote);
    bench_text_free(&plain);
}

static void print_csv(struct bench_text *t, const json_t *row, void *user)
{
    bool *header = user;
    for (int pass = *header ? 0 : 1; pass < 2; pass++) {
        const char *key, *comma = "";
        json_t *value;
        json_object_foreach((json_t *)row, key, value)
        {
            if (json_is_array(value))
                continue;
            bench_printf(t, "%s", comma);
            if (pass == 0)
                bench_printf(t, "%s", key);
            else
                print_quoted(t, value, '"');
            comma = ",";
        }
        bench_printf(t, "\n");
    }
    *header = false;
}

static const char *sql_type(const json_t *value)
{
    return json_is_string(value) ? "TEXT" : json_is_real(value) ? "REAL" : "INTEGER";
}

static void print_sql(struct bench_text *t, const json_t *row, void *user)
{
    bool *header = user;
    const char *key, *comma = "";
    json_t *value;
    if (*header) {
        bench_printf(t, "CREATE TABLE IF NOT EXISTS llama_bench (\n");
        json_object_foreach((json_t *)row, key, value)
        {
            if (json_is_array(value))
                continue;
            bench_printf(t, "%s  %s %s", comma, key, sql_type(value));
            comma = ",\n";
        }
        bench_printf(t, "\n);\n\n");
        *header = false;
    }
    bench_printf(t, "INSERT INTO llama_bench (");
    for (int pass = 0; pass < 2; pass++) {
        comma = "";
        json_object_foreach((json_t *)row, key, value)
        {
            if (json_is_array(value))
                continue;
            bench_printf(t, "%s", comma);
            if (pass == 0)
                bench_printf(t, "%s", key);
            else
                print_quoted(t, value, '\'');
            comma = ", ";
        }
        bench_printf(t, pass ? ");\n" : ") VALUES (");
    }
}

static void print_dump(struct bench_text *t, const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags);
    bench_printf(t, "%s\n", text ? text : "");
    t->failed |= !text;
    free(text);
}

static void print_jsonl(struct bench_text *t, const json_t *row, void *user)
{
    (void)user;
    print_dump(t, row, JSON_COMPACT);
}

static void collect(struct bench_text *t, const json_t *row, void *user)
{
    (void)t;
    json_array_append(user, (json_t *)row);
}

void bench_print_rows(struct bench_text *t, enum bench_format format, json_t *const *docs, size_t n)
{
    bool header = true;
    json_t *all = format == BENCH_JSON ? json_array() : NULL;
    if (format == BENCH_MD)
        print_table(t, docs, n);
    else if (format == BENCH_CSV)
        for_rows(t, docs, n, print_csv, &header);
    else if (format == BENCH_SQL)
        for_rows(t, docs, n, print_sql, &header);
    else if (format == BENCH_JSONL)
        for_rows(t, docs, n, print_jsonl, NULL);
    else {
        for_rows(t, docs, n, collect, all);
        print_dump(t, all, JSON_INDENT(2));
    }
    json_decref(all);
}
