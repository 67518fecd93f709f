/* What a device can do, by name: HEKLA_CAPS=int_dot=0 overrides a field (never the limits upwards).
 */
#ifndef GPU_CAPS_H
#define GPU_CAPS_H

#include <stdint.h>

/* field, meaning. */
#define GPU_CAPS_LIST(X)                                                                           \
    X(int_dot, "packed 4x8-bit integer dot product: 1 available, 2 accelerated")                   \
    X(row_threads, "1: one invocation a row is fastest (processors that are not GPUs)")            \
    X(max_invocations, "invocations of a workgroup")                                               \
    X(max_shared, "bytes of shared memory of a workgroup")                                         \
    X(max_range, "bytes of a buffer that a kernel can see")                                        \
    X(max_slab, "bytes of one allocation")                                                         \
    X(host_memory, "1: device memory is host memory, one copy is enough")

struct gpu_caps {
#define X(name, text) uint64_t name;
    GPU_CAPS_LIST(X)
#undef X
};

#endif
