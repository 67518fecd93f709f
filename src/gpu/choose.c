/* Which devices there are, and which one is meant. */
#include "gpu/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

uint32_t gpu_physical_devices(VkInstance instance, VkPhysicalDevice out[GPU_MAX_DEVICES])
{
    uint32_t n = GPU_MAX_DEVICES;
    VkResult result = vkEnumeratePhysicalDevices(instance, &n, out);
    return result == VK_SUCCESS || result == VK_INCOMPLETE ? n : 0;
}

static enum hekla_device_type type_of(VkPhysicalDeviceType type)
{
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        return HEKLA_GPU_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        return HEKLA_GPU_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
        return HEKLA_CPU;
    default:
        return HEKLA_GPU_OTHER;
    }
}

static uint64_t largest_local_heap(VkPhysicalDevice physical)
{
    VkPhysicalDeviceMemoryProperties m;
    uint64_t best = 0;
    vkGetPhysicalDeviceMemoryProperties(physical, &m);
    for (uint32_t i = 0; i < m.memoryHeapCount; i++)
        if (m.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT &&
            m.memoryHeaps[i].size > best)
            best = m.memoryHeaps[i].size;
    return best;
}

static bool has_compute(VkPhysicalDevice physical)
{
    VkQueueFamilyProperties families[16];
    uint32_t n = 16;
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &n, families);
    for (uint32_t i = 0; i < n; i++)
        if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)
            return true;
    return false;
}

void gpu_describe(VkPhysicalDevice physical, uint32_t index, struct hekla_device_info *out)
{
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
    VkPhysicalDeviceProperties p;
    vkGetPhysicalDeviceProperties(physical, &p);
    memset(out, 0, sizeof(*out));
    snprintf(out->id, sizeof(out->id), "%u", index % 1000);
    snprintf(out->name, sizeof(out->name), "%.255s", p.deviceName);
    out->type = type_of(p.deviceType);
    out->memory_bytes = largest_local_heap(physical);
    out->usable = true;
    if (p.apiVersion < VK_API_VERSION_1_2) {
        out->usable = false;
        snprintf(out->why_not, sizeof(out->why_not), "it has Vulkan %u.%u, and 1.2 is needed",
            VK_API_VERSION_MAJOR(p.apiVersion), VK_API_VERSION_MINOR(p.apiVersion));
        return;
    }
    vkGetPhysicalDeviceProperties2(
        physical, &(VkPhysicalDeviceProperties2){
                      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &driver});
    snprintf(
        out->driver, sizeof(out->driver), "%.120s %.120s", driver.driverName, driver.driverInfo);
    if (!has_compute(physical)) {
        out->usable = false;
        snprintf(out->why_not, sizeof(out->why_not), "it has no compute queue");
    }
}

/* The fastest kind first; of one kind, the one with most memory. */
static int find_best(const struct hekla_device_info *list, uint32_t n)
{
    static const int rank[] = {[HEKLA_GPU_DISCRETE] = 3,
        [HEKLA_GPU_INTEGRATED] = 2,
        [HEKLA_GPU_OTHER] = 1,
        [HEKLA_CPU] = 0};
    int best = -1;
    for (uint32_t i = 0; i < n; i++) {
        if (!list[i].usable)
            continue;
        if (best < 0 || rank[list[i].type] > rank[list[best].type] ||
            (rank[list[i].type] == rank[list[best].type] &&
                list[i].memory_bytes > list[best].memory_bytes))
            best = (int)i;
    }
    return best;
}

static int find_named(const struct hekla_device_info *list, uint32_t n, const char *which)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(list[i].id, which) == 0)
            return (int)i;
    if (!*which || strspn(which, "0123456789") == strlen(which))
        return -1;
    for (uint32_t i = 0; i < n; i++)
        for (const char *p = list[i].name; *p; p++)
            if (strncasecmp(p, which, strlen(which)) == 0)
                return (int)i;
    return -1;
}

hekla_status gpu_choose(
    VkInstance instance, const char *which, VkPhysicalDevice *out, struct hekla_error *err)
{
    VkPhysicalDevice devices[GPU_MAX_DEVICES];
    struct hekla_device_info list[GPU_MAX_DEVICES];
    uint32_t n = gpu_physical_devices(instance, devices);
    for (uint32_t i = 0; i < n; i++)
        gpu_describe(devices[i], i, &list[i]);
    int found = which ? find_named(list, n, which) : find_best(list, n);
    if (found < 0 && which) {
        char names[300] = "";
        for (uint32_t i = 0; i < n; i++) {
            size_t used = strlen(names);
            snprintf(names + used, sizeof(names) - used, "%s%.7s (%.60s)", i ? ", " : "",
                list[i].id, list[i].name);
        }
        return hekla_fail(err, HEKLA_NO_DEVICE, "there is no device \"%.60s\": there are %s%sref",
            which, names, n ? " and " : "");
    }
    if (found < 0 && n)
        return hekla_fail(
            err, HEKLA_NO_DEVICE, "no usable device: %s: %s", list[0].name, list[0].why_not);
    if (found < 0)
        return hekla_fail(err, HEKLA_NO_DEVICE,
            "Vulkan is installed but shows no device: install your GPU's driver (Debian and "
            "Ubuntu: "
            "mesa-vulkan-drivers), or use the slow CPU reference with --device ref");
    if (!list[found].usable)
        return hekla_fail(err, HEKLA_NO_DEVICE, "device %s (%s) cannot be used: %s", list[found].id,
            list[found].name, list[found].why_not);
    *out = devices[found];
    return HEKLA_OK;
}

static void describe_reference(struct hekla_device_info *out)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->id, sizeof(out->id), "ref");
    snprintf(out->name, sizeof(out->name), "CPU reference (plain C, slow)");
    snprintf(out->driver, sizeof(out->driver), "none");
    out->type = HEKLA_CPU;
    out->memory_bytes = gpu_host_memory_available();
    out->usable = true;
}

hekla_status gpu_list(
    struct hekla_device_info *out, size_t cap, size_t *count, struct hekla_error *err)
{
    VkPhysicalDevice devices[GPU_MAX_DEVICES];
    struct hekla_device_info list[GPU_MAX_DEVICES + 1];
    VkInstance instance;
    uint32_t n = 0;
    if (gpu_instance_create(&instance, err) == HEKLA_OK) {
        n = gpu_physical_devices(instance, devices);
        for (uint32_t i = 0; i < n; i++)
            gpu_describe(devices[i], i, &list[i]);
        int best = find_best(list, n);
        if (best >= 0)
            list[best].chosen = true;
        VkPhysicalDevice unused;
        if (best < 0)
            gpu_choose(instance, NULL, &unused, err);
        vkDestroyInstance(instance, NULL);
    }
    describe_reference(&list[n++]);
    for (uint32_t i = 0; i < n && i < cap; i++)
        out[i] = list[i];
    *count = n;
    return HEKLA_OK;
}
