/* What a physical device is and offers, for people and for choosing. */
#include "gpu/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

static void describe_memory(
    VkPhysicalDevice physical, bool has_budget, struct hekla_device_info *out)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 m = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
        .pNext = has_budget ? &budget : NULL};
    vkGetPhysicalDeviceMemoryProperties2(physical, &m);
    uint32_t heap = gpu_largest_local_heap(&m.memoryProperties);
    out->memory_bytes = m.memoryProperties.memoryHeaps[heap].size;
    out->memory_free_bytes = out->memory_bytes;
    if (has_budget) {
        uint64_t all = budget.heapBudget[heap], used = budget.heapUsage[heap];
        out->memory_free_bytes = all > used ? all - used : 0;
    }
    const VkMemoryPropertyFlags visible =
        VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
    for (uint32_t i = 0; i < m.memoryProperties.memoryTypeCount; i++) {
        const VkMemoryType *t = &m.memoryProperties.memoryTypes[i];
        out->host_visible |= t->heapIndex == heap && (t->propertyFlags & visible) == visible;
    }
    if (out->type == HEKLA_CPU) {
        uint64_t host = gpu_host_memory_available();
        out->memory_free_bytes = host;
        out->memory_bytes = host > out->memory_bytes ? host : out->memory_bytes;
    }
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

__attribute__((format(printf, 2, 3))) static void add_path(
    struct hekla_device_info *out, const char *format, ...)
{
    size_t used = strlen(out->paths);
    va_list args;
    va_start(args, format);
    if (used && used + 2 < sizeof(out->paths)) {
        strcat(out->paths, ", ");
        used += 2;
    }
    vsnprintf(out->paths + used, sizeof(out->paths) - used, format, args);
    va_end(args);
}

static void describe_paths(
    VkInstance instance, VkPhysicalDevice physical, struct hekla_device_info *out)
{
    VkPhysicalDeviceVulkan12Features f12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceVulkan11Features f11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &f12};
    vkGetPhysicalDeviceFeatures2(
        physical, &(VkPhysicalDeviceFeatures2){
                      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f11});
    struct gpu_caps caps;
    struct gpu_matrix_shape shapes[GPU_MAX_MATRIX_SHAPES];
    gpu_caps_query(instance, physical, &caps);
    if (caps.subgroup)
        add_path(out, "subgroup shuffles of %u", (unsigned)caps.subgroup);
    if (caps.int_dot)
        add_path(out, "int dot%s", caps.int_dot == 2 ? " (accelerated)" : " (emulated)");
    if (f12.shaderFloat16)
        add_path(out, "fp16");
    if (f11.storageBuffer16BitAccess)
        add_path(out, "16-bit storage");
    if (f12.storageBuffer8BitAccess)
        add_path(out, "8-bit storage");
    uint32_t n = gpu_matrix_shapes(instance, physical, shapes);
    for (uint32_t i = 0; i < n; i++)
        add_path(out, "matrix %s %ux%ux%u", shapes[i].s8 ? "int8" : "fp16", shapes[i].m,
            shapes[i].n, shapes[i].k);
}

void gpu_identify(VkPhysicalDevice physical, struct gpu_identity *out)
{
    VkPhysicalDeviceVulkan12Properties p12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES};
    VkPhysicalDeviceVulkan11Properties p11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, .pNext = &p12};
    VkPhysicalDeviceProperties2 p = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &p11};
    vkGetPhysicalDeviceProperties2(physical, &p);
    for (uint32_t i = 0; i < VK_UUID_SIZE; i++)
        snprintf(out->uuid + 2 * i, 3, "%02x", p11.deviceUUID[i]);
    /* Folded, because no four bytes of it differ on every driver. */
    for (int i = 0; i < 4; i++)
        snprintf(out->short_id + 2 * i, 3, "%02x",
            p11.deviceUUID[i] ^ p11.deviceUUID[4 + i] ^ p11.deviceUUID[8 + i] ^
                p11.deviceUUID[12 + i]);
    snprintf(out->driver, sizeof(out->driver), "%.120s %.120s", p12.driverName, p12.driverInfo);
    out->driver_id = (uint32_t)p12.driverID;
    out->driver_version = p.properties.driverVersion;
}

static void describe_ids(VkPhysicalDevice physical, struct hekla_device_info *out)
{
    VkPhysicalDevicePCIBusInfoPropertiesEXT pci = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT};
    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT};
    VkPhysicalDeviceVulkan11Properties p11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES};
    struct gpu_identity identity;
    bool has_pci = gpu_has_extension(physical, VK_EXT_PCI_BUS_INFO_EXTENSION_NAME);
    bool has_sizes = gpu_has_extension(physical, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
    if (has_pci) {
        pci.pNext = p11.pNext;
        p11.pNext = &pci;
    }
    if (has_sizes) {
        sizes.pNext = p11.pNext;
        p11.pNext = &sizes;
    }
    vkGetPhysicalDeviceProperties2(
        physical, &(VkPhysicalDeviceProperties2){
                      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &p11});
    gpu_identify(physical, &identity);
    memcpy(out->driver, identity.driver, sizeof(out->driver));
    memcpy(out->uuid, identity.short_id, sizeof(out->uuid));
    if (has_pci)
        snprintf(out->pci, sizeof(out->pci), "%04x:%02x:%02x.%x", pci.pciDomain & 0xffff,
            pci.pciBus & 0xff, pci.pciDevice & 0xff, pci.pciFunction & 0xf);
    out->subgroup_size = p11.subgroupSize;
    out->subgroup_min = has_sizes ? sizes.minSubgroupSize : p11.subgroupSize;
    out->subgroup_max = has_sizes ? sizes.maxSubgroupSize : p11.subgroupSize;
}

void gpu_describe(
    VkInstance instance, VkPhysicalDevice physical, uint32_t index, struct hekla_device_info *out)
{
    VkPhysicalDeviceProperties p;
    vkGetPhysicalDeviceProperties(physical, &p);
    memset(out, 0, sizeof(*out));
    snprintf(out->id, sizeof(out->id), "%u", index % 1000);
    snprintf(out->name, sizeof(out->name), "%.255s", p.deviceName);
    out->type = type_of(p.deviceType);
    out->usable = true;
    if (p.apiVersion < VK_API_VERSION_1_2) {
        out->usable = false;
        snprintf(out->why, sizeof(out->why), "not usable: it has Vulkan %u.%u, and 1.2 is needed",
            VK_API_VERSION_MAJOR(p.apiVersion), VK_API_VERSION_MINOR(p.apiVersion));
        return;
    }
    describe_ids(physical, out);
    describe_memory(
        physical, gpu_has_extension(physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME), out);
    describe_paths(instance, physical, out);
    if (!has_compute(physical)) {
        out->usable = false;
        snprintf(out->why, sizeof(out->why), "not usable: it has no compute queue");
    }
}

void gpu_device_describe(const struct gpu_device *dev, struct hekla_device_info *out)
{
    if (dev->is_ref) {
        gpu_describe_reference(out);
        return;
    }
    gpu_describe(dev->instance, dev->physical, 0, out);
}
