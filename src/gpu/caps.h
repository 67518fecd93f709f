/* What a device can do, by name: HEKLA_CAPS=int_dot=0 overrides a field (never the limits upwards).
 * A field that is 0 is never used, so a mask shows how the engine works on a lesser device. */
#ifndef GPU_CAPS_H
#define GPU_CAPS_H

#include <stdint.h>

/* field, meaning. */
#define GPU_CAPS_LIST(X)                                                                           \
    X(int_dot, "packed 4x8-bit integer dot product: 1 available, 2 accelerated")                   \
    X(subgroup, "subgroup size of kernels that need one, with shuffles; 0: none to rely on")       \
    X(coopmat, "cooperative matrices of int8 that add up in int32: 1 available")                   \
    X(half_matrices, "cooperative matrices of half floats that add up in f32: 1 available")        \
    X(row_threads, "1: one invocation a row is fastest (processors that are not GPUs)")            \
    X(max_invocations, "invocations of a workgroup")                                               \
    X(max_shared, "bytes of shared memory of a workgroup")                                         \
    X(max_range, "bytes of a buffer that a kernel can see")                                        \
    X(max_slab, "bytes of one allocation")                                                         \
    X(host_memory, "1: device memory is host memory, one copy is enough")                          \
    X(submit_ms, "how long a submission should take at most; 0: as long as it takes")              \
    X(wait_s, "after how long a submission counts as hung")                                        \
    X(statistics, "1: the driver keeps statistics of pipelines for gpu_pipeline_statistics")

struct gpu_caps {
#define X(name, text) uint64_t name;
    GPU_CAPS_LIST(X)
#undef X
    /* Sizes that `subgroup` may be set to; equal where the device has but one. */
    uint32_t subgroup_min, subgroup_max;
    uint32_t subgroup_forced; /* 1: by an override: all pipelines get it, needed or not */
    uint32_t max_subgroups;   /* of a workgroup, where the size is a choice */
    uint32_t coopmat_m, coopmat_n, coopmat_k; /* a shape that the driver lists, or 0 */
    uint32_t half_m, half_n, half_k;          /* the same for half_matrices */
    /* No padding: verdicts are kept by a hash. */
};

#endif
