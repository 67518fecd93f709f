/* Where time goes: the host's share of each phase, always; and kernel by kernel, when asked for. */
#define _POSIX_C_SOURCE 200809L
#include "engine/engine.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { PHASES = 2, MOST_ROWS = 96 };

struct phase {
    struct hekla_profile_row rows[MOST_ROWS];
    size_t n_rows;
    uint64_t steps;
    double *layers; /* [n_layer] seconds */
};

struct session_profile {
    struct phase phases[PHASES];
    double peak, *times; /* [n_times] of a plan's ops */
    uint32_t n_times, n_layer;
    bool timed; /* the device gives timestamps */
};

struct session_span session_span_begin(const struct hekla_session *s)
{
    return (struct session_span){
        clock_now(), clock_seconds(CLOCK_THREAD_CPUTIME_ID), gpu_device_counters(s->model->m.dev)};
}

void session_span_end(struct hekla_session *s, enum hekla_phase phase,
    const struct session_span *began, uint64_t n_tokens)
{
    struct session_span now = session_span_begin(s);
    struct hekla_phase_stats *sum = phase == HEKLA_PROMPT ? &s->stats.prompt : &s->stats.generation;
    sum->tokens += n_tokens;
    sum->seconds += now.wall - began->wall;
    sum->cpu_seconds += now.cpu - began->cpu;
    sum->submits += now.counters.submits - began->counters.submits;
    sum->dispatches += now.counters.dispatches - began->counters.dispatches;
    sum->barriers += now.counters.barriers - began->counters.barriers;
    sum->descriptor_writes += now.counters.descriptor_writes - began->counters.descriptor_writes;
}

hekla_status session_profile_create(struct hekla_session *s, struct hekla_error *err)
{
    struct gpu_device *dev = s->model->m.dev;
    struct session_profile *p = s->profile = calloc(1, sizeof(*p));
    bool failed = !p;
    for (uint32_t i = 0; p && i < PHASES; i++) {
        p->phases[i].layers = calloc(s->model->m.params.n_layer, sizeof(double));
        failed |= !p->phases[i].layers;
    }
    if (failed)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a profile");
    p->n_layer = s->model->m.params.n_layer;
    if (!gpu_device_has_timestamps(dev))
        return HEKLA_OK;
    hekla_status status = plan_measure_peak(dev, s->model->pipelines, &p->peak, NULL);
    p->timed = status == HEKLA_OK;
    if (status == HEKLA_MEMORY)
        return hekla_fail(
            err, status, "not enough memory on %s to measure its bandwidth", gpu_device_name(dev));
    return HEKLA_OK; /* timestamps that do not work, or a device that is lost, will show */
}

void session_profile_destroy(struct session_profile *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < PHASES; i++)
        free(p->phases[i].layers);
    free(p->times);
    free(p);
}

static struct hekla_profile_row *find_row(struct phase *phase, const struct op *op)
{
    const char *kernel = op->kernel == K_copy ? "copy" : kernel_rows[op->kernel].name;
    const char *format = op->quant < 0 ? "-" : quant_types[op->quant].label;
    size_t i = 0;
    while (
        i < phase->n_rows && (phase->rows[i].kernel != kernel || phase->rows[i].format != format))
        i++;
    if (i == MOST_ROWS)
        return NULL;
    if (i == phase->n_rows)
        phase->rows[phase->n_rows++] = (struct hekla_profile_row){kernel, format, 0, 0, 0, 0};
    return &phase->rows[i];
}

static void add_op(
    struct phase *phase, const struct op *op, double seconds, uint32_t n, uint32_t pos)
{
    struct op_traffic traffic = op_traffic(op, n, pos);
    struct hekla_profile_row *row = find_row(phase, op);
    if (op->layer)
        phase->layers[op->layer - 1] += seconds;
    if (!row)
        return; /* more kernels and formats than any model has */
    row->dispatches++;
    row->seconds += seconds;
    row->bytes += traffic.read + traffic.written;
    row->operations += traffic.operations;
}

void session_profile_add(struct hekla_session *s, const struct plan *plan, enum hekla_phase phase,
    uint32_t n_tokens, uint32_t pos)
{
    struct session_profile *p = s->profile;
    uint32_t n;
    if (!p || !p->timed)
        return;
    const struct op *ops = plan_ops(plan, &n);
    if (n > p->n_times) {
        double *times = realloc(p->times, n * sizeof(*times));
        p->timed = times != NULL;
        if (!times)
            return;
        p->times = times;
        p->n_times = n;
    }
    /* Without its stamps a step is still good; there is no profile then. */
    p->timed = plan_times(plan, p->times, NULL) == HEKLA_OK;
    bool layers = false;
    for (uint32_t i = 0; p->timed && i < n; i++) {
        add_op(&p->phases[phase], &ops[i], p->times[i], n_tokens, pos);
        layers |= ops[i].layer != 0;
    }
    p->phases[phase].steps += layers; /* the first token is sampled from what is there */
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int compare_rows(const void *a, const void *b)
{
    const struct hekla_profile_row *x = a, *y = b;
    return compare_doubles(&y->seconds, &x->seconds);
}

void hekla_session_get_profile(hekla_session *s, enum hekla_phase which, struct hekla_profile *out)
{
    struct session_profile *p = s->profile;
    *out = (struct hekla_profile){0};
    if (!p || !p->timed || !p->phases[which].steps)
        return;
    struct phase *phase = &p->phases[which];
    qsort(phase->rows, phase->n_rows, sizeof(*phase->rows), compare_rows);
    *out = (struct hekla_profile){.rows = phase->rows,
        .n_rows = phase->n_rows,
        .steps = phase->steps,
        .peak_bytes_per_second = p->peak};
    double *sorted = malloc(p->n_layer * sizeof(*sorted));
    if (!sorted)
        return;
    memcpy(sorted, phase->layers, p->n_layer * sizeof(*sorted));
    qsort(sorted, p->n_layer, sizeof(*sorted), compare_doubles);
    out->layer_least = sorted[0] / (double)phase->steps;
    out->layer_median = sorted[p->n_layer / 2] / (double)phase->steps;
    out->layer_most = sorted[p->n_layer - 1] / (double)phase->steps;
    free(sorted);
}
