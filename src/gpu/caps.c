#include "gpu/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

bool gpu_has_extension(VkPhysicalDevice physical, const char *name)
{
    uint32_t n = 0;
    bool found = false;
    vkEnumerateDeviceExtensionProperties(physical, NULL, &n, NULL);
    VkExtensionProperties *list = calloc(n ? n : 1, sizeof(*list));
    if (list && vkEnumerateDeviceExtensionProperties(physical, NULL, &n, list) >= 0)
        for (uint32_t i = 0; i < n && !found; i++)
            found = strcmp(list[i].extensionName, name) == 0;
    free(list);
    return found;
}

/* 2 where the driver says that the instruction is the hardware's own: else shifts are faster. */
static uint64_t query_int_dot(VkPhysicalDevice physical)
{
    VkPhysicalDeviceShaderIntegerDotProductFeatures feature = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES};
    VkPhysicalDeviceShaderIntegerDotProductProperties property = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES};
    if (!gpu_has_extension(physical, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME))
        return 0;
    vkGetPhysicalDeviceFeatures2(
        physical, &(VkPhysicalDeviceFeatures2){
                      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &feature});
    vkGetPhysicalDeviceProperties2(
        physical, &(VkPhysicalDeviceProperties2){
                      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &property});
    if (!feature.shaderIntegerDotProduct)
        return 0;
    return property.integerDotProduct4x8BitPackedSignedAccelerated ? 2 : 1;
}

void gpu_caps_query(VkInstance instance, VkPhysicalDevice physical, struct gpu_caps *out)
{
    VkPhysicalDeviceMaintenance3Properties m3 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
    VkPhysicalDeviceProperties2 p = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &m3};
    vkGetPhysicalDeviceProperties2(physical, &p);
    const VkPhysicalDeviceLimits *l = &p.properties.limits;
    bool cpu = p.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    bool integrated = p.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU;
    *out = (struct gpu_caps){
        .int_dot = query_int_dot(physical),
        .row_threads = cpu,
        .max_invocations = l->maxComputeWorkGroupInvocations,
        .max_shared = l->maxComputeSharedMemorySize,
        .max_range = l->maxStorageBufferRange,
        .max_slab = min_u64(m3.maxMemoryAllocationSize, 1ull << 30),
        .host_memory = cpu || integrated,
        /* A display driver's patience ends after seconds; a processor's driver has no such limit,
         * and an hour for a long prompt on it is no fault. */
        .submit_ms = cpu ? 0 : 50,
        .wait_s = cpu ? 4 * 3600 : 300,
    };
    gpu_subgroup_query(physical, out);
    gpu_coopmat_query(instance, physical, out);
    gpu_caps_settle(out);
}

void gpu_caps_settle(struct gpu_caps *caps)
{
    /* Matrices are spread over a subgroup whose size a kernel must know. */
    if (!caps->subgroup)
        caps->coopmat = caps->half_matrices = 0;
    if (!caps->coopmat)
        caps->coopmat_m = caps->coopmat_n = caps->coopmat_k = 0;
    if (!caps->half_matrices)
        caps->half_m = caps->half_n = caps->half_k = 0;
    if (gpu_subgroup_choice(caps))
        caps->max_invocations =
            min_u64(caps->max_invocations, caps->subgroup * caps->max_subgroups);
}

void gpu_caps_reference(struct gpu_caps *out)
{
    *out = (struct gpu_caps){
        .row_threads = 1,
        .max_invocations = 128,
        .max_shared = 16384,
        .max_range = UINT32_MAX,
        .max_slab = 1ull << 30,
        .host_memory = 1,
    };
}

static uint64_t *find_field(struct gpu_caps *caps, const char *name, size_t n)
{
#define X(field, text)                                                                             \
    if (strlen(#field) == n && memcmp(#field, name, n) == 0)                                       \
        return &caps->field;
    GPU_CAPS_LIST(X)
#undef X
    return NULL;
}

static bool allowed_size(const struct gpu_caps *caps, uint64_t size)
{
    return size == 0 || (caps->subgroup && (size & (size - 1)) == 0 && size >= caps->subgroup_min &&
                            size <= caps->subgroup_max);
}

hekla_status gpu_caps_override(struct gpu_caps *caps, const char *text, struct hekla_error *err)
{
    for (const char *p = text; p && *p;) {
        size_t n = strcspn(p, "=:");
        uint64_t *field = find_field(caps, p, n);
        if (!field || p[n] != '=')
            return hekla_fail(err, HEKLA_ARGUMENT,
                "capabilities \"%.80s\": expected NAME=NUMBER:... with NAME one of"
#define X(field, text) " " #field
                GPU_CAPS_LIST(X)
#undef X
                    ,
                text);
        char *end;
        unsigned long long value = strtoull(p + n + 1, &end, 10);
        if (end == p + n + 1 || (*end && *end != ':') || p[n + 1] == '-')
            return hekla_fail(err, HEKLA_ARGUMENT, "capabilities \"%.80s\": %.*s needs a number",
                text, (int)n, p);
        if (field == &caps->subgroup && !allowed_size(caps, value))
            return hekla_fail(err, HEKLA_ARGUMENT,
                "capabilities \"%.80s\": subgroup can be 0 or a power of two from %u to %u on this "
                "device",
                text, caps->subgroup ? caps->subgroup_min : 0,
                caps->subgroup ? caps->subgroup_max : 0);
        /* A way of working may be asked for anywhere, an ability not. */
        bool way = field == &caps->subgroup || field == &caps->row_threads ||
                   field == &caps->submit_ms || field == &caps->statistics ||
                   (field == &caps->int_dot && *field && value <= 2);
        if (value > *field && !way)
            return hekla_fail(err, HEKLA_ARGUMENT,
                "capabilities \"%.80s\": %.*s is %llu on this device and can only be lowered", text,
                (int)n, p, (unsigned long long)*field);
        *field = value;
        if (field == &caps->subgroup)
            caps->subgroup_forced = value != 0;
        p = *end ? end + 1 : end;
    }
    gpu_caps_settle(caps);
    return HEKLA_OK;
}
