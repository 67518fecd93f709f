#define _POSIX_C_SOURCE 200809L
#include "cli/bench.h"

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 4096 };

/* From the one that everybody compares with down; bytes: weights, context, and what else is on the
 * device. */
static const struct {
    const char *name;
    double gib;
} shapes[] = {
    {"llama3.1-8b:q4_k_m", 6.5}, {"llama3.2-3b:q4_k_m", 3.2}, {"llama3.2-1b:q4_k_m", 1.6}};
#define SMALL_SHAPE "llama-160m:q4_k_m"
#define CPU_SHAPE "tiny:q4_k_m"

struct bench {
    const struct cli_bench_options *options;
    struct cli_bench_plan *plan;
    json_t *docs;
    int code;
};

static bool tick(void *user, const char *what)
{
    (void)user;
    if (what)
        cli_notice(NULL, HEKLA_NOTICE_PROGRESS, what);
    return cli_interrupt_count() == 0;
}

static bool loading(void *user, double fraction)
{
    char line[64];
    (void)user;
    snprintf(line, sizeof(line), "weights: %.0f %%", 100 * fraction);
    return tick(NULL, line);
}

/* A model on a device; device NULL: the best. */
static void measure(struct bench *b, const char *path, const char *made, const char *device)
{
    const char *caps = getenv("HEKLA_CAPS");
    struct hekla_error err = {0};
    struct cli_proof proof;
    json_t *doc = NULL;
    cli_proof_open(&proof);
    struct bench_setup setup = {
        .model = {.path = path,
            .synthetic = made,
            .device = device,
            .caps = caps && *caps ? caps : NULL,
            .progress = loading,
            .proof = proof.proof,
            .notice = cli_notice},
        .tests = b->plan->tests,
        .n_tests = b->plan->n_tests,
        .batches = b->plan->batches,
        .ubatches = b->plan->ubatches,
        .n_batches = b->plan->n_batches,
        .kv_types = b->plan->kv_types,
        .n_kv_types = b->plan->n_kv_types,
        .numerics = (enum hekla_numerics)b->options->numerics,
        .repetitions = (uint32_t)b->options->repetitions,
        .suite = (enum bench_suite)b->options->suite,
        .no_warmup = b->options->no_warmup,
        .tick = tick,
    };
    hekla_status status = bench_measure(&doc, &setup, &err);
    cli_notice(NULL, HEKLA_NOTICE_PROGRESS, "");
    if (cli_interrupt_count() > 0)
        b->code = CLI_INTERRUPTED;
    else if (status != HEKLA_OK)
        b->code = cli_fail_status(status, &err);
    if (doc)
        json_array_append_new(b->docs, doc);
}

static const struct hekla_device_info *find_device(
    const struct hekla_device_info *list, size_t n, const char *which)
{
    for (size_t i = 0; i < n; i++) {
        const struct hekla_device_info *d = &list[i];
        if (which ? !strcmp(d->id, which) || !strcmp(d->uuid, which) || !strcmp(d->pci, which) ||
                        strstr(d->name, which)
                  : d->chosen)
            return d;
    }
    return NULL;
}

static const char *choose_shape(const struct hekla_device_info *device)
{
    if (!device || device->type == HEKLA_CPU)
        return CPU_SHAPE;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if ((double)device->memory_free_bytes > shapes[i].gib * (1u << 30))
            return shapes[i].name;
    return SMALL_SHAPE;
}

/* Calls measure for each item of a list with commas. */
static void measure_list(struct bench *b, const char *list, bool made, const char *device)
{
    char item[PATH];
    for (const char *p = list; p && b->code == CLI_OK;
         p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        size_t n = strcspn(p, ",");
        if (n >= sizeof(item) || n == 0) {
            b->code = cli_fail(CLI_USAGE, "\"%.60s\" is no list of models", list);
            return;
        }
        memcpy(item, p, n);
        item[n] = 0;
        measure(b, made ? NULL : item, made ? item : NULL, device);
    }
}

static void measure_device(
    struct bench *b, const struct hekla_device_info *list, size_t n, const char *device)
{
    const struct cli_bench_options *o = b->options;
    if (o->model)
        measure_list(b, o->model, false, device);
    if (o->synthetic)
        measure_list(b, o->synthetic, true, device);
    if (o->model || o->synthetic)
        return;
    const char *shape = choose_shape(find_device(list, n, device));
    cli_note("no model is named (-m, --synthetic): %s with random weights%s", shape,
        strcmp(shape, shapes[0].name) == 0 ? "" : ", as others are too large for the device");
    measure(b, NULL, shape, device);
}

static void measure_all(struct bench *b)
{
    struct hekla_device_info *list = NULL;
    struct hekla_error err = {0};
    char id[CLI_DEVICE_ID];
    size_t n = 0, visited = 0;
    b->code = cli_list_devices(&list, &n, &err);
    if (b->code == CLI_OK && !b->options->all_devices)
        measure_device(
            b, list, n, b->options->device ? b->options->device : cli_default_device(id));
    for (size_t i = 0; b->options->all_devices && i < n && b->code == CLI_OK; i++)
        if (list[i].usable && strcmp(list[i].id, "ref") != 0) {
            visited++;
            measure_device(b, list, n, list[i].id);
        }
    if (b->code == CLI_OK && b->options->all_devices && !visited)
        b->code = cli_fail(CLI_NO_DEVICE, "%s", err.text[0] ? err.text : "no device is usable");
    free(list);
}

static void print(const struct bench *b, json_t *const *docs, size_t n)
{
    struct bench_text t = {0};
    enum bench_format format = (enum bench_format)b->options->format;
    bench_print_rows(&t, format, docs, n);
    for (size_t i = 0; format == BENCH_MD && i < n; i++)
        bench_print_summary(&t, docs[i]);
    if (t.data)
        cli_write(t.data, t.n);
    bench_text_free(&t);
}

static int save_one(const char *path, const char *text, size_t n)
{
    struct hekla_error err = {0};
    hekla_status status = bench_write_text(path, text, n, &err);
    return status == HEKLA_OK ? CLI_OK : cli_fail_status(status, &err);
}

/* NAME.json holds one result, or a list of them as JSON lines; NAME.html all. */
static int save(const char *name, json_t *const *docs, size_t n)
{
    struct bench_text json = {0}, html = {0};
    char path[PATH];
    int code = CLI_OK;
    for (size_t i = 0; i < n; i++) {
        char *text = json_dumps(docs[i], n == 1 ? JSON_INDENT(2) : JSON_COMPACT);
        bench_printf(&json, "%s\n", text ? text : "");
        free(text);
    }
    bench_print_html(&html, docs, n);
    if (json.failed || html.failed)
        code = cli_fail(CLI_MEMORY, "not enough memory for the report");
    snprintf(path, sizeof(path), "%s.json", name);
    code = code ? code : save_one(path, json.data, json.n);
    snprintf(path, sizeof(path), "%s.html", name);
    code = code ? code : save_one(path, html.data, html.n);
    bench_text_free(&json);
    bench_text_free(&html);
    return code;
}

/* Before minutes of work. */
static int check_save(const char *name)
{
    struct hekla_error err = {0};
    char path[PATH];
    if (!name)
        return CLI_OK;
    if (snprintf(path, sizeof(path), "%s.json", name) >= (int)sizeof(path) - 1)
        return cli_fail(CLI_USAGE, "--save: the name is too long");
    hekla_status status = bench_check_path(path, &err);
    return status == HEKLA_OK ? CLI_OK : cli_fail_status(status, &err);
}

static int finish(struct bench *b)
{
    size_t n = json_array_size(b->docs);
    json_t **docs = calloc(n ? n : 1, sizeof(json_t *));
    if (!docs)
        return cli_fail(CLI_MEMORY, "not enough memory for the results");
    for (size_t i = 0; i < n; i++)
        docs[i] = json_array_get(b->docs, i);
    int code = b->code;
    if (n) {
        print(b, docs, n);
        for (size_t i = 0; i < n && !b->options->no_history; i++)
            cli_bench_keep(docs[i]);
        int saved = b->options->save ? save(b->options->save, docs, n) : CLI_OK;
        code = code ? code : saved;
    }
    if (b->code == CLI_INTERRUPTED)
        cli_note("interrupted: the results so far are %s", n ? "marked as incomplete" : "none");
    free(docs);
    return code;
}

int cli_bench(int argc, char **argv)
{
    struct cli_bench_options options = {0};
    bool help;
    int code = cli_bench_parse(argc, argv, &options, &help);
    if (code != CLI_OK || help)
        return code;
    if (options.history)
        return cli_bench_history();
    struct cli_bench_plan *plan = calloc(1, sizeof(*plan));
    struct bench b = {.options = &options, .plan = plan, .docs = json_array()};
    if (!plan || !b.docs)
        code = cli_fail(CLI_MEMORY, "not enough memory to measure");
    code = code ? code : cli_bench_plan(&options, plan);
    code = code ? code : check_save(options.save);
    if (code == CLI_OK) {
        measure_all(&b);
        code = finish(&b);
    }
    json_decref(b.docs);
    free(plan);
    return code;
}
