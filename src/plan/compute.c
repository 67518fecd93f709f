/* Operations a second, measured: kernels that compute and touch no memory. */
#include "plan/plan.h"

#include "base/clock.h"

enum { TRIALS = 5 };
/* A trial should take so long: much more than a submission, less than a display driver allows. */
#define LEAST_SECONDS 0.02

struct peak {
    struct gpu_device *dev;
    struct plan_pipelines *pipelines;
    struct gpu_buffer x, y;
    enum kernel which;
};

/* Seconds of one dispatch, by the device's clock or else by ours. */
static hekla_status run(struct peak *p, struct plan *plan, double *seconds, struct hekla_error *err)
{
    double start = clock_now();
    uint64_t ticket;
    hekla_status status = plan_submit(plan, 1, &ticket, err);
    status = status ? status : gpu_wait(p->dev, ticket, err);
    *seconds = clock_now() - start;
    if (status == HEKLA_OK && gpu_device_has_timestamps(p->dev))
        status = plan_times(plan, seconds, err);
    return status;
}

/* Runs n_rounds so often; *best: operations a second, *least: seconds of the shortest. */
static hekla_status measure(struct peak *p, uint32_t n_rounds, uint32_t trials, double *best,
    double *least, struct hekla_error *err)
{
    struct op_list list = {.caps = gpu_device_caps(p->dev), .n_tokens = 1, .timing = OP_TIMING_ON};
    struct plan *plan = NULL;
    op_peak(&list, p->which, (struct gpu_view){&p->y, 0, p->y.size},
        (struct gpu_view){&p->x, 0, p->x.size}, n_rounds);
    double operations = list.out_of_memory ? 0 : (double)op_traffic(&list.ops[0], 1, 0).operations;
    hekla_status status = plan_create(&plan, p->dev, p->pipelines, &list, err);
    *least = 1e9;
    for (uint32_t i = 0; i < trials && status == HEKLA_OK; i++) {
        double seconds = 0;
        status = run(p, plan, &seconds, err);
        if (seconds > 0 && seconds < *least)
            *least = seconds;
    }
    if (status == HEKLA_OK && operations / *least > *best)
        *best = operations / *least;
    plan_destroy(plan);
    return status;
}

/* What the chains start from: on memory that the host does not see, by a copy. */
static hekla_status set_input(struct peak *p, struct hekla_error *err)
{
    struct gpu_buffer staging = {0};
    struct plan *plan = NULL;
    struct op_list list = {.caps = gpu_device_caps(p->dev), .n_tokens = 1};
    static const uint32_t f32[4] = {UINT32_MAX, 3}, dot[4] = {0x01ff7f03u};
    uint64_t ticket;
    hekla_status status = gpu_buffer_create(
        p->dev, &staging, sizeof(f32), GPU_MEMORY_UPLOAD, "measuring what it computes", err);
    if (status != HEKLA_OK)
        return status;
    for (uint32_t i = 0; i < 4; i++)
        ((uint32_t *)staging.host)[i] = p->which == K_peak_f32 ? f32[i] : dot[i];
    op_copy(&list, (struct gpu_view){&staging, 0, sizeof(f32)},
        (struct gpu_view){&p->x, 0, sizeof(f32)});
    status = plan_create(&plan, p->dev, p->pipelines, &list, err);
    status = status ? status : plan_submit(plan, 1, &ticket, err);
    status = status ? status : gpu_wait(p->dev, ticket, err);
    plan_destroy(plan);
    gpu_buffer_destroy(p->dev, &staging);
    return status;
}

hekla_status plan_measure_compute(struct gpu_device *dev, struct plan_pipelines *pipelines,
    enum kernel which, double *operations_per_second, struct hekla_error *err)
{
    struct peak p = {.dev = dev, .pipelines = pipelines, .which = which};
    uint64_t bytes = op_peak_threads(gpu_device_caps(dev)) * 4ull;
    double best = 0, least = 0;
    uint32_t rounds = 8;
    hekla_status status =
        gpu_buffer_create(dev, &p.x, 16, GPU_MEMORY_DEVICE, "measuring what it computes", err);
    status = status ? status
                    : gpu_buffer_create(
                          dev, &p.y, bytes, GPU_MEMORY_DEVICE, "measuring what it computes", err);
    status = status ? status : set_input(&p, err);
    while (status == HEKLA_OK && least < LEAST_SECONDS / 2 && rounds < 1u << 20) {
        status = measure(&p, rounds, 2, &best, &least, err);
        double more = least > 0 ? LEAST_SECONDS / least : 4;
        rounds = (uint32_t)(rounds * (more < 2 ? 2 : more > 8 ? 8 : more));
    }
    status = status ? status : measure(&p, rounds / 2, TRIALS, &best, &least, err);
    if (status == HEKLA_OK)
        *operations_per_second = best;
    gpu_buffer_destroy(dev, &p.x);
    gpu_buffer_destroy(dev, &p.y);
    return status;
}
