#include "plan/plan.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_THREADS = 8 };

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

/* What stands before `end`. */
static void drop(struct plan_pipelines *p, const struct entry *end)
{
    while (p->entries != end) {
        struct entry *e = p->entries;
        p->entries = e->next;
        gpu_pipeline_destroy(p->dev, &e->pipeline);
        free(e);
    }
}

void plan_pipelines_destroy(struct plan_pipelines *p)
{
    if (!p)
        return;
    drop(p, NULL);
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

static struct entry *find(const struct plan_pipelines *p, const struct op *op)
{
    struct entry *e = p->entries;
    while (e && (e->kernel != op->kernel || e->quant != op->quant ||
                    memcmp(e->spec, op->spec, sizeof(e->spec)) != 0))
        e = e->next;
    return e;
}

/* Entries of what ops need and is not there, before p->entries, without pipelines yet. */
static hekla_status add_missing(
    struct plan_pipelines *p, const struct op *ops, uint32_t n, struct hekla_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct op *op = &ops[i];
        if (op->kernel == K_copy || find(p, op))
            continue;
        /* The one place where kernels become runnable: nothing unproven gets past it. */
        if (!kernel_usable(op->kernel, op->quant, gpu_device_caps(p->dev), p->verdicts))
            return kernel_fail(op->kernel, op->quant, p->dev, p->verdicts, err);
        struct entry *e = calloc(1, sizeof(*e));
        if (!e)
            return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a pipeline");
        e->kernel = op->kernel;
        e->quant = op->quant;
        memcpy(e->spec, op->spec, sizeof(e->spec));
        e->next = p->entries;
        p->entries = e;
    }
    return HEKLA_OK;
}

struct work {
    struct plan_pipelines *p;
    pthread_mutex_t lock;
    struct entry *next; /* to compile, up to `end` */
    const struct entry *end;
    hekla_status status; /* the first failure */
    struct hekla_error err;
};

static struct entry *take(struct work *w)
{
    pthread_mutex_lock(&w->lock);
    struct entry *e = w->status == HEKLA_OK && w->next != w->end ? w->next : NULL;
    if (e)
        w->next = e->next;
    pthread_mutex_unlock(&w->lock);
    return e;
}

static void *compile(void *user)
{
    struct work *w = user;
    struct entry *e;
    while ((e = take(w))) {
        struct op op = {.kernel = e->kernel, .quant = e->quant};
        struct gpu_pipeline_info info;
        struct hekla_error err = {0};
        memcpy(op.spec, e->spec, sizeof(op.spec));
        hekla_status status = plan_pipeline_info(&op, &info, &err);
        if (status == HEKLA_OK)
            status = gpu_pipeline_create(w->p->dev, &e->pipeline, &info, &err);
        if (status == HEKLA_OK)
            continue;
        pthread_mutex_lock(&w->lock);
        if (w->status == HEKLA_OK) {
            w->status = status;
            w->err = err;
        }
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

/* What stands before `end` on as many threads as there are cores. */
static hekla_status compile_all(
    struct plan_pipelines *p, const struct entry *end, struct hekla_error *err)
{
    struct work w = {.p = p, .next = p->entries, .end = end};
    pthread_t threads[MOST_THREADS - 1];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t n = 0, most = 0;
    for (const struct entry *e = p->entries; e != end; e = e->next)
        most++;
    most = (long)most < cores ? most : cores > 0 ? (uint32_t)cores : 1;
    most = most < MOST_THREADS ? most : MOST_THREADS;
    pthread_mutex_init(&w.lock, NULL);
    while (n + 1 < most && pthread_create(&threads[n], NULL, compile, &w) == 0)
        n++;
    compile(&w);
    while (n)
        pthread_join(threads[--n], NULL);
    pthread_mutex_destroy(&w.lock);
    if (w.status != HEKLA_OK)
        *err = w.err;
    return w.status;
}

hekla_status plan_pipelines_prepare(
    struct plan_pipelines *p, const struct op *ops, uint32_t n, struct hekla_error *err)
{
    struct hekla_error local = {0};
    err = err ? err : &local;
    pthread_mutex_lock(&p->lock);
    struct entry *had = p->entries;
    hekla_status status = add_missing(p, ops, n, err);
    if (status == HEKLA_OK)
        status = compile_all(p, had, err);
    if (status != HEKLA_OK)
        drop(p, had);
    pthread_mutex_unlock(&p->lock);
    return status;
}

const struct gpu_pipeline *plan_pipelines_find(struct plan_pipelines *p, const struct op *op)
{
    pthread_mutex_lock(&p->lock);
    const struct entry *e = find(p, op);
    pthread_mutex_unlock(&p->lock);
    return e ? &e->pipeline : NULL;
}
