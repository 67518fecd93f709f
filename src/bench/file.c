/* Results as files: ours, and llama-bench's JSON and JSONL. What is read is checked as far as the
 * rest relies on it; keys that are absent or unknown are no error. */
#include "bench/bench.h"

#include "base/mapfile.h"
#include "base/outfile.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define MOST_BYTES (64u << 20)
enum { MOST_ROWS = 4096, MOST_SAMPLES = 4096 };

static bool is_count(const json_t *value)
{
    double x = json_number_value(value);
    return json_is_integer(value) && x >= 0 && x <= 1u << 24;
}

static hekla_status check_row(
    const json_t *row, const char *name, size_t i, struct hekla_error *err)
{
    static const char *const counts[] = {"n_prompt", "n_gen"};
    const json_t *samples = json_object_get(row, "samples_ts");
    const json_t *depth = json_object_get(row, "n_depth");
    if (!json_is_object(row))
        return hekla_fail(err, HEKLA_FORMAT, "%s: test %zu is not an object", name, i);
    for (int k = 0; k < 2; k++)
        if (!is_count(json_object_get(row, counts[k])))
            return hekla_fail(err, HEKLA_FORMAT,
                "%s: test %zu has no %s, expected a number of tokens", name, i, counts[k]);
    if (depth && !is_count(depth))
        return hekla_fail(
            err, HEKLA_FORMAT, "%s: n_depth of test %zu is not a number of tokens", name, i);
    if (!(bench_number(row, "avg_ts") > 0))
        return hekla_fail(
            err, HEKLA_FORMAT, "%s: test %zu has no avg_ts, expected tokens a second", name, i);
    if (samples && (!json_is_array(samples) || json_array_size(samples) > MOST_SAMPLES))
        return hekla_fail(err, HEKLA_FORMAT,
            "%s: samples_ts of test %zu are not a list of up to %d numbers", name, i,
            (int)MOST_SAMPLES);
    return HEKLA_OK;
}

static hekla_status check_rows(const json_t *rows, const char *name, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    if (!json_is_array(rows) || json_array_size(rows) > MOST_ROWS)
        return hekla_fail(
            err, HEKLA_FORMAT, "%s: expected a list of up to %d tests", name, (int)MOST_ROWS);
    for (size_t i = 0; i < json_array_size(rows) && status == HEKLA_OK; i++)
        status = check_row(json_array_get(rows, i), name, i, err);
    return status;
}

static hekla_status take_ours(json_t *docs, json_t *doc, const char *name, struct hekla_error *err)
{
    const json_t *version = json_object_get(doc, "schema_version");
    if (!json_is_integer(version) || json_integer_value(version) != BENCH_SCHEMA_VERSION)
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: its schema_version is not %d; another version of hekla wrote it", name,
            BENCH_SCHEMA_VERSION);
    hekla_status status = check_rows(bench_part(doc, "tests"), name, err);
    if (status == HEKLA_OK && json_array_append(docs, doc) != 0)
        return hekla_fail(err, HEKLA_MEMORY, "not enough memory for %s", name);
    return status;
}

/* The document among those after `first` that a foreign row belongs to, or a new one. */
static json_t *find_home(json_t *docs, size_t first, const json_t *row)
{
    static const char *const keys[] = {"model_type", "gpu_info", "build_commit", "backends"};
    for (size_t i = first; i < json_array_size(docs); i++) {
        json_t *doc = json_array_get(docs, i);
        const json_t *like = json_array_get(bench_part(doc, "tests"), 0);
        bool same = true;
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
            same &= strcmp(bench_string(like, keys[k]), bench_string(row, keys[k])) == 0;
        if (same)
            return doc;
    }
    json_t *doc = json_pack("{s:s, s:i, s:s, s:s, s:s, s:b, s:{s:s}, s:{s:s, s:s, s:f, s:f}, s:[]}",
        "schema", BENCH_SCHEMA, "schema_version", BENCH_SCHEMA_VERSION, "engine", "llama.cpp",
        "engine_version", bench_string(row, "build_commit"), "time", bench_string(row, "test_time"),
        "complete", 1, "device", "name", bench_string(row, "gpu_info"), "model", "name",
        bench_string(row, "model_filename"), "type", bench_string(row, "model_type"), "size_bytes",
        bench_number(row, "model_size"), "n_params", bench_number(row, "model_n_params"), "tests");
    return doc && json_array_append_new(docs, doc) == 0 ? doc : NULL;
}

static hekla_status take_foreign(
    json_t *docs, const json_t *rows, const char *name, struct hekla_error *err)
{
    size_t first = json_array_size(docs);
    hekla_status status = check_rows(rows, name, err);
    if (status == HEKLA_OK && !json_array_size(rows))
        return hekla_fail(err, HEKLA_FORMAT, "%s: has no tests", name);
    for (size_t i = 0; i < json_array_size(rows) && status == HEKLA_OK; i++) {
        json_t *row = json_array_get(rows, i), *doc = find_home(docs, first, row);
        if (!doc || json_array_append(json_object_get(doc, "tests"), row) != 0)
            status = hekla_fail(err, HEKLA_MEMORY, "not enough memory for %s", name);
    }
    return status;
}

/* JSONL: an object a line. */
static json_t *parse_lines(const char *text, size_t n, json_error_t *error)
{
    json_t *rows = json_array();
    for (size_t at = 0, end; at < n && rows; at = end + 1) {
        const char *newline = memchr(text + at, '\n', n - at);
        end = newline ? (size_t)(newline - text) : n;
        if (end - at < 2) /* empty, but for a carriage return */
            continue;
        json_t *row = json_array_size(rows) < MOST_ROWS
                          ? json_loadb(text + at, end - at, JSON_REJECT_DUPLICATES, error)
                          : NULL;
        if (!row || json_array_append_new(rows, row) != 0) {
            json_decref(rows);
            rows = NULL;
        }
    }
    return rows;
}

hekla_status bench_parse(
    json_t *docs, const char *text, size_t n, const char *name, struct hekla_error *err)
{
    json_error_t error, ignored;
    hekla_status status;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        root = parse_lines(text, n, &ignored);
    if (!root)
        return hekla_fail(
            err, HEKLA_FORMAT, "%s: line %d is not JSON: %.80s", name, error.line, error.text);
    if (strcmp(bench_string(root, "schema"), BENCH_SCHEMA) == 0) {
        status = take_ours(docs, root, name, err);
    } else if (json_is_object(root) && json_object_get(root, "avg_ts")) {
        json_t *rows = json_pack("[O]", root); /* one line of JSONL */
        status = take_foreign(docs, rows, name, err);
        json_decref(rows);
    } else if (json_is_array(root)) {
        status = take_foreign(docs, root, name, err);
    } else {
        status = hekla_fail(err, HEKLA_FORMAT,
            "%s: is neither a result of \"hekla bench\" nor llama-bench's JSON", name);
    }
    json_decref(root);
    return status;
}

hekla_status bench_read(json_t *docs, const char *path, struct hekla_error *err)
{
    struct mapfile m;
    const char *name = utf8_tail(path, 200);
    hekla_status status = mapfile_open(&m, path, err);
    if (status != HEKLA_OK)
        return status;
    if (!m.size || m.size > MOST_BYTES)
        status = hekla_fail(err, HEKLA_FORMAT, "%s: has %llu bytes, expected 1 to %u", name,
            (unsigned long long)m.size, MOST_BYTES);
    else
        status = bench_parse(docs, (const char *)m.data, (size_t)m.size, name, err);
    mapfile_close(&m);
    return status;
}

hekla_status bench_check_path(const char *path, struct hekla_error *err)
{
    struct outfile f;
    hekla_status status = outfile_open(&f, path, err);
    if (status == HEKLA_OK)
        outfile_abandon(&f);
    return status;
}

hekla_status bench_write_text(const char *path, const char *text, size_t n, struct hekla_error *err)
{
    struct outfile f;
    hekla_status status = outfile_open(&f, path, err);
    if (status == HEKLA_OK)
        status = outfile_write(&f, 0, text, n, err);
    if (status != HEKLA_OK) {
        outfile_abandon(&f);
        return status;
    }
    return outfile_commit(&f, err);
}

hekla_status bench_write(const char *path, const json_t *doc, struct hekla_error *err)
{
    char *text = json_dumps(doc, JSON_INDENT(2));
    if (!text)
        return hekla_fail(err, HEKLA_MEMORY, "not enough memory for a result");
    struct bench_text t = {0};
    bench_printf(&t, "%s\n", text);
    hekla_status status = t.failed ? hekla_fail(err, HEKLA_MEMORY, "not enough memory for a result")
                                   : bench_write_text(path, t.data, t.n, err);
    free(text);
    bench_text_free(&t);
    return status;
}
