/* Shared by the files of gpu/ only. */
#ifndef GPU_INTERNAL_H
#define GPU_INTERNAL_H

#include <pthread.h>
#include <volk.h>

#include "gpu/gpu.h"

struct gpu_device {
    bool is_ref;
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice handle;
    struct VolkDeviceTable vk;
    VkQueue queue;
    uint32_t queue_family, timestamp_bits; /* 0 bits: no timestamps */
    VkSemaphore timeline;
    uint64_t next_ticket; /* guarded by lock */
    pthread_mutex_t lock;
    VkDescriptorSetLayout set_layouts[GPU_MAX_BUFFERS + 1];
    VkPipelineLayout layouts[GPU_MAX_BUFFERS + 1];
    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceMemoryProperties memory;
    bool has_budget;
    struct gpu_caps caps;
    struct gpu_counters counters;
    char name[256];
    struct gpu_identity identity;
    VkPipelineCache cache; /* cache.c; null: none */
    char *cache_path;
    uint64_t cache_build, cache_bytes;
    bool lost;  /* set once; read without the lock, as is: */
    bool stuck; /* work did not end in time: what it may still use is never freed */
};

#define GPU_COUNT(dev, field, n) __atomic_fetch_add(&(dev)->counters.field, (n), __ATOMIC_RELAXED)

/* Runs a Vulkan call; on failure stores what failed and jumps to fail. */
#define VK_TRY(call)                                                                               \
    do {                                                                                           \
        VkResult result_ = (call);                                                                 \
        if (result_ != VK_SUCCESS) {                                                               \
            gpu_fail(err, result_, #call, __FILE__, __LINE__);                                     \
            goto fail;                                                                             \
        }                                                                                          \
    } while (0)

hekla_status gpu_fail(
    struct hekla_error *err, VkResult result, const char *call, const char *file, int line);

/* instance.c: loads Vulkan and makes an instance; HEKLA_NO_DEVICE says what to install. */
hekla_status gpu_instance_create(VkInstance *out, struct hekla_error *err);
/* choose.c: the devices of an instance, and which one `which` means. */
#define GPU_MAX_DEVICES 16u
uint32_t gpu_physical_devices(VkInstance instance, VkPhysicalDevice out[GPU_MAX_DEVICES]);
/* describe.c */
void gpu_describe(
    VkInstance instance, VkPhysicalDevice physical, uint32_t index, struct hekla_device_info *out);
/* choose.c */
void gpu_describe_reference(struct hekla_device_info *out);
void gpu_identify(VkPhysicalDevice physical, struct gpu_identity *out);
hekla_status gpu_choose(
    VkInstance instance, const char *which, VkPhysicalDevice *out, struct hekla_error *err);
/* caps.c */
void gpu_caps_query(VkInstance instance, VkPhysicalDevice physical, struct gpu_caps *out);
void gpu_caps_reference(struct gpu_caps *out);
hekla_status gpu_caps_override(struct gpu_caps *caps, const char *text, struct hekla_error *err);
/* What follows from the caps that were set, once all are. */
void gpu_caps_settle(struct gpu_caps *caps);
bool gpu_has_extension(VkPhysicalDevice physical, const char *name);
/* features.c: optional features that kernels can have a need for. */
void gpu_subgroup_query(VkPhysicalDevice physical, struct gpu_caps *out);
/* True where pipelines can be told to have full subgroups of the size caps->subgroup. Those that
 * need none keep the driver's choice, which knows how many registers a kernel needs. */
bool gpu_subgroup_choice(const struct gpu_caps *caps);
void gpu_coopmat_query(VkInstance instance, VkPhysicalDevice physical, struct gpu_caps *out);
struct gpu_matrix_shape {
    bool s8; /* int8 that add up in int32, else fp16 in fp32 */
    uint32_t m, n, k;
};
#define GPU_MAX_MATRIX_SHAPES 64u
/* The shapes with the scope of a subgroup that the driver lists, never assumed: one that it does
 * not list may compile and give wrong results. */
uint32_t gpu_matrix_shapes(VkInstance instance, VkPhysicalDevice physical,
    struct gpu_matrix_shape out[GPU_MAX_MATRIX_SHAPES]);
/* The extensions and features that the caps ask for. Points into itself. */
#define GPU_MAX_EXTENSIONS 8u
struct gpu_features {
    const char *extensions[GPU_MAX_EXTENSIONS];
    uint32_t n_extensions;
    void *chain;
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline;
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot;
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT sizes;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR statistics;
#ifdef VK_KHR_cooperative_matrix
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR coopmat;
#endif
    VkPhysicalDeviceVulkanMemoryModelFeatures memory_model;
    VkPhysicalDeviceShaderFloat16Int8Features types;
};
void gpu_features_choose(const struct gpu_caps *caps, struct gpu_features *out);
/* pipeline.c */
hekla_status gpu_pipeline_compile(struct gpu_device *dev, struct gpu_pipeline *out,
    const struct gpu_pipeline_info *info, VkPipelineCreateFlags flags, struct hekla_error *err);
/* cache.c */
void gpu_cache_close(struct gpu_device *dev);
/* command.c */
VkCommandBuffer gpu_commands_handle(const struct gpu_commands *c);
/* memory.c */
uint32_t gpu_largest_local_heap(const VkPhysicalDeviceMemoryProperties *m);
/* Bytes of host memory that can still be used. */
uint64_t gpu_host_memory_available(void);

#endif
