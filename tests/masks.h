/*
 * The capability masks that results must not depend on: features that faster kernels use switched
 * off one by one and all together, the smallest limits that Vulkan allows a device of ours to have,
 * and every subgroup size that the device lets a pipeline have. No kernel uses storage of 8 or 16
 * bits, so there is nothing to mask there.
 */
#ifndef TESTS_MASKS_H
#define TESTS_MASKS_H

#include "gpu/gpu.h"

#include <inttypes.h>
#include <stdio.h>

struct test_mask {
    const char *name;
    char text[160];  /* for HEKLA_CAPS */
    bool everything; /* all of the others at once */
};
enum { TEST_MAX_MASKS = 16 };

static inline uint64_t mask_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Returns how many; caps: the device's own. */
static inline uint32_t test_masks(const struct gpu_caps *caps, struct test_mask out[TEST_MAX_MASKS])
{
    char limits[100];
    uint32_t n = 5;
    const char *features = "subgroup=0:int_dot=0:coopmat=0";
    snprintf(limits, sizeof(limits),
        "max_range=%" PRIu64 ":max_shared=%" PRIu64 ":max_invocations=%" PRIu64,
        mask_least(caps->max_range, 128u << 20), mask_least(caps->max_shared, 16384),
        mask_least(caps->max_invocations, 128));
    out[0] = (struct test_mask){.name = "everything", .everything = true};
    snprintf(out[0].text, sizeof(out[0].text), "%s:%s", features, limits);
    out[1] = (struct test_mask){.name = "no subgroup operations", .text = "subgroup=0"};
    out[2] = (struct test_mask){.name = "no integer dot product", .text = "int_dot=0"};
    out[3] = (struct test_mask){.name = "no cooperative matrix", .text = "coopmat=0"};
    out[4] = (struct test_mask){.name = "smallest limits"};
    snprintf(out[4].text, sizeof(out[4].text), "%s", limits);
    for (uint32_t size = caps->subgroup_min;
         caps->subgroup && size && size <= caps->subgroup_max && n < TEST_MAX_MASKS; size *= 2) {
        out[n] = (struct test_mask){.name = "a forced subgroup size"};
        snprintf(out[n].text, sizeof(out[n].text), "subgroup=%" PRIu32, size);
        n++;
    }
    return n;
}

/* Whether a device with these caps works otherwise under the mask. A forced size changes pipelines
 * where there is a choice. */
static inline bool mask_changes(const struct gpu_caps *caps, const struct gpu_caps *masked)
{
    bool changes = masked->subgroup_forced && caps->subgroup_min < caps->subgroup_max;
#define X(field, text) changes |= caps->field != masked->field;
    GPU_CAPS_LIST(X)
#undef X
    return changes;
}

#endif
