/*
 * A Vulkan layer that makes a driver fail on purpose, for tests/model/test_faults.c.
 *
 * HEKLA_FAULT      faults, separated by blanks:
 *   corrupt=HASH   the module with this hash (of its words, as kernels are known) computes wrongly
 *   crash=HASH     creating a pipeline of it ends the process
 *   hang=HASH      creating a pipeline of it never returns
 *   lost=N         the process' Nth submission loses the device; may be given several times
 *   stuck=N        from the Nth submission on nothing that was submitted ends
 *   driver=TEXT    the driver calls itself that
 * HEKLA_FAULT_LOG  a file that gets a line for each fault that really happened
 */
#define VK_NO_PROTOTYPES
#include "base/hash.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

#define EXPORT __attribute__((visibility("default")))

/* Of the newest instance and device: all have the same driver here. */
static struct {
    PFN_vkGetInstanceProcAddr get_instance;
    PFN_vkGetDeviceProcAddr get_device;
    PFN_vkCreateShaderModule create_module;
    PFN_vkCreateComputePipelines create_pipelines;
    PFN_vkQueueSubmit submit;
    PFN_vkWaitSemaphores wait;
    PFN_vkGetPhysicalDeviceProperties2 properties;
} next;

static VkShaderModule marked; /* newest module that a crash or hang is for */
static const char *marked_kind;
static unsigned submissions;

static void note(const char *what)
{
    const char *path = getenv("HEKLA_FAULT_LOG");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        fprintf(file, "%s\n", what);
        fclose(file);
    }
}

/* The value of the i-th fault of a kind; NULL: there is none. */
static const char *fault(const char *kind, unsigned i)
{
    const char *at = getenv("HEKLA_FAULT");
    size_t n = strlen(kind);
    for (; at && *at; at += strcspn(at, " "), at += strspn(at, " "))
        if (strncmp(at, kind, n) == 0 && at[n] == '=' && i-- == 0)
            return at + n + 1;
    return NULL;
}

static bool is_meant(const char *kind, uint64_t hash)
{
    const char *text;
    for (unsigned i = 0; (text = fault(kind, i)); i++)
        if (strtoull(text, NULL, 16) == hash)
            return true;
    return false;
}

/* One floating-point operation becomes another. */
static bool patch(uint32_t *words, size_t n)
{
    static const uint32_t from[] = {129, 133}, to[] = {131, 129}; /* FAdd: FSub, FMul: FAdd */
    for (int kind = 0; kind < 2; kind++)
        for (size_t i = 5; i < n && words[i] >> 16; i += words[i] >> 16)
            if ((words[i] & 0xffff) == from[kind]) {
                words[i] = (words[i] & 0xffff0000u) | to[kind];
                return true;
            }
    return false;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_module(VkDevice device,
    const VkShaderModuleCreateInfo *info, const VkAllocationCallbacks *memory, VkShaderModule *out)
{
    uint64_t hash = hash_bytes(info->pCode, info->codeSize);
    VkShaderModuleCreateInfo changed = *info;
    uint32_t *words = NULL;
    if (is_meant("corrupt", hash)) {
        words = malloc(info->codeSize);
        if (!words)
            abort();
        memcpy(words, info->pCode, info->codeSize);
        if (!patch(words, info->codeSize / 4))
            abort(); /* a fault that changes nothing would prove nothing */
        changed.pCode = words;
        note("corrupt");
    }
    VkResult result = next.create_module(device, &changed, memory, out);
    free(words);
    if (is_meant("crash", hash) || is_meant("hang", hash)) {
        marked = *out;
        marked_kind = is_meant("crash", hash) ? "crash" : "hang";
    }
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache,
    uint32_t n, const VkComputePipelineCreateInfo *infos, const VkAllocationCallbacks *memory,
    VkPipeline *out)
{
    for (uint32_t i = 0; i < n && marked; i++)
        if (infos[i].stage.module == marked) {
            note(marked_kind);
            while (strcmp(marked_kind, "hang") == 0)
                pause();
            abort();
        }
    return next.create_pipelines(device, cache, n, infos, memory, out);
}

static VKAPI_ATTR VkResult VKAPI_CALL submit(
    VkQueue queue, uint32_t n, const VkSubmitInfo *infos, VkFence fence)
{
    const char *text;
    submissions++;
    for (unsigned i = 0; (text = fault("lost", i)); i++)
        if (strtoul(text, NULL, 10) == submissions) {
            note("lost");
            return VK_ERROR_DEVICE_LOST;
        }
    return next.submit(queue, n, infos, fence);
}

static VKAPI_ATTR VkResult VKAPI_CALL wait_semaphores(
    VkDevice device, const VkSemaphoreWaitInfo *info, uint64_t timeout)
{
    const char *text = fault("stuck", 0);
    if (text && submissions >= strtoul(text, NULL, 10)) {
        note("stuck");
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        return VK_TIMEOUT;
    }
    return next.wait(device, info, timeout);
}

static VKAPI_ATTR void VKAPI_CALL get_properties(
    VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *out)
{
    const char *text = fault("driver", 0);
    next.properties(physical, out);
    for (VkBaseOutStructure *s = out->pNext; s && text; s = s->pNext)
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES) {
            VkPhysicalDeviceVulkan12Properties *p = (VkPhysicalDeviceVulkan12Properties *)s;
            snprintf(p->driverInfo, sizeof(p->driverInfo), "%.*s", (int)strcspn(text, " "), text);
            note("driver");
        }
}

static VkLayerInstanceCreateInfo *instance_link(const VkInstanceCreateInfo *info)
{
    VkLayerInstanceCreateInfo *link = (VkLayerInstanceCreateInfo *)info->pNext;
    while (link && (link->sType != VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO ||
                       link->function != VK_LAYER_LINK_INFO))
        link = (VkLayerInstanceCreateInfo *)link->pNext;
    return link;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(
    const VkInstanceCreateInfo *info, const VkAllocationCallbacks *memory, VkInstance *out)
{
    VkLayerInstanceCreateInfo *link = instance_link(info);
    if (!link)
        return VK_ERROR_INITIALIZATION_FAILED;
    next.get_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    PFN_vkCreateInstance create =
        (PFN_vkCreateInstance)next.get_instance(VK_NULL_HANDLE, "vkCreateInstance");
    VkResult result = create(info, memory, out);
    if (result == VK_SUCCESS)
        next.properties = (PFN_vkGetPhysicalDeviceProperties2)next.get_instance(
            *out, "vkGetPhysicalDeviceProperties2");
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical,
    const VkDeviceCreateInfo *info, const VkAllocationCallbacks *memory, VkDevice *out)
{
    VkLayerDeviceCreateInfo *link = (VkLayerDeviceCreateInfo *)info->pNext;
    while (link && (link->sType != VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO ||
                       link->function != VK_LAYER_LINK_INFO))
        link = (VkLayerDeviceCreateInfo *)link->pNext;
    if (!link)
        return VK_ERROR_INITIALIZATION_FAILED;
    PFN_vkGetInstanceProcAddr get = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    next.get_device = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    PFN_vkCreateDevice create = (PFN_vkCreateDevice)get(VK_NULL_HANDLE, "vkCreateDevice");
    VkResult result = create(physical, info, memory, out);
    if (result != VK_SUCCESS)
        return result;
    next.create_module = (PFN_vkCreateShaderModule)next.get_device(*out, "vkCreateShaderModule");
    next.create_pipelines =
        (PFN_vkCreateComputePipelines)next.get_device(*out, "vkCreateComputePipelines");
    next.submit = (PFN_vkQueueSubmit)next.get_device(*out, "vkQueueSubmit");
    next.wait = (PFN_vkWaitSemaphores)next.get_device(*out, "vkWaitSemaphores");
    return VK_SUCCESS;
}

EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetInstanceProcAddr(
    VkInstance instance, const char *name);
EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetDeviceProcAddr(
    VkDevice device, const char *name);

static PFN_vkVoidFunction find_own(const char *name)
{
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } own[] = {
        {"vkGetInstanceProcAddr", (PFN_vkVoidFunction)vkGetInstanceProcAddr},
        {"vkGetDeviceProcAddr", (PFN_vkVoidFunction)vkGetDeviceProcAddr},
        {"vkCreateInstance", (PFN_vkVoidFunction)create_instance},
        {"vkCreateDevice", (PFN_vkVoidFunction)create_device},
        {"vkGetPhysicalDeviceProperties2", (PFN_vkVoidFunction)get_properties},
        {"vkCreateShaderModule", (PFN_vkVoidFunction)create_module},
        {"vkCreateComputePipelines", (PFN_vkVoidFunction)create_pipelines},
        {"vkQueueSubmit", (PFN_vkVoidFunction)submit},
        {"vkWaitSemaphores", (PFN_vkVoidFunction)wait_semaphores},
    };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strcmp(own[i].name, name) == 0)
            return own[i].function;
    return NULL;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetInstanceProcAddr(
    VkInstance instance, const char *name)
{
    PFN_vkVoidFunction own = find_own(name);
    return own || !next.get_instance ? own : next.get_instance(instance, name);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetDeviceProcAddr(VkDevice device, const char *name)
{
    PFN_vkVoidFunction own = find_own(name);
    return own || !next.get_device ? own : next.get_device(device, name);
}

EXPORT VKAPI_ATTR VkResult VKAPI_CALL vkNegotiateLoaderLayerInterfaceVersion(
    VkNegotiateLayerInterface *v)
{
    v->loaderLayerInterfaceVersion = 2;
    v->pfnGetInstanceProcAddr = vkGetInstanceProcAddr;
    v->pfnGetDeviceProcAddr = vkGetDeviceProcAddr;
    v->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
