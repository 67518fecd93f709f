#include "plan/plan.h"

#include "ref/ref.h"

#include <stdlib.h>

struct plan {
    struct gpu_device *dev;
    struct gpu_commands *commands; /* NULL on the reference device */
    struct op *ops;
    uint32_t n;
    enum op_timing timing;
    struct gpu_timer *timer; /* NULL: none, or the reference, which is not timed */
};

static hekla_status record_op(struct plan *plan, struct plan_pipelines *pipelines,
    const struct op *op, struct hekla_error *err)
{
    if (op->kernel == K_copy) {
        gpu_commands_copy(plan->commands, op->views[0], op->views[1]);
        return HEKLA_OK;
    }
    return gpu_commands_dispatch(plan->commands, plan_pipelines_find(pipelines, op), op->views,
        op->args, op->args_bytes, op->groups, op->indirect.buffer ? &op->indirect : NULL, err);
}

static hekla_status begin_timing(struct plan *plan, struct hekla_error *err)
{
    if (plan->timing == OP_TIMING_OFF || !gpu_device_has_timestamps(plan->dev))
        return HEKLA_OK;
    hekla_status status = gpu_timer_create(&plan->timer, plan->dev, plan->n + 1, err);
    if (status != HEKLA_OK)
        return status;
    gpu_commands_reset_timer(plan->commands, plan->timer);
    gpu_commands_stamp(plan->commands, plan->timer, 0);
    return HEKLA_OK;
}

static hekla_status record(
    struct plan *plan, struct plan_pipelines *pipelines, struct hekla_error *err)
{
    bool *barriers = calloc(plan->n ? plan->n : 1, sizeof(*barriers));
    if (!barriers)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a plan");
    plan_find_barriers(plan->ops, plan->n, barriers);
    hekla_status status = plan_pipelines_prepare(pipelines, plan->ops, plan->n, err);
    if (status == HEKLA_OK)
        status = gpu_commands_begin(&plan->commands, plan->dev, plan->n, err);
    if (status == HEKLA_OK)
        status = begin_timing(plan, err);
    for (uint32_t i = 0; i < plan->n && status == HEKLA_OK; i++) {
        if (barriers[i] || (i && plan->timing == OP_TIMING_ALONE))
            gpu_commands_barrier(plan->commands);
        status = record_op(plan, pipelines, &plan->ops[i], err);
        if (plan->timer)
            gpu_commands_stamp(plan->commands, plan->timer, i + 1);
    }
    if (status == HEKLA_OK)
        status = gpu_commands_end(plan->commands, err);
    free(barriers);
    return status;
}

hekla_status plan_create(struct plan **out, struct gpu_device *dev,
    struct plan_pipelines *pipelines, struct op_list *list, struct hekla_error *err)
{
    struct plan *plan = list->out_of_memory ? NULL : calloc(1, sizeof(*plan));
    if (!plan) {
        op_list_free(list);
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a plan");
    }
    *plan = (struct plan){.dev = dev, .ops = list->ops, .n = list->n, .timing = list->timing};
    list->ops = NULL;
    list->n = list->capacity = 0;
    hekla_status status = gpu_device_is_ref(dev) ? HEKLA_OK : record(plan, pipelines, err);
    if (status != HEKLA_OK) {
        plan_destroy(plan);
        return status;
    }
    *out = plan;
    return HEKLA_OK;
}

void plan_destroy(struct plan *plan)
{
    if (!plan)
        return;
    gpu_commands_destroy(plan->commands);
    gpu_timer_destroy(plan->timer);
    free(plan->ops);
    free(plan);
}

hekla_status plan_submit(
    struct plan *plan, uint32_t count, uint64_t *ticket, struct hekla_error *err)
{
    if (plan->commands)
        return gpu_submit(plan->commands, count, ticket, err);
    for (uint32_t c = 0; c < count; c++)
        for (uint32_t i = 0; i < plan->n; i++)
            ref_run(&plan->ops[i]);
    *ticket = 0;
    return HEKLA_OK;
}

const struct op *plan_ops(const struct plan *plan, uint32_t *n)
{
    *n = plan->n;
    return plan->ops;
}

hekla_status plan_times(const struct plan *plan, double *seconds, struct hekla_error *err)
{
    if (!plan->timer)
        return hekla_fail(err, HEKLA_UNSUPPORTED, "%s has no timestamps: its steps are not timed",
            gpu_device_name(plan->dev));
    double *stamps = calloc((size_t)plan->n + 1, sizeof(*stamps));
    if (!stamps)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for timestamps");
    hekla_status status = gpu_timer_read(plan->timer, stamps, err);
    for (uint32_t i = 0; i < plan->n && status == HEKLA_OK; i++)
        seconds[i] = stamps[i + 1] - stamps[i];
    free(stamps);
    return status;
}
