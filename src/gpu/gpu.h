/*
 * gpu/: the only room that sees Vulkan. Devices, memory, pipelines, recorded commands, submission.
 * Knows nothing of kernels or models. Objects are plain structs, created and destroyed with the
 * device passed in; destroy accepts what was never or only half created. A device may be shared by
 * threads (submission locks); buffers and commands belong to one thread at a time.
 *
 * The reference device ("ref") is the CPU without Vulkan: its buffers are host memory, and it has
 * no pipelines; plan/ runs the C reference on it instead.
 */
#ifndef GPU_GPU_H
#define GPU_GPU_H

#include "base/status.h"
#include "gpu/caps.h"

struct gpu_device;

/* submits: calls; dispatches and barriers: of all that was submitted. */
struct gpu_counters {
    uint64_t submits, dispatches, barriers, allocations, pipelines, descriptor_writes, recordings;
};

hekla_status gpu_list(
    struct hekla_device_info *out, size_t cap, size_t *count, struct hekla_error *err);
/* which: id, part of a name, "ref", or NULL for the best. caps: "name=value:..." or NULL. */
hekla_status gpu_device_open(
    struct gpu_device **out, const char *which, const char *caps, struct hekla_error *err);
void gpu_device_close(struct gpu_device *dev);

/* Which device it is, and what drives it: what is remembered about a device is kept by this. */
struct gpu_identity {
    char uuid[33];    /* 32 hexadecimal digits */
    char short_id[9]; /* the UUID folded, as gpu_device_open takes it */
    char driver[256]; /* name and version, for people */
    uint32_t driver_id, driver_version;
};
/* Empty texts for the reference device. */
const struct gpu_identity *gpu_device_identity(const struct gpu_device *dev);
/* As in the list of devices, but for id and why, which depend on it. */
void gpu_device_describe(const struct gpu_device *dev, struct hekla_device_info *out);
/* True once the driver has reported it: nothing runs on the device any more. */
bool gpu_device_is_lost(const struct gpu_device *dev);
/* True once work did not end in time. What it may still use is never freed. */
bool gpu_device_is_stuck(const struct gpu_device *dev);
/* Either of them. */
static inline bool gpu_device_is_gone(const struct gpu_device *dev)
{
    return gpu_device_is_lost(dev) || gpu_device_is_stuck(dev);
}

bool gpu_device_is_ref(const struct gpu_device *dev);
const char *gpu_device_name(const struct gpu_device *dev);
bool gpu_device_is_cpu(const struct gpu_device *dev); /* also the reference */
const struct gpu_caps *gpu_device_caps(const struct gpu_device *dev);
/* Counts since the device was opened; read by tests and statistics. */
struct gpu_counters gpu_device_counters(const struct gpu_device *dev);
/* Bytes of device memory that can be allocated now, by the driver's budget where it tells. */
uint64_t gpu_memory_available(const struct gpu_device *dev);

/* ---- memory ---- */

enum gpu_memory {
    GPU_MEMORY_DEVICE,   /* weights, KV cache, scratch: the largest device-local heap */
    GPU_MEMORY_UPLOAD,   /* staging: written by the host in order */
    GPU_MEMORY_READBACK, /* read by the host: cached where possible */
    GPU_MEMORY_STEP, /* small, written by the host and read by kernels; on the device if it can */
};

struct gpu_buffer {
    void *handle, *memory; /* Vulkan's; NULL on the reference device */
    void *host;            /* mapped and coherent, or NULL */
    uint64_t size;
};

/* A part of a buffer. */
struct gpu_view {
    const struct gpu_buffer *buffer;
    uint64_t offset, size;
};

hekla_status gpu_buffer_create(struct gpu_device *dev, struct gpu_buffer *out, uint64_t size,
    enum gpu_memory kind, const char *name, struct hekla_error *err);
void gpu_buffer_destroy(struct gpu_device *dev, struct gpu_buffer *buffer);

/* ---- pipelines ---- */

#define GPU_MAX_BUFFERS 9u
#define GPU_MAX_PUSH 128u

struct gpu_pipeline {
    void *handle;
    uint32_t n_buffers;
};

struct gpu_pipeline_info {
    const char *name;
    const uint32_t *words; /* SPIR-V */
    size_t bytes;
    uint32_t n_buffers;   /* storage buffers, bindings 0 .. n - 1 */
    const uint32_t *spec; /* constants with ids 0 .. n_spec - 1 */
    uint32_t n_spec;
    bool subgroup;   /* it relies on the size caps->subgroup */
    uint32_t size_x; /* of a workgroup: subgroups are full where it is a multiple of that */
};

hekla_status gpu_pipeline_create(struct gpu_device *dev, struct gpu_pipeline *out,
    const struct gpu_pipeline_info *info, struct hekla_error *err);
/* From now on pipelines come from the file at path if this build wrote it with this driver, and are
 * put there when the device is closed. Without a file that can be read or written nothing changes.
 */
void gpu_pipelines_remember(struct gpu_device *dev, const char *path, uint64_t build);
void gpu_pipeline_destroy(struct gpu_device *dev, struct gpu_pipeline *pipeline);

/* What the driver's compiler made of a pipeline: for measuring, on a device that was opened with
 * the capability statistics=1. */
struct gpu_statistic {
    char name[64]; /* the driver's */
    double value;
};
#define GPU_MAX_STATISTICS 64u
struct gpu_statistics {
    uint32_t subgroup_size, n;
    struct gpu_statistic list[GPU_MAX_STATISTICS];
    char *assembly; /* the GPU's instructions as text, or NULL where the driver does not tell */
};
hekla_status gpu_pipeline_statistics(struct gpu_device *dev, const struct gpu_pipeline_info *info,
    struct gpu_statistics *out, struct hekla_error *err);
void gpu_statistics_free(struct gpu_statistics *s);

/* ---- commands: recorded once, submitted any number of times ---- */

struct gpu_commands;

hekla_status gpu_commands_begin(struct gpu_commands **out, struct gpu_device *dev,
    uint32_t max_dispatches, struct hekla_error *err);
hekla_status gpu_commands_end(struct gpu_commands *c, struct hekla_error *err);
/* Must not be in use by the device. NULL is allowed. */
void gpu_commands_destroy(struct gpu_commands *c);

/* indirect (may be NULL): where the device finds the three group counts, instead of groups. */
hekla_status gpu_commands_dispatch(struct gpu_commands *c, const struct gpu_pipeline *pipeline,
    const struct gpu_view *views, const void *push, uint32_t push_bytes, const uint32_t groups[3],
    const struct gpu_view *indirect, struct hekla_error *err);
void gpu_commands_copy(struct gpu_commands *c, struct gpu_view from, struct gpu_view to);
void gpu_commands_fill_zero(struct gpu_commands *c, struct gpu_view to);
/* All that was recorded before is visible to all that is recorded after (and, at the end, to the
 * host). */
void gpu_commands_barrier(struct gpu_commands *c);

/* Submits c `count` times in a row, one submission call. *ticket gets the value of the first;
 * later ones follow by one. */
hekla_status gpu_submit(
    struct gpu_commands *c, uint32_t count, uint64_t *ticket, struct hekla_error *err);
/* Waits until the work with this ticket is done. */
hekla_status gpu_wait(struct gpu_device *dev, uint64_t ticket, struct hekla_error *err);

/* ---- timestamps ---- */

struct gpu_timer;

bool gpu_device_has_timestamps(const struct gpu_device *dev);
/* n stamps, for one recording; HEKLA_UNSUPPORTED where the device has none. */
hekla_status gpu_timer_create(
    struct gpu_timer **out, struct gpu_device *dev, uint32_t n, struct hekla_error *err);
void gpu_timer_destroy(struct gpu_timer *timer); /* NULL is allowed */
/* First of all, so that each run takes the stamps anew. */
void gpu_commands_reset_timer(struct gpu_commands *c, struct gpu_timer *timer);
/* Stamp i: when all that was recorded before is done. Each once. */
void gpu_commands_stamp(struct gpu_commands *c, struct gpu_timer *timer, uint32_t i);
/* seconds[n] since stamp 0. The run has ended, and no other one began. */
hekla_status gpu_timer_read(struct gpu_timer *timer, double *seconds, struct hekla_error *err);

/* ---- SPIR-V ---- */

struct gpu_reflection {
    uint32_t n_buffers; /* highest binding + 1 */
    uint32_t push_bytes;
};
/* false: not SPIR-V. */
bool gpu_reflect(const uint32_t *words, size_t bytes, struct gpu_reflection *out);

#endif
