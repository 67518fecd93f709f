#include "gpu/internal.h"

#include <assert.h>

hekla_status gpu_pipeline_compile(struct gpu_device *dev, struct gpu_pipeline *out,
    const struct gpu_pipeline_info *info, VkPipelineCreateFlags flags, struct hekla_error *err)
{
    VkSpecializationMapEntry entries[16];
    VkShaderModule module = VK_NULL_HANDLE;
    const struct gpu_caps *caps = &dev->caps;
    bool choice = gpu_subgroup_choice(caps) && (info->subgroup || caps->subgroup_forced);
    bool full = choice && info->size_x % caps->subgroup == 0;
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT size = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO_EXT,
        .requiredSubgroupSize = (uint32_t)caps->subgroup};
    assert(info->n_spec <= 16 && info->n_buffers <= GPU_MAX_BUFFERS);
    *out = (struct gpu_pipeline){.n_buffers = info->n_buffers};
    for (uint32_t i = 0; i < info->n_spec; i++)
        entries[i] = (VkSpecializationMapEntry){.constantID = i, .offset = i * 4, .size = 4};
    VK_TRY(dev->vk.vkCreateShaderModule(dev->handle,
        &(VkShaderModuleCreateInfo){.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
            .codeSize = info->bytes,
            .pCode = info->words},
        NULL, &module));
    /* All constants are passed always: a driver has been seen to mishandle defaults. */
    VkResult result = dev->vk.vkCreateComputePipelines(dev->handle, dev->cache, 1,
        &(VkComputePipelineCreateInfo){
            .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
            .flags = flags,
            .stage =
                {
                    .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                    .pNext = choice && caps->subgroup_min != caps->subgroup_max ? &size : NULL,
                    .flags =
                        full ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT : 0,
                    .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                    .module = module,
                    .pName = "main",
                    .pSpecializationInfo = &(VkSpecializationInfo){.mapEntryCount = info->n_spec,
                        .pMapEntries = entries,
                        .dataSize = info->n_spec * 4,
                        .pData = info->spec},
                },
            .layout = dev->layouts[info->n_buffers],
        },
        NULL, (VkPipeline *)&out->handle);
    dev->vk.vkDestroyShaderModule(dev->handle, module, NULL);
    if (result != VK_SUCCESS)
        return hekla_fail(err, HEKLA_DEVICE, "the driver could not compile kernel %s (VkResult %d)",
            info->name, (int)result);
    GPU_COUNT(dev, pipelines, 1);
    return HEKLA_OK;
fail:
    return HEKLA_DEVICE;
}

hekla_status gpu_pipeline_create(struct gpu_device *dev, struct gpu_pipeline *out,
    const struct gpu_pipeline_info *info, struct hekla_error *err)
{
    return gpu_pipeline_compile(dev, out, info, 0, err);
}

void gpu_pipeline_destroy(struct gpu_device *dev, struct gpu_pipeline *pipeline)
{
    if (dev && dev->handle && !gpu_device_is_stuck(dev))
        dev->vk.vkDestroyPipeline(dev->handle, pipeline->handle, NULL);
    *pipeline = (struct gpu_pipeline){0};
}
