#include "plan/plan.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    enum kernel kernel;
    int quant;
    uint32_t spec[SPEC_COUNT];
    struct gpu_pipeline pipeline;
    struct entry *next; /* a list: pointers into it stay valid, and it is short */
};

struct plan_pipelines {
    struct gpu_device *dev;
    const struct kernel_verdicts *verdicts;
    pthread_mutex_t lock;
    struct entry *entries;
};

hekla_status plan_pipelines_create(struct plan_pipelines **out, struct gpu_device *dev,
    const struct kernel_verdicts *verdicts, struct hekla_error *err)
{
    struct plan_pipelines *p = calloc(1, sizeof(*p));
    if (!p)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for pipelines");
    p->dev = dev;
    p->verdicts = verdicts;
    pthread_mutex_init(&p->lock, NULL);
    *out = p;
    return kernels_check(err);
}

void plan_pipelines_destroy(struct plan_pipelines *p)
{
    if (!p)
        return;
    for (struct entry *e = p->entries, *next; e; e = next) {
        next = e->next;
        gpu_pipeline_destroy(p->dev, &e->pipeline);
        free(e);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

hekla_status plan_pipeline_info(
    const struct op *op, struct gpu_pipeline_info *out, struct hekla_error *err)
{
    const struct spirv *spirv = kernel_spirv(op->kernel, op->quant);
    if (!spirv)
        return hekla_fail(err, HEKLA_UNSUPPORTED, "this build has no kernel %s for %s",
            kernel_rows[op->kernel].name, op->quant < 0 ? "-" : quant_types[op->quant].label);
    *out = (struct gpu_pipeline_info){.name = kernel_rows[op->kernel].name,
        .words = spirv->words,
        .bytes = spirv->bytes,
        .n_buffers = kernel_rows[op->kernel].n_buffers,
        .spec = op->spec,
        .n_spec = SPEC_COUNT,
        .subgroup = kernel_rows[op->kernel].subgroup,
        .size_x = op->spec[SPEC_SIZE_X]};
    return HEKLA_OK;
}

static hekla_status create(
    struct plan_pipelines *p, const struct op *op, struct entry **out, struct hekla_error *err)
{
    struct gpu_pipeline_info info;
    hekla_status status = plan_pipeline_info(op, &info, err);
    if (status != HEKLA_OK)
        return status;
    /* The one place where kernels become runnable: nothing unproven gets past it. */
    if (!kernel_usable(op->kernel, op->quant, gpu_device_caps(p->dev), p->verdicts))
        return kernel_fail(op->kernel, op->quant, p->dev, p->verdicts, err);
    struct entry *e = calloc(1, sizeof(*e));
    if (!e)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a pipeline");
    e->kernel = op->kernel;
    e->quant = op->quant;
    memcpy(e->spec, op->spec, sizeof(e->spec));
    status = gpu_pipeline_create(p->dev, &e->pipeline, &info, err);
    if (status != HEKLA_OK) {
        free(e);
        return status;
    }
    *out = e;
    return HEKLA_OK;
}

hekla_status plan_pipelines_find(struct plan_pipelines *p, const struct op *op,
    const struct gpu_pipeline **out, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    pthread_mutex_lock(&p->lock);
    struct entry *e = p->entries;
    while (e && (e->kernel != op->kernel || e->quant != op->quant ||
                    memcmp(e->spec, op->spec, sizeof(e->spec)) != 0))
        e = e->next;
    if (!e) {
        status = create(p, op, &e, err);
        if (status == HEKLA_OK) {
            e->next = p->entries;
            p->entries = e;
        }
    }
    if (status == HEKLA_OK)
        *out = &e->pipeline;
    pthread_mutex_unlock(&p->lock);
    return status;
}
