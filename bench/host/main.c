/*
 * host_bench [-n N] [--layers L] FILE: what a decoded token costs the host. The layers of FILE are
 * used over and over until there are L (32), so that a file of one layer stands for a large model:
 *
 *     mkmodel --shape llama3.1-8b --layers 1 FILE
 *
 * On a device that drops its work (see tools/gpulab) all that is left is the host. The text is
 * nonsense; nothing looks at it. Device: HEKLA_TEST_DEVICE, else the best.
 */
#define _POSIX_C_SOURCE 200809L
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { ROUNDS = 5, WARM_UP = 16, CONTEXT = 4096 };

struct options {
    const char *file;
    uint32_t n, layers;
};

static double process_seconds(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Before a session is opened; returns what was there, to be put back before the model closes. */
static struct model_layer *repeat_layers(struct model *m, uint32_t n)
{
    struct model_layer *own = m->weights.layers, *all = calloc(n, sizeof(*all));
    if (!all)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = i % m->params.n_layer;
        all[i] = own[from];
        m->params.layers[i] = m->params.layers[from];
        m->params.shapes[i] = m->params.shapes[from];
        m->params.shapes[i].kv_layer += i - from;
    }
    m->weights.layers = all;
    m->params.n_layer = n;
    return own;
}

/* Generates from position 1 again. */
static hekla_status generate(struct hekla_session *s, uint32_t n, struct hekla_error *err)
{
    const hekla_token first = 0;
    hekla_session_rewind(s, 0);
    hekla_status status = hekla_session_eval(s, &first, 1, err);
    struct hekla_sampling greedy = {0};
    return status ? status : hekla_session_generate(s, &greedy, n, true, NULL, NULL, NULL, err);
}

static hekla_status measure(struct hekla_session *s, uint32_t n, struct hekla_error *err)
{
    double cpu[ROUNDS], wall[ROUNDS], process[ROUNDS];
    struct hekla_stats before, after;
    hekla_status status = generate(s, WARM_UP, err);
    hekla_session_get_stats(s, &before);
    for (uint32_t i = 0; i < ROUNDS && status == HEKLA_OK; i++) {
        double start = process_seconds();
        status = generate(s, n, err);
        process[i] = (process_seconds() - start) / n * 1e6;
        hekla_session_get_stats(s, &after);
        cpu[i] = (after.generation.cpu_seconds - before.generation.cpu_seconds) / n * 1e6;
        wall[i] = (after.generation.seconds - before.generation.seconds) / n * 1e6;
        if (i + 1 < ROUNDS)
            before = after;
    }
    if (status != HEKLA_OK)
        return status;
    const struct hekla_phase_stats *a = &after.generation, *b = &before.generation;
    qsort(cpu, ROUNDS, sizeof(*cpu), compare);
    qsort(wall, ROUNDS, sizeof(*wall), compare);
    qsort(process, ROUNDS, sizeof(*process), compare);
    printf("us of CPU a token: %.2f (from %.2f to %.2f); of all threads %.2f; wall %.2f\n",
        cpu[ROUNDS / 2], cpu[0], cpu[ROUNDS - 1], process[ROUNDS / 2], wall[ROUNDS / 2]);
    printf("a token: %.2f submits, %.1f dispatches, %.1f barriers, %.2f descriptor writes\n",
        (double)(a->submits - b->submits) / n, (double)(a->dispatches - b->dispatches) / n,
        (double)(a->barriers - b->barriers) / n,
        (double)(a->descriptor_writes - b->descriptor_writes) / n);
    return HEKLA_OK;
}

static hekla_status run(const struct options *o, struct hekla_error *err)
{
    struct hekla_model *model = NULL;
    struct hekla_session *session = NULL;
    hekla_status status = engine_open(&model,
        &(struct hekla_model_options){
            .path = o->file, .device = getenv("HEKLA_TEST_DEVICE"), .caps = getenv("HEKLA_CAPS")},
        false, err);
    if (status != HEKLA_OK)
        return status;
    uint32_t own_count = model->m.params.n_layer;
    struct model_layer *own = repeat_layers(&model->m, o->layers);
    if (!own) {
        hekla_model_close(model);
        return hekla_fail(err, HEKLA_MEMORY, "not enough memory for %u layers", o->layers);
    }
    printf("%s, %u layers (%u in the file) on %s\n", model->info.name, o->layers, own_count,
        gpu_device_name(model->m.dev));
    uint32_t most = model->info.n_ctx_train;
    status = hekla_session_open(&session, model,
        &(struct hekla_session_options){.n_ctx = most < CONTEXT ? most : CONTEXT}, err);
    if (status == HEKLA_OK)
        status = measure(session, o->n, err);
    hekla_session_close(session);
    free(model->m.weights.layers);
    model->m.weights.layers = own;
    model->m.params.n_layer = own_count;
    hekla_model_close(model);
    return status;
}

static bool read_number(const char *text, uint32_t most, uint32_t *out)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    *out = (uint32_t)value;
    return *text >= '1' && *text <= '9' && !*end && value <= most;
}

static bool read_arguments(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc, n = strcmp(argv[i], "-n") == 0;
        if (n && (!more || !read_number(argv[++i], CONTEXT - 2, &o->n)))
            return false;
        if (n)
            continue;
        bool layers = strcmp(argv[i], "--layers") == 0;
        if (layers && (!more || !read_number(argv[++i], 1000, &o->layers)))
            return false;
        if (!layers && (argv[i][0] == '-' || o->file))
            return false;
        if (!layers)
            o->file = argv[i];
    }
    return o->file != NULL;
}

int main(int argc, char **argv)
{
    struct options o = {.n = 512, .layers = 32};
    struct hekla_error err = {0};
    if (!read_arguments(&o, argc, argv)) {
        fprintf(stderr, "usage: host_bench [-n TOKENS] [--layers N] FILE\n");
        return 2;
    }
    hekla_status status = run(&o, &err);
    if (status != HEKLA_OK)
        fprintf(stderr, "host_bench: %s\n", err.text);
    return status == HEKLA_OK ? 0 : status == HEKLA_NO_DEVICE ? 77 : 1;
}
