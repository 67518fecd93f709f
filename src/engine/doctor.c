/* The self-test of everything a device could use. */
#include "engine/engine.h"

#include "selftest/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct doctor {
    const struct hekla_doctor_options *options;
    struct hekla_doctor_report *report;
    struct gpu_device *dev;
    struct kernel_verdicts verdicts;
};

/* The base that stands in for a variant, or whatever else a model would take; NULL: nothing. */
static const char *find_instead(const struct doctor *d, const struct selftest_row *row)
{
    if (row->kernel_id == K_copy)
        return NULL;
    enum kernel base = kernel_rows[row->kernel_id].base;
    if (base != row->kernel_id)
        return kernel_rows[base].name;
    for (enum kernel k = 0; k < K_COUNT; k++)
        if (k != base && kernel_rows[k].base == base &&
            kernel_chosen(k, row->quant_id, gpu_device_caps(d->dev)))
            return kernel_rows[k].name;
    return NULL;
}

static struct hekla_kernel_result result_of(const struct doctor *d, const struct selftest_row *row)
{
    struct hekla_kernel_result r = {
        .kernel = row->kernel,
        .format = row->quant_id < 0 ? "-" : quant_types[row->quant_id].label,
        .instead = find_instead(d, row),
        .inexact = row->kernel_id != K_copy && kernel_rows[row->kernel_id].inexact,
        .chosen = row->kernel_id == K_copy ||
                  kernel_chosen(row->kernel_id, row->quant_id, gpu_device_caps(d->dev)),
        .verdict = row->verdict,
        .cases = row->cases,
        .words = row->words,
        .seconds = row->seconds,
    };
    snprintf(r.text, sizeof(r.text), "%s", row->why_not ? row->why_not : row->text);
    return r;
}

static void begin_row(void *user, const struct selftest_row *row)
{
    const struct doctor *d = user;
    const struct hekla_kernel_result r = result_of(d, row);
    if (d->options->begin)
        d->options->begin(d->options->user, &r);
}

static void end_row(void *user, const struct selftest_row *row)
{
    struct doctor *d = user;
    const struct hekla_kernel_result r = result_of(d, row);
    if (row->verdict == HEKLA_VERDICT_UNAVAILABLE) {
        d->report->unavailable++;
    } else {
        d->verdicts.of[row->kernel_id][row->quant_id + 1] = (uint8_t)row->verdict;
        *(row->verdict == HEKLA_VERDICT_PASSED ? &d->report->passed : &d->report->failed) += 1;
    }
    if (d->options->end)
        d->options->end(d->options->user, &r);
}

static hekla_status test(struct doctor *d, struct hekla_error *err)
{
    struct verdict_job job = {
        .dev = d->dev,
        .caps = d->options->caps,
        .proof = &d->options->proof,
        .effort = d->options->full ? SELFTEST_FULL : SELFTEST_NORMAL,
        .begin = begin_row,
        .end = end_row,
        .user = d,
    };
    selftest_set_all(&job.todo, d->options->filter);
    return verdict_find(&job, err);
}

/* Into the file for rows of a class; what a filter left out stays known. */
static void keep(struct doctor *d, const char *folder, uint32_t row_class)
{
    char path[SELFTEST_PATH], old_driver[256];
    struct hekla_error err = {0};
    struct kernel_verdicts all;
    if (!verdict_path(path, folder, d->dev, row_class)) {
        snprintf(d->report->why_not, sizeof(d->report->why_not), "the folder's name is too long");
        return;
    }
    verdict_read(path, d->dev, &all, old_driver);
    for (int k = 0; k <= K_COUNT; k++)
        for (int q = 0; q <= QT_COUNT; q++)
            if (d->verdicts.of[k][q] != HEKLA_VERDICT_UNTESTED)
                all.of[k][q] = d->verdicts.of[k][q];
    if (verdict_write(path, d->dev, &all, &err) == HEKLA_OK)
        snprintf(d->report->stored, sizeof(d->report->stored), "%s", path);
    else
        snprintf(d->report->why_not, sizeof(d->report->why_not), "%.290s", err.text);
}

static hekla_status examine(struct doctor *d, struct hekla_error *err)
{
    const struct gpu_identity *id = gpu_device_identity(d->dev);
    const char *folder = d->options->proof.folder;
    /* Long rows are sizes of real models; for other classes a model tests by itself. */
    bool long_rows = d->options->full || !gpu_device_caps(d->dev)->row_threads;
    snprintf(d->report->device, sizeof(d->report->device), "%s", gpu_device_name(d->dev));
    snprintf(d->report->driver, sizeof(d->report->driver), "%s", id->driver);
    snprintf(d->report->uuid, sizeof(d->report->uuid), "%s", id->uuid);
    snprintf(d->report->why_not, sizeof(d->report->why_not), "no folder for it was given");
    hekla_status status = test(d, err);
    uint32_t n_classes = long_rows ? KERNEL_ROW_CLASSES : 1;
    for (uint32_t i = n_classes; i > 0 && folder && d->report->passed + d->report->failed; i--)
        keep(d, folder, i - 1);
    return status;
}

hekla_status hekla_doctor(const struct hekla_doctor_options *options,
    struct hekla_doctor_report *out, struct hekla_error *err)
{
    struct hekla_error local = {0};
    err = err ? err : &local;
    hekla_error_clear(err);
    memset(out, 0, sizeof(*out));
    struct doctor *d = calloc(1, sizeof(*d));
    if (!d)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for the self-test");
    *d = (struct doctor){.options = options, .report = out};
    hekla_status status = gpu_device_open(&d->dev, options->device, options->caps, err);
    if (status == HEKLA_OK && gpu_device_is_ref(d->dev))
        status = hekla_fail(err, HEKLA_ARGUMENT,
            "the reference is what devices are compared with; it has nothing to test");
    if (status == HEKLA_OK)
        status = examine(d, err);
    gpu_device_close(d->dev);
    free(d);
    return status;
}
