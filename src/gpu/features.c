/* Optional features that kernels can have a need for: what a device has of them, and switching on
 * what the caps ask for. */
#include "gpu/internal.h"

/* Where the size is a choice: small groups leave more registers to an invocation, but fewer than 16
 * cannot fill the units of a GPU that offers more. */
static uint32_t preferred_size(const struct gpu_caps *caps)
{
    uint32_t size = caps->subgroup_min;
    while (size < 16 && 2 * size <= caps->subgroup_max)
        size *= 2;
    return size;
}

/* The sizes that pipelines can be told to have, where they can; else the usual one. */
static void query_sizes(VkPhysicalDevice physical, uint32_t usual, struct gpu_caps *out)
{
    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT};
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT feature = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT};
    out->subgroup_min = out->subgroup_max = usual;
    if (!gpu_has_extension(physical, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME))
        return;
    vkGetPhysicalDeviceFeatures2(
        physical, &(VkPhysicalDeviceFeatures2){
                      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &feature});
    vkGetPhysicalDeviceProperties2(
        physical, &(VkPhysicalDeviceProperties2){
                      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &sizes});
    /* A driver with one size (NVK) may not take it as a choice. */
    bool choice = feature.subgroupSizeControl && feature.computeFullSubgroups &&
                  (sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT ||
                      sizes.minSubgroupSize == sizes.maxSubgroupSize);
    if (!choice && sizes.minSubgroupSize != sizes.maxSubgroupSize) {
        out->subgroup_min = out->subgroup_max = 0; /* any, and nobody says which */
    } else if (choice) {
        out->subgroup_min = sizes.minSubgroupSize;
        out->subgroup_max = sizes.maxSubgroupSize;
        out->max_subgroups = sizes.maxComputeWorkgroupSubgroups;
    }
}

void gpu_subgroup_query(VkPhysicalDevice physical, struct gpu_caps *out)
{
    VkPhysicalDeviceVulkan11Properties p11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES};
    const VkSubgroupFeatureFlags need = VK_SUBGROUP_FEATURE_BASIC_BIT |
                                        VK_SUBGROUP_FEATURE_SHUFFLE_BIT |
                                        VK_SUBGROUP_FEATURE_BALLOT_BIT;
    vkGetPhysicalDeviceProperties2(
        physical, &(VkPhysicalDeviceProperties2){
                      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &p11});
    query_sizes(physical, p11.subgroupSize, out);
    bool usable = p11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT &&
                  (p11.subgroupSupportedOperations & need) == need;
    uint32_t size = preferred_size(out);
    out->subgroup = usable && size >= 4 ? size : 0;
}

bool gpu_subgroup_choice(const struct gpu_caps *caps)
{
    return caps->subgroup && caps->max_subgroups;
}

#ifdef VK_KHR_cooperative_matrix
uint32_t gpu_matrix_shapes(VkInstance instance, VkPhysicalDevice physical,
    struct gpu_matrix_shape out[GPU_MAX_MATRIX_SHAPES])
{
    VkCooperativeMatrixPropertiesKHR list[GPU_MAX_MATRIX_SHAPES];
    uint32_t n = GPU_MAX_MATRIX_SHAPES, found = 0;
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR query =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)vkGetInstanceProcAddr(
            instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    if (!query || !gpu_has_extension(physical, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME))
        return 0;
    for (uint32_t i = 0; i < n; i++)
        list[i] = (VkCooperativeMatrixPropertiesKHR){
            .sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    if (query(physical, &n, list) < 0)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        const VkCooperativeMatrixPropertiesKHR *p = &list[i];
        bool s8 = p->AType == VK_COMPONENT_TYPE_SINT8_KHR &&
                  p->BType == VK_COMPONENT_TYPE_SINT8_KHR &&
                  p->CType == VK_COMPONENT_TYPE_SINT32_KHR &&
                  p->ResultType == VK_COMPONENT_TYPE_SINT32_KHR && !p->saturatingAccumulation;
        bool f16 = p->AType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
                   p->BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
                   p->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR;
        if ((s8 || f16) && p->scope == VK_SCOPE_SUBGROUP_KHR)
            out[found++] = (struct gpu_matrix_shape){s8, p->MSize, p->NSize, p->KSize};
    }
    return found;
}

static bool has_matrices(VkPhysicalDevice physical)
{
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR coopmat = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR};
    VkPhysicalDeviceVulkanMemoryModelFeatures model = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES, .pNext = &coopmat};
    VkPhysicalDeviceCooperativeMatrixPropertiesKHR property = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    vkGetPhysicalDeviceFeatures2(
        physical, &(VkPhysicalDeviceFeatures2){
                      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &model});
    vkGetPhysicalDeviceProperties2(
        physical, &(VkPhysicalDeviceProperties2){
                      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &property});
    return coopmat.cooperativeMatrix && model.vulkanMemoryModel &&
           model.vulkanMemoryModelDeviceScope &&
           property.cooperativeMatrixSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT;
}
#else
uint32_t gpu_matrix_shapes(VkInstance instance, VkPhysicalDevice physical,
    struct gpu_matrix_shape out[GPU_MAX_MATRIX_SHAPES])
{
    (void)instance, (void)physical, (void)out;
    return 0;
}

static bool has_matrices(VkPhysicalDevice physical)
{
    (void)physical;
    return false;
}
#endif

/* 16 x 16 x 16 where it is listed, else the largest. */
static bool choose_matrix(const struct gpu_matrix_shape *list, uint32_t n, bool s8, uint32_t out[3])
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct gpu_matrix_shape *s = &list[i];
        bool usual = s->m == 16 && s->n == 16 && s->k == 16;
        uint32_t size = usual ? UINT32_MAX : s->m * s->n * s->k;
        if (s->s8 != s8 || size <= best)
            continue;
        best = size;
        out[0] = s->m;
        out[1] = s->n;
        out[2] = s->k;
    }
    return best != 0;
}

void gpu_coopmat_query(VkInstance instance, VkPhysicalDevice physical, struct gpu_caps *out)
{
    struct gpu_matrix_shape list[GPU_MAX_MATRIX_SHAPES];
    uint32_t n = gpu_matrix_shapes(instance, physical, list), whole[3] = {0}, half[3] = {0};
    VkPhysicalDeviceShaderFloat16Int8Features types = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES};
    vkGetPhysicalDeviceFeatures2(
        physical, &(VkPhysicalDeviceFeatures2){
                      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &types});
    /* Matrices belong to full subgroups, which a pipeline must be able to ask for. */
    bool can = n > 0 && gpu_subgroup_choice(out) && has_matrices(physical);
    out->coopmat = choose_matrix(list, n, true, whole) && can && types.shaderInt8;
    out->half_matrices = choose_matrix(list, n, false, half) && can && types.shaderFloat16;
    out->coopmat_m = whole[0], out->coopmat_n = whole[1], out->coopmat_k = whole[2];
    out->half_m = half[0], out->half_n = half[1], out->half_k = half[2];
}

static void add_feature(struct gpu_features *f, const char *extension, void *feature)
{
    ((VkBaseOutStructure *)feature)->pNext = f->chain;
    f->chain = feature;
    if (extension)
        f->extensions[f->n_extensions++] = extension;
}

void gpu_features_choose(const struct gpu_caps *caps, struct gpu_features *out)
{
    *out = (struct gpu_features){
        .timeline = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
            .timelineSemaphore = VK_TRUE},
        .dot = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES,
            .shaderIntegerDotProduct = VK_TRUE},
        .sizes = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT,
            .subgroupSizeControl = VK_TRUE,
            .computeFullSubgroups = VK_TRUE},
        .statistics =
            {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
                .pipelineExecutableInfo = VK_TRUE},
        .memory_model = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES,
            .vulkanMemoryModel = VK_TRUE,
            .vulkanMemoryModelDeviceScope = VK_TRUE},
        .types = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES,
            .shaderInt8 = caps->coopmat != 0,
            .shaderFloat16 = caps->half_matrices != 0},
    };
    add_feature(out, NULL, &out->timeline);
    if (caps->int_dot)
        add_feature(out, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME, &out->dot);
    if (gpu_subgroup_choice(caps))
        add_feature(out, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME, &out->sizes);
    if (caps->statistics)
        add_feature(out, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME, &out->statistics);
#ifdef VK_KHR_cooperative_matrix
    if (caps->coopmat || caps->half_matrices) {
        out->coopmat = (VkPhysicalDeviceCooperativeMatrixFeaturesKHR){
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
            .cooperativeMatrix = VK_TRUE};
        add_feature(out, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME, &out->coopmat);
        add_feature(out, NULL, &out->memory_model);
        add_feature(out, NULL, &out->types);
    }
#endif
}
