#include "gpu/internal.h"

#include <stdlib.h>
#include <string.h>

static hekla_status find_queue(struct gpu_device *dev, struct hekla_error *err)
{
    VkQueueFamilyProperties families[16];
    uint32_t n = 16;
    vkGetPhysicalDeviceQueueFamilyProperties(dev->physical, &n, families);
    for (uint32_t i = 0; i < n; i++)
        if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
            dev->queue_family = i;
            dev->timestamp_bits = families[i].timestampValidBits;
            return HEKLA_OK;
        }
    return hekla_fail(err, HEKLA_NO_DEVICE, "%s has no compute queue", dev->name);
}

static hekla_status create_logical_device(struct gpu_device *dev, struct hekla_error *err)
{
    struct gpu_features f;
    if (dev->caps.statistics &&
        !gpu_has_extension(dev->physical, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME))
        return hekla_fail(
            err, HEKLA_ARGUMENT, "the driver of %s has no statistics of pipelines", dev->name);
    gpu_features_choose(&dev->caps, &f);
    dev->has_budget = gpu_has_extension(dev->physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    if (dev->has_budget)
        f.extensions[f.n_extensions++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
    VK_TRY(vkCreateDevice(dev->physical,
        &(VkDeviceCreateInfo){
            .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
            .pNext = f.chain,
            .queueCreateInfoCount = 1,
            .pQueueCreateInfos =
                &(VkDeviceQueueCreateInfo){
                    .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                    .queueFamilyIndex = dev->queue_family,
                    .queueCount = 1,
                    .pQueuePriorities = (float[]){1.0f},
                },
            .enabledExtensionCount = f.n_extensions,
            .ppEnabledExtensionNames = f.extensions,
        },
        NULL, &dev->handle));
    volkLoadDeviceTable(&dev->vk, dev->handle);
    dev->vk.vkGetDeviceQueue(dev->handle, dev->queue_family, 0, &dev->queue);
    return HEKLA_OK;
fail:
    return err ? err->code : HEKLA_DEVICE;
}

/* All kernels with n buffers share a layout: bindings 0 .. n - 1, and push constants of fixed size.
 */
static hekla_status create_layouts(struct gpu_device *dev, struct hekla_error *err)
{
    for (uint32_t n = 1; n <= GPU_MAX_BUFFERS; n++) {
        VkDescriptorSetLayoutBinding bindings[GPU_MAX_BUFFERS];
        for (uint32_t i = 0; i < n; i++)
            bindings[i] = (VkDescriptorSetLayoutBinding){.binding = i,
                .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                .descriptorCount = 1,
                .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
        VK_TRY(dev->vk.vkCreateDescriptorSetLayout(dev->handle,
            &(VkDescriptorSetLayoutCreateInfo){
                .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                .bindingCount = n,
                .pBindings = bindings},
            NULL, &dev->set_layouts[n]));
        VK_TRY(dev->vk.vkCreatePipelineLayout(dev->handle,
            &(VkPipelineLayoutCreateInfo){.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                .setLayoutCount = 1,
                .pSetLayouts = &dev->set_layouts[n],
                .pushConstantRangeCount = 1,
                .pPushConstantRanges =
                    &(VkPushConstantRange){VK_SHADER_STAGE_COMPUTE_BIT, 0, GPU_MAX_PUSH}},
            NULL, &dev->layouts[n]));
    }
    return HEKLA_OK;
fail:
    return HEKLA_DEVICE;
}

static hekla_status open_vulkan(
    struct gpu_device *dev, const char *which, const char *caps, struct hekla_error *err)
{
    hekla_status status = gpu_instance_create(&dev->instance, err);
    if (status == HEKLA_OK)
        status = gpu_choose(dev->instance, which, &dev->physical, err);
    if (status != HEKLA_OK)
        return status;
    vkGetPhysicalDeviceProperties(dev->physical, &dev->properties);
    vkGetPhysicalDeviceMemoryProperties(dev->physical, &dev->memory);
    memcpy(dev->name, dev->properties.deviceName, sizeof(dev->name));
    gpu_identify(dev->physical, &dev->identity);
    gpu_caps_query(dev->instance, dev->physical, &dev->caps);
    status = gpu_caps_override(&dev->caps, caps, err);
    if (status == HEKLA_OK)
        status = find_queue(dev, err);
    if (status == HEKLA_OK)
        status = create_logical_device(dev, err);
    if (status == HEKLA_OK)
        status = create_layouts(dev, err);
    if (status != HEKLA_OK)
        return status;
    VK_TRY(dev->vk.vkCreateSemaphore(dev->handle,
        &(VkSemaphoreCreateInfo){
            .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
            .pNext =
                &(VkSemaphoreTypeCreateInfo){.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                    .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE},
        },
        NULL, &dev->timeline));
    return HEKLA_OK;
fail:
    return HEKLA_DEVICE;
}

hekla_status gpu_device_open(
    struct gpu_device **out, const char *which, const char *caps, struct hekla_error *err)
{
    struct gpu_device *dev = calloc(1, sizeof(*dev));
    if (!dev)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a device");
    pthread_mutex_init(&dev->lock, NULL);
    dev->next_ticket = 1;
    hekla_status status;
    if (which && strcmp(which, "ref") == 0) {
        dev->is_ref = true;
        strcpy(dev->name, "CPU reference");
        gpu_caps_reference(&dev->caps);
        status = gpu_caps_override(&dev->caps, caps, err);
    } else {
        status = open_vulkan(dev, which, caps, err);
    }
    if (status != HEKLA_OK) {
        gpu_device_close(dev);
        return status;
    }
    *out = dev;
    return HEKLA_OK;
}

void gpu_device_close(struct gpu_device *dev)
{
    if (!dev)
        return;
    if (gpu_device_is_stuck(dev))
        dev->handle = NULL, dev->instance = NULL;
    gpu_cache_close(dev);
    if (dev->handle) {
        dev->vk.vkDeviceWaitIdle(dev->handle);
        for (uint32_t n = 1; n <= GPU_MAX_BUFFERS; n++) {
            dev->vk.vkDestroyPipelineLayout(dev->handle, dev->layouts[n], NULL);
            dev->vk.vkDestroyDescriptorSetLayout(dev->handle, dev->set_layouts[n], NULL);
        }
        dev->vk.vkDestroySemaphore(dev->handle, dev->timeline, NULL);
        dev->vk.vkDestroyDevice(dev->handle, NULL);
    }
    if (dev->instance)
        vkDestroyInstance(dev->instance, NULL);
    pthread_mutex_destroy(&dev->lock);
    free(dev);
}

bool gpu_device_is_ref(const struct gpu_device *dev)
{
    return dev->is_ref;
}

bool gpu_device_is_cpu(const struct gpu_device *dev)
{
    return dev->is_ref || dev->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
}

const char *gpu_device_name(const struct gpu_device *dev)
{
    return dev->name;
}

const struct gpu_identity *gpu_device_identity(const struct gpu_device *dev)
{
    return &dev->identity;
}

bool gpu_device_is_lost(const struct gpu_device *dev)
{
    return __atomic_load_n(&dev->lost, __ATOMIC_RELAXED);
}

bool gpu_device_is_stuck(const struct gpu_device *dev)
{
    return __atomic_load_n(&dev->stuck, __ATOMIC_RELAXED);
}

const struct gpu_caps *gpu_device_caps(const struct gpu_device *dev)
{
    return &dev->caps;
}

struct gpu_counters gpu_device_counters(const struct gpu_device *dev)
{
    return dev->counters;
}
