/* What the driver's compiler made of a pipeline: VK_KHR_pipeline_executable_properties. */
#include "gpu/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double value_of(const VkPipelineExecutableStatisticKHR *s)
{
    switch (s->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
        return s->value.b32 ? 1 : 0;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
        return (double)s->value.i64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR:
        return s->value.f64;
    default:
        return (double)s->value.u64;
    }
}

static VkResult read_numbers(
    struct gpu_device *dev, const VkPipelineExecutableInfoKHR *which, struct gpu_statistics *out)
{
    VkPipelineExecutableStatisticKHR list[GPU_MAX_STATISTICS];
    out->n = GPU_MAX_STATISTICS;
    for (uint32_t i = 0; i < GPU_MAX_STATISTICS; i++)
        list[i] = (VkPipelineExecutableStatisticKHR){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
    VkResult result =
        dev->vk.vkGetPipelineExecutableStatisticsKHR(dev->handle, which, &out->n, list);
    for (uint32_t i = 0; i < out->n && result >= 0; i++) {
        snprintf(out->list[i].name, sizeof(out->list[i].name), "%.63s", list[i].name);
        out->list[i].value = value_of(&list[i]);
    }
    return result;
}

/* The last text is the one nearest to the hardware. */
static VkResult read_assembly(
    struct gpu_device *dev, const VkPipelineExecutableInfoKHR *which, struct gpu_statistics *out)
{
    VkPipelineExecutableInternalRepresentationKHR list[16];
    uint32_t n = 16, last = 16;
    for (uint32_t i = 0; i < n; i++)
        list[i] = (VkPipelineExecutableInternalRepresentationKHR){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR};
    VkResult result =
        dev->vk.vkGetPipelineExecutableInternalRepresentationsKHR(dev->handle, which, &n, list);
    for (uint32_t i = 0; i < n && result >= 0; i++)
        last = list[i].isText && list[i].dataSize ? i : last;
    if (result < 0 || last == 16)
        return result;
    for (uint32_t i = 0; i < n; i++)
        list[i].pData = calloc(1, list[i].dataSize + 1);
    result =
        dev->vk.vkGetPipelineExecutableInternalRepresentationsKHR(dev->handle, which, &n, list);
    for (uint32_t i = 0; i < n; i++)
        if (i == last && result >= 0)
            out->assembly = list[i].pData;
        else
            free(list[i].pData);
    return result;
}

static VkResult read_all(struct gpu_device *dev, VkPipeline pipeline, struct gpu_statistics *out)
{
    const VkPipelineExecutableInfoKHR which = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, .pipeline = pipeline};
    VkPipelineExecutablePropertiesKHR first = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
    uint32_t n = 1;
    VkResult result = dev->vk.vkGetPipelineExecutablePropertiesKHR(dev->handle,
        &(VkPipelineInfoKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline},
        &n, &first);
    out->subgroup_size = first.subgroupSize;
    if (result < 0 || n == 0)
        return result;
    result = read_numbers(dev, &which, out);
    return result < 0 ? result : read_assembly(dev, &which, out);
}

hekla_status gpu_pipeline_statistics(struct gpu_device *dev, const struct gpu_pipeline_info *info,
    struct gpu_statistics *out, struct hekla_error *err)
{
    struct gpu_pipeline pipeline;
    *out = (struct gpu_statistics){0};
    if (!dev->caps.statistics)
        return hekla_fail(
            err, HEKLA_ARGUMENT, "%s was opened without the capability statistics=1", dev->name);
    hekla_status status = gpu_pipeline_compile(dev, &pipeline, info,
        VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR |
            VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR,
        err);
    if (status != HEKLA_OK)
        return status;
    VkResult result = read_all(dev, pipeline.handle, out);
    gpu_pipeline_destroy(dev, &pipeline);
    if (result >= 0)
        return HEKLA_OK;
    gpu_statistics_free(out);
    return hekla_fail(err, HEKLA_DEVICE, "%s does not tell what it made of kernel %s (VkResult %d)",
        dev->name, info->name, (int)result);
}

void gpu_statistics_free(struct gpu_statistics *s)
{
    free(s->assembly);
    *s = (struct gpu_statistics){0};
}
