/* Timing one case: several copies of its memory, so that what a call reads is not in a cache. */
#include "bench.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COPIES = 64, CALLS = 8, CALLS_SMALL = 3, SAMPLES = 4096 };
#define ROTATED (256ull << 20) /* bytes, more than caches hold */

struct run {
    struct bench *b;
    struct gpu_device *dev;
    struct gpu_buffer copies[COPIES];
    uint32_t n_copies, n_calls, n_ops; /* calls of a plan, ops of a call */
    struct plan *plan;
    double samples[SAMPLES];
    uint32_t n_samples;
};

static bool is_timed(const struct bench *b, const struct op *op)
{
    return op->kernel < K_COUNT && kernel_rows[op->kernel].base == kernel_rows[b->kernel].base;
}

static hekla_status submit(struct run *r, struct plan *plan)
{
    uint64_t ticket;
    hekla_status status = plan_submit(plan, 1, &ticket, r->b->err);
    return status ? status : gpu_wait(r->dev, ticket, r->b->err);
}

static hekla_status make_copies(struct run *r)
{
    struct tester *own = r->b->test->own;
    struct gpu_buffer upload = {0};
    struct op_list list = {.caps = &own->caps};
    struct plan *plan = NULL;
    uint64_t room = gpu_memory_available(r->dev) / 4 / own->used;
    uint64_t n = ROTATED / own->used + 2;
    n = n < room ? n : room;
    n = n < COPIES ? n : COPIES;
    hekla_status status = gpu_buffer_create(
        r->dev, &upload, own->used, GPU_MEMORY_UPLOAD, "the benchmark", r->b->err);
    for (uint32_t i = 0; i < (n ? n : 1) && status == HEKLA_OK; i++) {
        status = gpu_buffer_create(
            r->dev, &r->copies[i], own->used, GPU_MEMORY_DEVICE, "the benchmark", r->b->err);
        r->n_copies = i + 1;
        op_copy(&list, (struct gpu_view){&upload, 0, own->used},
            (struct gpu_view){&r->copies[i], 0, own->used});
    }
    if (status == HEKLA_OK) {
        memcpy(upload.host, own->space.host, own->used);
        status = plan_create(&plan, r->dev, own->pipelines, &list, r->b->err);
    }
    status = status ? status : submit(r, plan);
    op_list_free(&list);
    plan_destroy(plan);
    gpu_buffer_destroy(r->dev, &upload);
    return status;
}

/* A plan of calls, each on the next copy. */
static hekla_status record(struct run *r)
{
    const struct op_list *from = &r->b->test->list;
    struct op_list list = {.caps = from->caps, .timing = OP_TIMING_ALONE};
    r->n_calls = r->b->small ? CALLS_SMALL : CALLS;
    r->n_calls = r->n_copies > r->n_calls ? r->n_copies : r->n_calls;
    for (uint32_t c = 0; c < r->n_calls; c++) {
        r->n_ops = 0;
        for (uint32_t i = 0; i < from->n; i++) {
            if (!is_timed(r->b, &from->ops[i]))
                continue;
            struct op *op = op_append(&list, K_copy, -1);
            *op = from->ops[i];
            op->kernel = r->b->kernel;
            for (uint32_t k = 0; k < op->n_views; k++)
                op->views[k].buffer = &r->copies[c % r->n_copies];
            if (op->indirect.buffer)
                op->indirect.buffer = &r->copies[c % r->n_copies];
            r->n_ops++;
        }
    }
    return plan_create(&r->plan, r->dev, r->b->test->own->pipelines, &list, r->b->err);
}

static hekla_status sample(struct run *r)
{
    bool stamps = gpu_device_has_timestamps(r->dev);
    uint32_t n = r->n_calls * r->n_ops;
    double *times = calloc(n, sizeof(*times)), start = clock_now();
    if (!times)
        return hekla_fail(r->b->err, HEKLA_MEMORY, "not enough host memory for the benchmark");
    hekla_status status = submit(r, r->plan);
    double wall = clock_now() - start;
    if (status == HEKLA_OK && stamps)
        status = plan_times(r->plan, times, r->b->err);
    for (uint32_t c = 0; c < r->n_calls && r->n_samples < SAMPLES && status == HEKLA_OK; c++) {
        double sum = 0;
        for (uint32_t i = 0; i < r->n_ops; i++)
            sum += stamps ? times[c * r->n_ops + i] : wall / n;
        r->samples[r->n_samples++] = sum;
    }
    free(times);
    return status;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void report(struct run *r)
{
    struct op_list *list = &r->b->test->list;
    const struct step_args *step = test_step(r->b->test);
    uint32_t n = r->n_samples;
    qsort(r->samples, n, sizeof(*r->samples), compare);
    double low = r->samples[n / 4], high = r->samples[n - 1 - n / 4];
    struct bench_result result = {
        .samples = n, .median = r->samples[n / 2], .spread = low > 0 ? sqrt(high / low) - 1 : 0};
    for (uint32_t i = 0; i < list->n; i++)
        if (is_timed(r->b, &list->ops[i])) {
            struct op_traffic t = op_traffic(&list->ops[i], step->n_tokens, step->pos);
            result.traffic.read += t.read;
            result.traffic.written += t.written;
            result.traffic.operations += t.operations;
        }
    r->b->report(r->b, &result);
}

void bench_run(struct bench *b)
{
    struct tester *own = b->test->own;
    struct run *r = own->status == HEKLA_OK ? calloc(1, sizeof(*r)) : NULL;
    if (!r)
        return;
    r->b = b;
    r->dev = own->dev;
    hekla_status status = make_copies(r);
    status = status ? status : record(r);
    status = status ? status : sample(r); /* the first compiles, and is forgotten */
    double start = clock_now();
    r->n_samples = 0;
    for (uint32_t i = 0; status == HEKLA_OK && (i < 2 || clock_now() - start < b->seconds); i++)
        status = sample(r);
    if (status == HEKLA_OK)
        report(r);
    own->status = status;
    plan_destroy(r->plan);
    for (uint32_t i = 0; i < r->n_copies; i++)
        gpu_buffer_destroy(r->dev, &r->copies[i]);
    free(r);
}
