/*
 * Before a model is loaded: every kernel that it needs has passed the self-test on its device, now
 * or earlier. What fails is not used; a model that needs it and has nothing instead is refused.
 */
#include "engine/engine.h"

#include "selftest/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct proof {
    struct hekla_model *model;
    bool formats[QT_COUNT]; /* of the model's matrices */
    int kv;                 /* of its cache */
    bool fast;              /* inexact kernels are wanted, too */
    uint32_t done, total;
};

void engine_notice(const struct hekla_model *model, enum hekla_notice kind, const char *format, ...)
{
    char line[600];
    va_list args;
    if (!model->notice)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    model->notice(model->notice_user, kind, line);
}

static void find_formats(struct proof *p)
{
    const struct gguf *g = p->model->gguf;
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const struct quant_type *type = quant_find(g->tensors[i].type);
        if (type && g->tensors[i].n_dims > 1)
            p->formats[type - quant_types] = true;
    }
}

/* A faster variant that passed spares its base the test: the base is then not used. */
static bool is_replaced(const struct proof *p, enum kernel kernel, int quant)
{
    const struct gpu_caps *caps = gpu_device_caps(p->model->m.dev);
    for (enum kernel k = 0; k < K_COUNT; k++)
        if (k != kernel && kernel_rows[k].base == kernel && kernel_chosen(k, quant, caps) &&
            p->model->verdicts->of[k][quant + 1] <= HEKLA_VERDICT_PASSED)
            return true;
    return false;
}

static bool has_format(const struct proof *p, int kernel, int quant)
{
    if (kernel_is_of_cache((enum kernel)kernel))
        return quant == p->kv;
    return quant < 0 || p->formats[quant];
}

static bool is_needed(const struct proof *p, int kernel, int quant)
{
    if (kernel == K_copy)
        return quant < 0;
    const struct gpu_caps *caps = gpu_device_caps(p->model->m.dev);
    bool asked = p->fast && kernel_rows[kernel].inexact &&
                 kernel_available((enum kernel)kernel, quant, caps);
    if (!asked && !kernel_chosen((enum kernel)kernel, quant, caps))
        return false;
    return arch_needs(&p->model->m.params, kernel_rows[kernel].base) &&
           has_format(p, kernel, quant) && !is_replaced(p, (enum kernel)kernel, quant);
}

/* What only measures the device: without it there is no figure, but every model runs. */
static bool is_gauge(int kernel)
{
    return kernel == K_stream || kernel == K_peak_f32 || kernel == K_peak_dot;
}

/* What is needed and not known; false: nothing. */
static bool find_unknown(const struct proof *p, struct selftest_set *out)
{
    bool any = false;
    for (int k = 0; k <= K_COUNT; k++)
        for (int q = -1; q < QT_COUNT; q++) {
            out->has[k][q + 1] =
                is_needed(p, k, q) && p->model->verdicts->of[k][q + 1] == HEKLA_VERDICT_UNTESTED;
            any |= out->has[k][q + 1];
        }
    return any;
}

static uint32_t count(const struct selftest_set *set)
{
    uint32_t n = 0;
    for (int k = 0; k <= K_COUNT; k++)
        for (int q = -1; q < QT_COUNT; q++)
            n += set->has[k][q + 1];
    return n;
}

static void begin_row(void *user, const struct selftest_row *row)
{
    struct proof *p = user;
    engine_notice(p->model, HEKLA_NOTICE_PROGRESS,
        "first use of this device: testing kernel %u of %u, %s %s", p->done + 1, p->total,
        row->kernel, row->quant);
}

static void end_row(void *user, const struct selftest_row *row)
{
    struct proof *p = user;
    p->model->verdicts->of[row->kernel_id][row->quant_id + 1] = (uint8_t)row->verdict;
    p->done++;
    if (row->verdict == HEKLA_VERDICT_PASSED)
        return;
    const char *device = gpu_device_name(p->model->m.dev),
               *verdict = hekla_verdict_text(row->verdict);
    enum kernel base = row->kernel_id == K_copy ? K_copy : kernel_rows[row->kernel_id].base;
    engine_notice(p->model, HEKLA_NOTICE_DETAIL, "self-test on %s: kernel %s %s %s: %s", device,
        row->kernel, row->quant, verdict, row->text);
    if (base != row->kernel_id)
        engine_notice(p->model, HEKLA_NOTICE_WARNING,
            "self-test on %s: kernel %s %s %s; %s is used instead", device, row->kernel, row->quant,
            verdict, kernel_rows[base].name);
}

static hekla_status test_unknown(struct proof *p, struct hekla_error *err)
{
    struct hekla_model *model = p->model;
    hekla_status status = HEKLA_OK;
    struct verdict_job job = {
        .dev = model->m.dev,
        .caps = *model->caps ? model->caps : NULL,
        .proof = &model->proof,
        .effort = SELFTEST_QUICK,
        .n_embd = model->m.params.n_embd,
        .begin = begin_row,
        .end = end_row,
        .user = p,
    };
    /* A second round for the bases of variants that failed in the first. */
    while (status == HEKLA_OK && find_unknown(p, &job.todo)) {
        p->total = p->done + count(&job.todo);
        status = verdict_find(&job, err);
    }
    if (p->done)
        engine_notice(model, HEKLA_NOTICE_PROGRESS, "%s", "");
    return status;
}

static void keep(const struct hekla_model *model, const char *path)
{
    struct hekla_error err = {0};
    if (verdict_write(path, model->m.dev, model->verdicts, &err) == HEKLA_OK)
        engine_notice(model, HEKLA_NOTICE_DETAIL, "self-test: verdicts are kept in %s", path);
    else
        engine_notice(model, HEKLA_NOTICE_DETAIL, "self-test: verdicts are not kept: %s", err.text);
}

static hekla_status refuse_failed(const struct proof *p, struct hekla_error *err)
{
    struct hekla_model *model = p->model;
    for (int k = 0; k <= K_COUNT; k++)
        for (int q = -1; q < QT_COUNT; q++)
            if (is_needed(p, k, q) && !is_gauge(k) &&
                (k == K_copy || kernel_rows[k].base == (enum kernel)k) &&
                model->verdicts->of[k][q + 1] != HEKLA_VERDICT_PASSED)
                return kernel_fail((enum kernel)k, q, model->m.dev, model->verdicts, err);
    return HEKLA_OK;
}

static hekla_status copy_text(const char **out, const char *text, struct hekla_error *err)
{
    char *copy = text ? malloc(strlen(text) + 1) : NULL;
    if (text && !copy)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    *out = copy ? strcpy(copy, text) : NULL;
    return HEKLA_OK;
}

/* The file of verdicts; false: they are not kept. */
static bool find_file(const struct hekla_model *model, char path[SELFTEST_PATH])
{
    return model->proof.folder && verdict_path(path, model->proof.folder, model->m.dev,
                                      kernel_row_class(model->m.params.n_embd));
}

hekla_status engine_prove_begin(
    struct hekla_model *model, const struct hekla_proof *proof, struct hekla_error *err)
{
    char path[SELFTEST_PATH], old_driver[256] = "";
    if (gpu_device_is_ref(model->m.dev))
        return HEKLA_OK;
    model->verdicts = calloc(1, sizeof(*model->verdicts));
    if (!model->verdicts)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for the verdicts");
    model->proof.patience = proof->patience;
    hekla_status status = copy_text(&model->proof.folder, proof->folder, err);
    status = status ? status : copy_text(&model->proof.helper, proof->helper, err);
    if (status == HEKLA_OK && find_file(model, path))
        verdict_read(path, model->m.dev, model->verdicts, old_driver);
    if (old_driver[0])
        engine_notice(model, HEKLA_NOTICE_WARNING,
            "the driver of %s has changed from %s to %s: its kernels are tested again",
            gpu_device_name(model->m.dev), old_driver, gpu_device_identity(model->m.dev)->driver);
    return status;
}

/* Fast numerics change nothing on a device whose kernels for them are missing or failed. */
static void warn_of_no_halves(const struct proof *p)
{
    const struct gpu_device *dev = p->model->m.dev;
    bool any = false;
    for (int q = 0; q < QT_COUNT; q++)
        any |= p->formats[q] &&
               kernel_usable(K_matmul_half, q, gpu_device_caps(dev), p->model->verdicts);
    if (!any)
        engine_notice(p->model, HEKLA_NOTICE_WARNING,
            "fast numerics: %s has no matrix units for half floats that a kernel of hekla can use; "
            "it stays exact",
            gpu_device_name(dev));
}

hekla_status engine_prove(
    struct hekla_model *model, uint32_t kv_type, bool fast, struct hekla_error *err)
{
    struct proof p = {.model = model, .kv = kernel_kv_quant(kv_type), .fast = fast};
    char path[SELFTEST_PATH];
    if (!model->verdicts)
        return HEKLA_OK;
    find_formats(&p);
    hekla_status status = test_unknown(&p, err);
    if (status == HEKLA_OK && fast)
        warn_of_no_halves(&p);
    if (p.done && find_file(model, path))
        keep(model, path);
    return status == HEKLA_OK ? refuse_failed(&p, err) : status;
}
