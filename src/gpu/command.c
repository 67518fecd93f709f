#include "gpu/internal.h"

#include <assert.h>
#include <stdlib.h>

struct gpu_commands {
    struct gpu_device *dev;
    VkCommandPool pool; /* its own: recording needs no lock */
    VkCommandBuffer handle;
    VkDescriptorPool sets;
    uint32_t n_dispatches, n_barriers;
};

hekla_status gpu_commands_begin(struct gpu_commands **out, struct gpu_device *dev,
    uint32_t max_dispatches, struct hekla_error *err)
{
    struct gpu_commands *c = calloc(1, sizeof(*c));
    if (!c)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for commands");
    c->dev = dev;
    VK_TRY(dev->vk.vkCreateCommandPool(dev->handle,
        &(VkCommandPoolCreateInfo){.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
            .queueFamilyIndex = dev->queue_family},
        NULL, &c->pool));
    VK_TRY(dev->vk.vkAllocateCommandBuffers(dev->handle,
        &(VkCommandBufferAllocateInfo){.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
            .commandPool = c->pool,
            .commandBufferCount = 1},
        &c->handle));
    uint32_t n = max_dispatches ? max_dispatches : 1;
    VK_TRY(dev->vk.vkCreateDescriptorPool(dev->handle,
        &(VkDescriptorPoolCreateInfo){.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
            .maxSets = n,
            .poolSizeCount = 1,
            .pPoolSizes =
                &(VkDescriptorPoolSize){VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, n * GPU_MAX_BUFFERS}},
        NULL, &c->sets));
    /* Several submissions of one recording may be pending: tokens are submitted ahead. */
    VK_TRY(dev->vk.vkBeginCommandBuffer(
        c->handle, &(VkCommandBufferBeginInfo){.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                       .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT}));
    GPU_COUNT(dev, recordings, 1);
    gpu_commands_barrier(c);
    *out = c;
    return HEKLA_OK;
fail:
    gpu_commands_destroy(c);
    return HEKLA_DEVICE;
}

hekla_status gpu_commands_end(struct gpu_commands *c, struct hekla_error *err)
{
    gpu_commands_barrier(c);
    VK_TRY(c->dev->vk.vkEndCommandBuffer(c->handle));
    return HEKLA_OK;
fail:
    return HEKLA_DEVICE;
}

void gpu_commands_destroy(struct gpu_commands *c)
{
    if (!c)
        return;
    struct gpu_device *dev = c->dev;
    if (!gpu_device_is_stuck(dev)) {
        dev->vk.vkDestroyCommandPool(dev->handle, c->pool, NULL);
        dev->vk.vkDestroyDescriptorPool(dev->handle, c->sets, NULL);
    }
    free(c);
}

VkCommandBuffer gpu_commands_handle(const struct gpu_commands *c)
{
    return c->handle;
}

static hekla_status bind_views(struct gpu_commands *c, const struct gpu_pipeline *pipeline,
    const struct gpu_view *views, struct hekla_error *err)
{
    struct gpu_device *dev = c->dev;
    VkDescriptorBufferInfo infos[GPU_MAX_BUFFERS];
    VkWriteDescriptorSet writes[GPU_MAX_BUFFERS];
    VkDescriptorSet set;
    VK_TRY(dev->vk.vkAllocateDescriptorSets(dev->handle,
        &(VkDescriptorSetAllocateInfo){.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
            .descriptorPool = c->sets,
            .descriptorSetCount = 1,
            .pSetLayouts = &dev->set_layouts[pipeline->n_buffers]},
        &set));
    for (uint32_t i = 0; i < pipeline->n_buffers; i++) {
        infos[i] =
            (VkDescriptorBufferInfo){views[i].buffer->handle, views[i].offset, views[i].size};
        writes[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &infos[i]};
    }
    dev->vk.vkUpdateDescriptorSets(dev->handle, pipeline->n_buffers, writes, 0, NULL);
    GPU_COUNT(dev, descriptor_writes, pipeline->n_buffers);
    dev->vk.vkCmdBindDescriptorSets(c->handle, VK_PIPELINE_BIND_POINT_COMPUTE,
        dev->layouts[pipeline->n_buffers], 0, 1, &set, 0, NULL);
    return HEKLA_OK;
fail:
    return HEKLA_DEVICE;
}

hekla_status gpu_commands_dispatch(struct gpu_commands *c, const struct gpu_pipeline *pipeline,
    const struct gpu_view *views, const void *push, uint32_t push_bytes, const uint32_t groups[3],
    const struct gpu_view *indirect, struct hekla_error *err)
{
    const struct VolkDeviceTable *vk = &c->dev->vk;
    assert(push_bytes <= GPU_MAX_PUSH);
    hekla_status status = bind_views(c, pipeline, views, err);
    if (status != HEKLA_OK)
        return status;
    vk->vkCmdBindPipeline(c->handle, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
    vk->vkCmdPushConstants(c->handle, c->dev->layouts[pipeline->n_buffers],
        VK_SHADER_STAGE_COMPUTE_BIT, 0, push_bytes, push);
    if (indirect)
        vk->vkCmdDispatchIndirect(c->handle, indirect->buffer->handle, indirect->offset);
    else
        vk->vkCmdDispatch(c->handle, groups[0], groups[1], groups[2]);
    c->n_dispatches++;
    return HEKLA_OK;
}

void gpu_commands_copy(struct gpu_commands *c, struct gpu_view from, struct gpu_view to)
{
    c->dev->vk.vkCmdCopyBuffer(c->handle, from.buffer->handle, to.buffer->handle, 1,
        &(VkBufferCopy){from.offset, to.offset, from.size});
}

void gpu_commands_fill_zero(struct gpu_commands *c, struct gpu_view to)
{
    c->dev->vk.vkCmdFillBuffer(c->handle, to.buffer->handle, to.offset, to.size, 0);
}

void gpu_commands_barrier(struct gpu_commands *c)
{
    const VkPipelineStageFlags stages =
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    c->n_barriers++;
    c->dev->vk.vkCmdPipelineBarrier(c->handle, stages,
        stages | VK_PIPELINE_STAGE_DRAW_INDIRECT_BIT | VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
        &(VkMemoryBarrier){.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
            .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
            .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                             VK_ACCESS_INDIRECT_COMMAND_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT |
                             VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_HOST_READ_BIT},
        0, NULL, 0, NULL);
}

/* Whatever comes back from a lost device is no result: it is not even asked again. What it may
 * still be doing ends before anybody frees memory. */
static hekla_status fail_queue(
    struct gpu_device *dev, VkResult result, const char *call, struct hekla_error *err)
{
    if (result == VK_ERROR_DEVICE_LOST) {
        __atomic_store_n(&dev->lost, true, __ATOMIC_RELAXED);
        pthread_mutex_lock(&dev->lock);
        dev->vk.vkDeviceWaitIdle(dev->handle);
        pthread_mutex_unlock(&dev->lock);
    }
    return gpu_fail(err, result, call, __FILE__, __LINE__);
}

static hekla_status fail_stuck(struct gpu_device *dev, struct hekla_error *err)
{
    return hekla_fail(err, HEKLA_DEVICE, "%s did not finish its work within %llu s", dev->name,
        (unsigned long long)dev->caps.wait_s);
}

hekla_status gpu_submit(
    struct gpu_commands *c, uint32_t count, uint64_t *ticket, struct hekla_error *err)
{
    enum { MOST = 16 };
    struct gpu_device *dev = c->dev;
    VkSubmitInfo infos[MOST];
    VkTimelineSemaphoreSubmitInfo values[MOST];
    uint64_t signals[MOST];
    assert(count >= 1 && count <= MOST);
    if (gpu_device_is_stuck(dev))
        return fail_stuck(dev, err);
    pthread_mutex_lock(&dev->lock);
    for (uint32_t i = 0; i < count; i++) {
        signals[i] = dev->next_ticket + i;
        values[i] = (VkTimelineSemaphoreSubmitInfo){
            .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
            .signalSemaphoreValueCount = 1,
            .pSignalSemaphoreValues = &signals[i]};
        infos[i] = (VkSubmitInfo){.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
            .pNext = &values[i],
            .commandBufferCount = 1,
            .pCommandBuffers = &c->handle,
            .signalSemaphoreCount = 1,
            .pSignalSemaphores = &dev->timeline};
    }
    VkResult result = gpu_device_is_lost(dev)
                          ? VK_ERROR_DEVICE_LOST
                          : dev->vk.vkQueueSubmit(dev->queue, count, infos, VK_NULL_HANDLE);
    if (result == VK_SUCCESS) {
        *ticket = dev->next_ticket;
        dev->next_ticket += count;
        GPU_COUNT(dev, submits, 1);
        GPU_COUNT(dev, dispatches, (uint64_t)c->n_dispatches * count);
        GPU_COUNT(dev, barriers, (uint64_t)c->n_barriers * count);
    }
    pthread_mutex_unlock(&dev->lock);
    return result == VK_SUCCESS ? HEKLA_OK : fail_queue(dev, result, "vkQueueSubmit", err);
}

hekla_status gpu_wait(struct gpu_device *dev, uint64_t ticket, struct hekla_error *err)
{
    const VkSemaphoreWaitInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &dev->timeline,
        .pValues = &ticket};
    VkResult result = VK_TIMEOUT;
    if (dev->is_ref)
        return HEKLA_OK; /* ran when it was submitted */
    /* In slices, so that a lost device is noticed by drivers that only tell on a new call. */
    for (uint64_t s = 0; s < dev->caps.wait_s && result == VK_TIMEOUT; s++)
        result = gpu_device_is_lost(dev)
                     ? VK_ERROR_DEVICE_LOST
                     : dev->vk.vkWaitSemaphores(dev->handle, &info, 1000000000ull);
    if (result == VK_TIMEOUT) {
        __atomic_store_n(&dev->stuck, true, __ATOMIC_RELAXED);
        return fail_stuck(dev, err);
    }
    return result == VK_SUCCESS ? HEKLA_OK : fail_queue(dev, result, "vkWaitSemaphores", err);
}
