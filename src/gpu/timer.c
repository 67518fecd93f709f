/* Timestamps: when the device was done with what had been recorded before. */
#include "gpu/internal.h"

#include <stdlib.h>

struct gpu_timer {
    struct gpu_device *dev;
    VkQueryPool pool;
    uint32_t n;
};

bool gpu_device_has_timestamps(const struct gpu_device *dev)
{
    return dev->timestamp_bits != 0 && dev->properties.limits.timestampPeriod > 0;
}

hekla_status gpu_timer_create(
    struct gpu_timer **out, struct gpu_device *dev, uint32_t n, struct hekla_error *err)
{
    if (!gpu_device_has_timestamps(dev))
        return hekla_fail(err, HEKLA_UNSUPPORTED, "%s has no timestamps", dev->name);
    struct gpu_timer *timer = calloc(1, sizeof(*timer));
    if (!timer)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for timestamps");
    *timer = (struct gpu_timer){.dev = dev, .n = n};
    VK_TRY(dev->vk.vkCreateQueryPool(dev->handle,
        &(VkQueryPoolCreateInfo){.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
            .queryType = VK_QUERY_TYPE_TIMESTAMP,
            .queryCount = n},
        NULL, &timer->pool));
    *out = timer;
    return HEKLA_OK;
fail:
    free(timer);
    return HEKLA_DEVICE;
}

void gpu_timer_destroy(struct gpu_timer *timer)
{
    if (!timer)
        return;
    timer->dev->vk.vkDestroyQueryPool(timer->dev->handle, timer->pool, NULL);
    free(timer);
}

void gpu_commands_reset_timer(struct gpu_commands *c, struct gpu_timer *timer)
{
    timer->dev->vk.vkCmdResetQueryPool(gpu_commands_handle(c), timer->pool, 0, timer->n);
}

void gpu_commands_stamp(struct gpu_commands *c, struct gpu_timer *timer, uint32_t i)
{
    timer->dev->vk.vkCmdWriteTimestamp(
        gpu_commands_handle(c), VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, timer->pool, i);
}

hekla_status gpu_timer_read(struct gpu_timer *timer, double *seconds, struct hekla_error *err)
{
    struct gpu_device *dev = timer->dev;
    uint32_t bits = dev->timestamp_bits;
    uint64_t mask = bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
    uint64_t *ticks = calloc(timer->n, sizeof(*ticks));
    if (!ticks)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for timestamps");
    /* No waiting: what has ended has its stamps, and a device that drops its work never will. */
    VkResult result = dev->vk.vkGetQueryPoolResults(dev->handle, timer->pool, 0, timer->n,
        timer->n * sizeof(*ticks), ticks, sizeof(*ticks), VK_QUERY_RESULT_64_BIT);
    if (result == VK_NOT_READY) {
        free(ticks);
        return hekla_fail(err, HEKLA_DEVICE, "%s did not write its timestamps", dev->name);
    }
    VK_TRY(result);
    if (timer->n > 1 && ticks[timer->n - 1] == ticks[0]) {
        free(ticks);
        return hekla_fail(err, HEKLA_DEVICE, "the timestamps of %s stand still", dev->name);
    }
    /* The counter may wrap around, but not twice in a run. */
    for (uint32_t i = timer->n; i-- > 0;)
        seconds[i] = (double)((ticks[i] - ticks[0]) & mask) *
                     (double)dev->properties.limits.timestampPeriod * 1e-9;
    free(ticks);
    return HEKLA_OK;
fail:
    free(ticks);
    return HEKLA_DEVICE;
}
