/*
 * plan/: takes an op list: inserts barriers where ops touch the same memory, and records commands
 * for a device, or runs it on the C reference. A plan is made once per shape and run many times;
 * what changes per token is in the step buffer. Owns recordings and pipelines, not buffers.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "kernels/op.h"

/* Compiled pipelines of a device, shared by its plans. Thread-safe. */
struct plan_pipelines;
/* verdicts (kept; may be NULL): only what passed is compiled. */
hekla_status plan_pipelines_create(struct plan_pipelines **out, struct gpu_device *dev,
    const struct kernel_verdicts *verdicts, struct hekla_error *err);
void plan_pipelines_destroy(struct plan_pipelines *p);
/* Compiles what ops need and is not there yet, side by side; after a failure none of it is there.
 */
hekla_status plan_pipelines_prepare(
    struct plan_pipelines *p, const struct op *ops, uint32_t n, struct hekla_error *err);
/* The pipeline of an op; NULL: nobody prepared it. Valid as long as p. */
const struct gpu_pipeline *plan_pipelines_find(struct plan_pipelines *p, const struct op *op);

/* What the device compiles for an op; HEKLA_UNSUPPORTED: this build has no such kernel. */
hekla_status plan_pipeline_info(
    const struct op *op, struct gpu_pipeline_info *out, struct hekla_error *err);

struct plan;
/* Takes the ops out of list (which is then empty), also on failure. */
hekla_status plan_create(struct plan **out, struct gpu_device *dev,
    struct plan_pipelines *pipelines, struct op_list *list, struct hekla_error *err);
void plan_destroy(struct plan *plan);

/* Runs the plan `count` times in a row (at most 16), without waiting. *ticket: of the first run. */
hekla_status plan_submit(
    struct plan *plan, uint32_t count, uint64_t *ticket, struct hekla_error *err);

const struct op *plan_ops(const struct plan *plan, uint32_t *n);
/* seconds[n]: how long each op of the last run took, from the end of the one before to its own.
 * The run has ended; runs of a timed plan must not overlap. */
hekla_status plan_times(const struct plan *plan, double *seconds, struct hekla_error *err);

/* peak.c: bytes a second, at best, of a kernel that reads and of copies (read and written). Takes
 * some memory for a moment. */
struct plan_bandwidth {
    double read, copy;
};
hekla_status plan_measure_bandwidth(struct gpu_device *dev, struct plan_pipelines *pipelines,
    struct plan_bandwidth *out, struct hekla_error *err);
/* compute.c: operations a second that the device was seen to do at best (K_peak_f32, K_peak_dot).
 */
hekla_status plan_measure_compute(struct gpu_device *dev, struct plan_pipelines *pipelines,
    enum kernel which, double *operations_per_second, struct hekla_error *err);

/* The greater of the two. */
hekla_status plan_measure_peak(struct gpu_device *dev, struct plan_pipelines *pipelines,
    double *bytes_per_second, struct hekla_error *err);

/* barrier.c: for op i, whether a barrier must come before it (before_op[i]). */
void plan_find_barriers(const struct op *ops, uint32_t n, bool *before_op);

#endif
