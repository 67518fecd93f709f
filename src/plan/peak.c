/* The bandwidth of memory, measured: a kernel that reads, and copies. */
#include "plan/plan.h"

#include "base/clock.h"

#include <stdlib.h>

enum { OPS = 4, ROUNDS = 4 };

struct peak {
    struct gpu_device *dev;
    struct gpu_buffer x, y;
    struct plan *plan[2]; /* reading; copying */
    uint64_t bytes[2];    /* that an op of it moves */
};

/* More than caches hold, and little beside what the device has. */
static uint64_t choose_bytes(const struct gpu_device *dev)
{
    const struct gpu_caps *caps = gpu_device_caps(dev);
    uint64_t most = gpu_device_is_ref(dev)   ? 8ull << 20
                    : gpu_device_is_cpu(dev) ? 128ull << 20
                                             : 1ull << 30;
    uint64_t limits[] = {caps->max_range, caps->max_slab, gpu_memory_available(dev) / 8};
    for (uint32_t i = 0; i < 3; i++)
        most = limits[i] < most ? limits[i] : most;
    return most / 65536 * 65536;
}

/* Memory that nobody wrote may be no memory at all. */
static hekla_status fill(struct peak *p, struct hekla_error *err)
{
    struct gpu_commands *c = NULL;
    uint64_t ticket;
    if (gpu_device_is_ref(p->dev))
        return HEKLA_OK; /* its memory begins as zeros */
    hekla_status status = gpu_commands_begin(&c, p->dev, 0, err);
    if (status != HEKLA_OK)
        return status;
    gpu_commands_fill_zero(c, (struct gpu_view){&p->x, 0, p->x.size});
    status = gpu_commands_end(c, err);
    status = status ? status : gpu_submit(c, 1, &ticket, err);
    status = status ? status : gpu_wait(p->dev, ticket, err);
    gpu_commands_destroy(c);
    return status;
}

/* Bytes that an op moves: all of x, read, or one half read and the other written. Where a processor
 * plays the GPU, a kernel that only reads is much slower than its memory, and needs less of it. */
static hekla_status record(
    struct peak *p, struct plan_pipelines *pipelines, uint32_t kind, struct hekla_error *err)
{
    struct op_list list = {.caps = gpu_device_caps(p->dev), .n_tokens = 1, .timing = OP_TIMING_ON};
    uint64_t half = p->x.size / 2, little = 16u << 20;
    p->bytes[kind] = p->x.size;
    if (kind == 0 && gpu_device_is_cpu(p->dev) && little < p->x.size)
        p->bytes[kind] = little;
    for (uint32_t i = 0; i < OPS; i++)
        if (kind == 0)
            op_stream(&list, (struct gpu_view){&p->y, 0, p->y.size},
                (struct gpu_view){&p->x, 0, p->bytes[kind]});
        else
            op_copy(&list, (struct gpu_view){&p->x, i % 2 * half, half},
                (struct gpu_view){&p->x, (i + 1) % 2 * half, half});
    return plan_create(&p->plan[kind], p->dev, pipelines, &list, err);
}

static hekla_status prepare(
    struct peak *p, struct plan_pipelines *pipelines, struct hekla_error *err)
{
    uint64_t bytes = choose_bytes(p->dev);
    uint64_t threads = op_stream_threads(gpu_device_caps(p->dev));
    if (!bytes)
        return hekla_fail(err, HEKLA_MEMORY, "no memory is left on %s to measure its bandwidth",
            gpu_device_name(p->dev));
    hekla_status status = gpu_buffer_create(
        p->dev, &p->x, bytes, GPU_MEMORY_DEVICE, "measuring the bandwidth of memory", err);
    status = status ? status
                    : gpu_buffer_create(p->dev, &p->y, threads * 4, GPU_MEMORY_DEVICE,
                          "measuring the bandwidth of memory", err);
    status = status ? status : fill(p, err);
    for (uint32_t kind = 0; kind < 2 && status == HEKLA_OK; kind++)
        status = record(p, pipelines, kind, err);
    return status;
}

/* Seconds of one op at best, by the device's clock or else by ours: a processor that plays the GPU
 * stamps some commands before they are done. */
static hekla_status run(struct peak *p, struct plan *plan, double *best, struct hekla_error *err)
{
    double times[OPS], start = clock_now();
    uint64_t ticket;
    hekla_status status = plan_submit(plan, 1, &ticket, err);
    status = status ? status : gpu_wait(p->dev, ticket, err);
    if (status != HEKLA_OK)
        return status;
    if (!gpu_device_has_timestamps(p->dev) || gpu_device_is_cpu(p->dev))
        for (uint32_t i = 0; i < OPS; i++)
            times[i] = (clock_now() - start) / OPS;
    else
        status = plan_times(plan, times, err);
    for (uint32_t i = 0; i < OPS && status == HEKLA_OK; i++)
        if (times[i] > 0 && (*best == 0 || times[i] < *best))
            *best = times[i];
    return status;
}

/* An idle GPU takes a moment to raise its clocks: an H200 gave 43 % of what it did after work. */
static double least_seconds(const struct gpu_device *dev)
{
    return gpu_device_is_ref(dev) || gpu_device_is_cpu(dev) ? 0 : 0.5;
}

hekla_status plan_measure_bandwidth(struct gpu_device *dev, struct plan_pipelines *pipelines,
    struct plan_bandwidth *out, struct hekla_error *err)
{
    struct peak p = {.dev = dev};
    double best[2] = {0};
    hekla_status status = prepare(&p, pipelines, err);
    double until = clock_now() + least_seconds(dev);
    for (uint32_t i = 0; (i < 2 * ROUNDS || clock_now() < until) && status == HEKLA_OK; i++)
        status = run(&p, p.plan[i % 2], &best[i % 2], err);
    if (status == HEKLA_OK)
        *out = (struct plan_bandwidth){best[0] > 0 ? (double)p.bytes[0] / best[0] : 0,
            best[1] > 0 ? (double)p.bytes[1] / best[1] : 0};
    plan_destroy(p.plan[0]);
    plan_destroy(p.plan[1]);
    gpu_buffer_destroy(dev, &p.x);
    gpu_buffer_destroy(dev, &p.y);
    return status;
}

hekla_status plan_measure_peak(struct gpu_device *dev, struct plan_pipelines *pipelines,
    double *bytes_per_second, struct hekla_error *err)
{
    struct plan_bandwidth b;
    hekla_status status = plan_measure_bandwidth(dev, pipelines, &b, err);
    if (status == HEKLA_OK)
        *bytes_per_second = b.read > b.copy ? b.read : b.copy;
    return status;
}
