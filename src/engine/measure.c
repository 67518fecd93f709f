/* What a model's device does at best, and whether the model's weights are where they should be. */
#include "engine/engine.h"

#include "base/clock.h"

#include <stdlib.h>

/* Reads all weights, each byte once: seconds by the device's clock or else by ours. */
static hekla_status read_weights(
    struct hekla_model *model, struct gpu_buffer *y, double *seconds, struct hekla_error *err)
{
    struct gpu_device *dev = model->m.dev;
    const struct gpu_caps *caps = gpu_device_caps(dev);
    struct op_list list = {.caps = caps, .n_tokens = 1, .timing = OP_TIMING_ALONE};
    struct plan *plan = NULL;
    struct gpu_view slab;
    uint64_t range = caps->max_range / 65536 * 65536, ticket;
    uint32_t n;
    for (uint32_t i = 0; model_store_slab(model->m.store, i, &slab); i++)
        for (uint64_t at = 0; at + 16 <= slab.size; at += range) {
            uint64_t rest = slab.size - at;
            op_stream(&list, (struct gpu_view){y, 0, y->size},
                (struct gpu_view){slab.buffer, at, rest < range ? rest : range});
        }
    hekla_status status = plan_create(&plan, dev, model->pipelines, &list, err);
    if (status != HEKLA_OK)
        return status;
    plan_ops(plan, &n);
    double *times = calloc(n, sizeof(*times)), start = clock_now();
    status = times ? plan_submit(plan, 1, &ticket, err)
                   : hekla_fail(err, HEKLA_MEMORY, "not enough host memory to measure");
    status = status ? status : gpu_wait(dev, ticket, err);
    *seconds = clock_now() - start;
    if (status == HEKLA_OK && gpu_device_has_timestamps(dev) &&
        plan_times(plan, times, NULL) == HEKLA_OK) {
        *seconds = 0;
        for (uint32_t i = 0; i < n; i++)
            *seconds += times[i];
    }
    free(times);
    plan_destroy(plan);
    return status;
}

static hekla_status measure_weights(
    struct hekla_model *model, struct hekla_limits *out, struct hekla_error *err)
{
    struct gpu_device *dev = model->m.dev;
    struct gpu_buffer y = {0};
    double best = 0;
    hekla_status status = gpu_buffer_create(dev, &y, op_stream_threads(gpu_device_caps(dev)) * 4ull,
        GPU_MEMORY_DEVICE, "measuring", err);
    for (int i = 0; i < 3 && status == HEKLA_OK; i++) {
        double seconds;
        status = read_weights(model, &y, &seconds, err);
        if (status == HEKLA_OK && seconds > 0 && (best == 0 || seconds < best))
            best = seconds;
    }
    gpu_buffer_destroy(dev, &y);
    out->weights_bytes = model->m.device_bytes;
    out->weights_read = best > 0 ? (double)model->m.device_bytes / best : 0;
    return status;
}

/* What cannot be measured for want of a kernel is 0. */
static hekla_status measure_compute(
    struct hekla_model *model, enum kernel which, double *out, struct hekla_error *err)
{
    struct gpu_device *dev = model->m.dev;
    bool ref = gpu_device_is_ref(dev);
    *out = 0;
    if (ref ? which != K_peak_f32
            : !kernel_usable(which, -1, gpu_device_caps(dev), model->verdicts))
        return HEKLA_OK;
    return plan_measure_compute(dev, model->pipelines, which, out, err);
}

hekla_status hekla_model_measure(
    hekla_model *model, struct hekla_limits *out, struct hekla_error *err)
{
    struct hekla_limits limits = {0};
    struct plan_bandwidth bandwidth = {0};
    hekla_error_clear(err);
    if (!model->m.store)
        return hekla_fail(err, HEKLA_ARGUMENT, "the model has no device to measure");
    struct gpu_device *dev = model->m.dev;
    const struct gpu_caps *caps = gpu_device_caps(dev);
    hekla_status status = HEKLA_OK;
    if (gpu_device_is_ref(dev) || kernel_usable(K_stream, -1, caps, model->verdicts)) {
        status = plan_measure_bandwidth(dev, model->pipelines, &bandwidth, err);
        status = status ? status : measure_weights(model, &limits, err);
    }
    status = status ? status : measure_compute(model, K_peak_f32, &limits.f32, err);
    status = status ? status : measure_compute(model, K_peak_dot, &limits.int_dot, err);
    if (status != HEKLA_OK)
        return status;
    gpu_device_describe(dev, &limits.device);
    limits.read = bandwidth.read;
    limits.copy = bandwidth.copy;
    limits.spilled = limits.device.type != HEKLA_CPU && limits.weights_read > 0 &&
                     limits.weights_read < 0.5 * limits.read;
    *out = limits;
    return HEKLA_OK;
}
