/* A model on a device: opened, the device's limits measured, then all tests. */
#include "bench/run.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const device_types[] = {"discrete GPU", "integrated GPU", "GPU", "CPU"};

static json_t *describe_device(const struct hekla_device_info *d)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:i, s:s}", "name", d->name, "uuid",
        d->uuid, "pci", d->pci, "driver", d->driver, "type", device_types[d->type & 3],
        "memory_bytes", (json_int_t)d->memory_bytes, "memory_free_bytes",
        (json_int_t)d->memory_free_bytes, "host_visible", d->host_visible, "subgroup_size",
        (int)d->subgroup_size, "features", d->paths);
}

static json_t *describe_limits(const struct hekla_limits *l)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:I, s:b}", "read_bytes_per_second", l->read,
        "copy_bytes_per_second", l->copy, "f32_operations_per_second", l->f32,
        "int_dot_operations_per_second", l->int_dot, "weights_bytes_per_second", l->weights_read,
        "weights_bytes", (json_int_t)l->weights_bytes, "spilled", l->spilled);
}

static json_t *describe_model(const struct bench_setup *setup, const struct hekla_model_info *info)
{
    char type[160];
    const char *path = setup->model.path, *made = setup->model.synthetic;
    bench_model_type(info, type, sizeof(type));
    return json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:i, s:i, s:i}", "name", info->name,
        "type", type, "filename",
        path   ? path
        : made ? made
               : "built in",
        "synthetic", !path && made != NULL, "size_bytes", (json_int_t)info->file_bytes, "n_params",
        (json_int_t)info->n_params, "decode_bytes", (json_int_t)info->decode_bytes, "device_bytes",
        (json_int_t)info->device_bytes, "n_layer", (int)info->n_layer, "n_embd", (int)info->n_embd,
        "n_vocab", (int)info->n_vocab);
}

const char *bench_numerics(const struct bench_setup *setup)
{
    return setup->numerics == HEKLA_NUMERICS_FAST ? "fast" : "exact";
}

static json_t *find_caveats(const struct bench_runner *r)
{
    json_t *list = json_array();
    enum hekla_device_type type = r->limits.device.type;
    if (type == HEKLA_CPU)
        json_array_append_new(list,
            json_string("a processor plays the GPU: these numbers are not a graphics card's"));
    if (type == HEKLA_GPU_INTEGRATED)
        json_array_append_new(
            list, json_string("the GPU shares its memory's bandwidth with the processor"));
    if (r->setup->model.synthetic && !r->setup->model.path)
        json_array_append_new(list,
            json_string("weights are random: fair for the speed of dense models, not for power"));
    if (r->limits.read > 0 && r->info.decode_bytes < 64u << 20)
        json_array_append_new(list,
            json_string("the weights are small enough for a cache: more than 100 % of the memory's "
                        "bandwidth is possible"));
    json_array_append_new(list,
        json_string(r->setup->numerics == HEKLA_NUMERICS_FAST
                        ? "numerics are fast: prompts go through half-precision matrices, results "
                          "differ from device to device, and no limit was measured for them"
                        : "numerics are exact: the same bits on every device, sampling included "
                          "in tg"));
    return list;
}

static json_t *create_document(const struct bench_runner *r)
{
    char t[32];
    bench_time(t);
    json_t *doc = json_pack("{s:s, s:i, s:s, s:s, s:s, s:b, s:s, s:s}", "schema", BENCH_SCHEMA,
        "schema_version", BENCH_SCHEMA_VERSION, "engine", "hekla", "engine_version",
        hekla_version(), "time", t, "complete", 0, "stopped", "", "suite",
        bench_suite_name(r->setup->suite));
    json_object_set_new(doc, "numerics", json_string(bench_numerics(r->setup)));
    json_object_set_new(doc, "device", describe_device(&r->limits.device));
    json_object_set_new(doc, "model", describe_model(r->setup, &r->info));
    json_object_set_new(doc, "limits", describe_limits(&r->limits));
    json_object_set_new(doc, "caveats", find_caveats(r));
    json_object_set_new(doc, "tests", json_array());
    return doc;
}

static bool tick(const struct bench_runner *r, const char *what)
{
    return !r->setup->tick || r->setup->tick(r->setup->user, what);
}

/* Once more where the first run only warms up. */
static hekla_status repeat(
    struct bench_runner *r, struct bench_runs *runs, bool *stopped, struct hekla_error *err)
{
    const struct bench_test *t = runs->test;
    uint32_t warm = r->setup->no_warmup ? 0 : 1, all = r->setup->repetitions + warm;
    json_t *shape = json_pack("{s:i, s:i, s:i}", "n_prompt", (int)t->n_prompt, "n_gen",
        (int)t->n_gen, "n_depth", (int)t->n_depth);
    char name[96], what[160];
    hekla_status status = HEKLA_OK;
    bench_test_name(shape, name, sizeof(name));
    json_decref(shape);
    for (uint32_t i = 0; i < all && status == HEKLA_OK && !*stopped; i++) {
        struct bench_once once;
        /* A warm-up decodes one token, as llama-bench's does. */
        struct bench_test short_test = {t->n_prompt, t->n_gen ? 1 : 0, t->n_depth};
        bool real = i >= warm;
        snprintf(what, sizeof(what), "%s: %s %u of %u", name, real ? "run" : "warm-up",
            real ? i + 1 - warm : 1, real ? all - warm : 1);
        *stopped = !tick(r, what);
        if (*stopped)
            break;
        double *gaps = real && runs->gaps ? runs->gaps + runs->n_gaps : NULL;
        status = bench_run_once(r, real ? t : &short_test, &once, gaps, err);
        *stopped |= status == HEKLA_OK && once.stopped;
        if (status != HEKLA_OK || once.stopped || !real)
            continue;
        runs->once[runs->n++] = once;
        runs->n_gaps += t->n_gen;
    }
    return status;
}

static hekla_status run_test(struct bench_runner *r, const struct bench_settings *settings,
    const struct bench_test *test, bool *stopped, struct hekla_error *err)
{
    char started[32];
    size_t n = r->setup->repetitions;
    struct bench_runs runs = {.test = test,
        .settings = settings,
        .once = calloc(n, sizeof(*runs.once)),
        .gaps = calloc(n * (test->n_gen + 1), sizeof(double)),
        .started = started};
    bench_time(started);
    hekla_status status = runs.once && runs.gaps
                              ? repeat(r, &runs, stopped, err)
                              : hekla_fail(err, HEKLA_MEMORY, "not enough memory for results");
    if (runs.n) {
        json_t *row = bench_row(r, &runs);
        json_object_set_new(row, "partial", json_boolean(runs.n < n));
        json_array_append_new(json_object_get(r->doc, "tests"), row);
        if (r->setup->row)
            r->setup->row(r->setup->user, r->doc, row);
    }
    free(runs.once);
    free(runs.gaps);
    return status;
}

static const char *kv_name(const struct bench_runner *r, enum hekla_kv_type type)
{
    if (type == HEKLA_KV_AUTO)
        type = strcmp(r->info.type_name, "F32") == 0 ? HEKLA_KV_F32 : HEKLA_KV_F16;
    size_t i = 0;
    while (bench_kv_types[i].type != type)
        i++;
    return bench_kv_types[i].name;
}

/* All tests in a session of these settings. */
static hekla_status run_session(struct bench_runner *r, size_t batch, enum hekla_kv_type kv,
    bool *stopped, struct hekla_error *err)
{
    const struct bench_setup *s = r->setup;
    uint32_t b = s->batches[batch], ub = s->ubatches[batch];
    struct bench_settings settings = {b, ub, kv_name(r, kv)};
    hekla_status status = hekla_session_open(&r->session, r->model,
        &(struct hekla_session_options){
            .n_ctx = r->n_ctx, .n_batch = b < ub ? b : ub, .kv_type = kv, .numerics = s->numerics},
        err);
    for (size_t i = 0; i < s->n_tests && status == HEKLA_OK && !*stopped; i++)
        status = run_test(r, &settings, &s->tests[i], stopped, err);
    hekla_session_close(r->session);
    r->session = NULL;
    return status;
}

static hekla_status run_all(struct bench_runner *r, bool *stopped, struct hekla_error *err)
{
    const struct bench_setup *s = r->setup;
    hekla_status status = HEKLA_OK;
    for (size_t i = 0; i < s->n_tests; i++) {
        uint32_t n = s->tests[i].n_depth + s->tests[i].n_prompt + s->tests[i].n_gen + 2;
        r->n_ctx = n > r->n_ctx ? n : r->n_ctx;
    }
    for (size_t b = 0; b < s->n_batches; b++)
        for (size_t k = 0; k < s->n_kv_types && status == HEKLA_OK && !*stopped; k++)
            status = run_session(r, b, s->kv_types[k], stopped, err);
    if (status == HEKLA_OK && !*stopped && tick(r, "times of kernels"))
        status = bench_profile(r, err);
    return status;
}

hekla_status bench_measure(json_t **doc, const struct bench_setup *setup, struct hekla_error *err)
{
    struct bench_runner r = {.setup = setup};
    struct hekla_error local = {0};
    bool stopped = false;
    err = err ? err : &local;
    hekla_error_clear(err);
    *doc = NULL;
    hekla_status status = hekla_model_open(&r.model, &setup->model, err);
    if (status != HEKLA_OK)
        return status;
    hekla_model_get_info(r.model, &r.info);
    if (r.info.embeds_only) {
        hekla_model_close(r.model);
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s (%s) is an embedding model: only models that write text are measured",
            utf8_label(r.info.name, strlen(r.info.name)).text, r.info.architecture);
    }
    stopped = !tick(&r, "the device's limits");
    if (!stopped)
        status = hekla_model_measure(r.model, &r.limits, err);
    if (status == HEKLA_OK && !stopped) {
        r.doc = *doc = create_document(&r);
        status = r.doc ? run_all(&r, &stopped, err)
                       : hekla_fail(err, HEKLA_MEMORY, "not enough memory for results");
        json_object_set_new(r.doc, "complete", json_boolean(status == HEKLA_OK && !stopped));
        json_object_set_new(r.doc, "stopped",
            json_string(status != HEKLA_OK ? err->text
                        : stopped          ? "interrupted"
                                           : ""));
    }
    hekla_model_close(r.model);
    return status;
}
