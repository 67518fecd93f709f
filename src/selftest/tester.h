/* Shared by the files of the framework; case files see case.h only. */
#ifndef SELFTEST_TESTER_H
#define SELFTEST_TESTER_H

#include "selftest/case.h"
#include "selftest/selftest.h"

#include "plan/plan.h"

enum {
    TEST_GUARD = 256, /* bytes before and after each region; also Vulkan's largest alignment */
    TEST_MAX_REGIONS = 48,
    TEST_MAX_SHARDS = 8,
    TEST_MAX_VARIATIONS = 256,
    TEST_QUICK_CASES = 6, /* for each set of constants, and flavour */
    TEST_MAX_SEEN = 64,
};

struct tester {
    struct gpu_device *dev;
    const struct selftest_options *opt;
    struct plan_pipelines *pipelines;
    struct gpu_caps caps; /* the device's, or with the other setting of row_threads */
    struct selftest_row *row;
    enum kernel kernel; /* of the row; K_copy for copies */

    struct {
        uint32_t spec[SPEC_COUNT], flavour, cases;
    } seen[TEST_MAX_SEEN]; /* by a quick test of the row */
    uint32_t n_seen;

    struct gpu_buffer space; /* the arena, host memory only; what ops of a case are bound to */
    uint64_t used, capacity;
    struct gpu_view regions[TEST_MAX_REGIONS];
    uint32_t n_regions;
    uint8_t *before; /* the arena as it was before an op */
    struct gpu_buffer upload, device, readback;

    struct matrix_shard shards[TEST_MAX_SHARDS];
    struct variation variations[TEST_MAX_VARIATIONS];
    uint32_t n_variations;
    uint64_t random;
    char name[200];
    double began;
    bool ran;            /* the case; a quick test leaves out most */
    bool failed;         /* the case */
    hekla_status status; /* what kept the test from running; all functions do nothing then */
    struct hekla_error *err;
};

/* The contents of arena words that nobody filled: guards and outputs. */
static inline uint32_t tester_pattern(uint64_t word)
{
    return 0xffc00000u | ((uint32_t)word * 2654435761u >> 12 & 0x3fffffu);
}

/* fill.c */
void tester_fill(struct test *t, uint32_t *out, uint32_t n, enum fill fill);
void tester_fill_blocks(
    struct test *t, const struct quant_type *type, uint8_t *out, uint32_t n_blocks);

/* device.c: runs ops (bound to the arena) on the device from the contents in t->own->before, and
 * compares with the arena, which holds what the reference made of it. */
void tester_compare(struct test *t, const struct op *ops, uint32_t n, bool one_by_one);
void tester_fail(struct test *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tester_stop(struct test *t, hekla_status status, const char *what);

#endif
