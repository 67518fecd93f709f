/* Buffers, each with its own allocation: there are few, and none after loading. */
#include "gpu/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCAL VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
#define VISIBLE (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
#define CACHED VK_MEMORY_PROPERTY_HOST_CACHED_BIT

uint64_t gpu_host_memory_available(void)
{
    unsigned long long kib = 0;
    char line[128];
    FILE *f = fopen("/proc/meminfo", "r");
    if (!f)
        return UINT64_MAX;
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
            break;
    fclose(f);
    return kib ? (uint64_t)kib * 1024 : UINT64_MAX;
}

uint32_t gpu_largest_local_heap(const VkPhysicalDeviceMemoryProperties *m)
{
    uint32_t best = 0;
    uint64_t size = 0;
    for (uint32_t i = 0; i < m->memoryHeapCount; i++)
        if (m->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT &&
            m->memoryHeaps[i].size > size) {
            best = i;
            size = m->memoryHeaps[i].size;
        }
    return best;
}

uint64_t gpu_memory_available(const struct gpu_device *dev)
{
    uint64_t host = gpu_host_memory_available();
    /* The heap size that a processor's driver reports is arbitrary: it allocates host memory. */
    if (gpu_device_is_cpu(dev))
        return host;
    uint32_t heap = gpu_largest_local_heap(&dev->memory);
    uint64_t free_bytes = dev->memory.memoryHeaps[heap].size;
    if (dev->has_budget) {
        VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
        vkGetPhysicalDeviceMemoryProperties2(dev->physical,
            &(VkPhysicalDeviceMemoryProperties2){
                .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2, .pNext = &budget});
        uint64_t all = budget.heapBudget[heap], used = budget.heapUsage[heap];
        free_bytes = all > used ? all - used : 0;
    }
    /* Where device memory is host memory, a heap's size says nothing about what is left. */
    return dev->caps.host_memory && host < free_bytes ? host : free_bytes;
}

/* How well memory type i serves the purpose; 0: not at all. */
static int rate_type(const struct gpu_device *dev, uint32_t i, enum gpu_memory kind)
{
    const VkMemoryType *t = &dev->memory.memoryTypes[i];
    VkMemoryPropertyFlags flags = t->propertyFlags;
    bool visible = (flags & VISIBLE) == VISIBLE, local = flags & LOCAL;
    if (flags & (VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT | VK_MEMORY_PROPERTY_PROTECTED_BIT))
        return 0;
    switch (kind) {
    case GPU_MEMORY_DEVICE:
        /* Host-visible memory of a graphics card may be a small window: only one copy counts where
         * memory is shared anyway. */
        return 1 + 8 * local + 4 * (t->heapIndex == gpu_largest_local_heap(&dev->memory)) +
               2 * (visible == (dev->caps.host_memory != 0)) + (visible && (flags & CACHED));
    case GPU_MEMORY_UPLOAD:
        return visible ? 1 + 2 * !local + !(flags & CACHED) : 0;
    case GPU_MEMORY_READBACK:
        return visible ? 1 + 2 * !!(flags & CACHED) + !local : 0;
    case GPU_MEMORY_STEP:
        return visible ? 1 + local : 0;
    }
    return 0;
}

static hekla_status create_reference(
    struct gpu_device *dev, struct gpu_buffer *out, struct hekla_error *err)
{
    out->host = calloc(1, out->size);
    if (!out->host)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory: %llu MiB are needed",
            (unsigned long long)(out->size >> 20));
    GPU_COUNT(dev, allocations, 1);
    return HEKLA_OK;
}

hekla_status gpu_buffer_create(struct gpu_device *dev, struct gpu_buffer *out, uint64_t size,
    enum gpu_memory kind, const char *name, struct hekla_error *err)
{
    VkMemoryRequirements req;
    int best = 0;
    uint32_t type = 0;
    *out = (struct gpu_buffer){.size = (size + 15) & ~15ull};
    if (dev->is_ref)
        return create_reference(dev, out, err);
    VK_TRY(dev->vk.vkCreateBuffer(dev->handle,
        &(VkBufferCreateInfo){.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
            .size = out->size,
            .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                     VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT},
        NULL, (VkBuffer *)&out->handle));
    dev->vk.vkGetBufferMemoryRequirements(dev->handle, out->handle, &req);
    for (uint32_t i = 0; i < dev->memory.memoryTypeCount; i++)
        if (req.memoryTypeBits >> i & 1 && rate_type(dev, i, kind) > best) {
            best = rate_type(dev, i, kind);
            type = i;
        }
    VkResult result =
        best ? dev->vk.vkAllocateMemory(dev->handle,
                   &(VkMemoryAllocateInfo){.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                       .allocationSize = req.size,
                       .memoryTypeIndex = type},
                   NULL, (VkDeviceMemory *)&out->memory)
             : VK_ERROR_OUT_OF_DEVICE_MEMORY;
    if (result != VK_SUCCESS) {
        hekla_fail(err, HEKLA_MEMORY,
            "not enough device memory for %s: %llu MiB needed, %llu available", name,
            (unsigned long long)(size + 0xfffff) >> 20,
            (unsigned long long)gpu_memory_available(dev) >> 20);
        goto fail;
    }
    GPU_COUNT(dev, allocations, 1);
    VK_TRY(dev->vk.vkBindBufferMemory(dev->handle, out->handle, out->memory, 0));
    if ((dev->memory.memoryTypes[type].propertyFlags & VISIBLE) == VISIBLE)
        VK_TRY(dev->vk.vkMapMemory(dev->handle, out->memory, 0, VK_WHOLE_SIZE, 0, &out->host));
    return HEKLA_OK;
fail:
    gpu_buffer_destroy(dev, out);
    return err && err->code ? err->code : HEKLA_MEMORY;
}

void gpu_buffer_destroy(struct gpu_device *dev, struct gpu_buffer *buffer)
{
    if (!dev)
        return;
    if (dev->is_ref) {
        free(buffer->host);
    } else if (!gpu_device_is_stuck(dev)) {
        dev->vk.vkDestroyBuffer(dev->handle, buffer->handle, NULL);
        dev->vk.vkFreeMemory(dev->handle, buffer->memory, NULL);
    }
    *buffer = (struct gpu_buffer){0};
}
