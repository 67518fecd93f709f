/* The loop over rows, formats and cases. */
#include "selftest/tester.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*cases_fn)(struct test *t);

/* A row without cases does not link. */
static const cases_fn case_functions[K_COUNT + 1] = {
#define KERNEL(name, axis, need, n, base) selftest_cases_##base,
#include "kernels/kernels.def"
#undef KERNEL
    selftest_cases_copy,
};

static const char *why_not(enum kernel kernel, int quant, const struct gpu_caps *caps)
{
    if (kernel == K_copy || kernel_available(kernel, quant, caps))
        return NULL;
    return kernel_spirv(kernel, quant) ? "the device lacks what it needs" : "not in this build";
}

/* Every case twice: as the product runs it on this device, and in the shapes that it chooses for
 * the other kind of device (invocations or rows in parallel). */
static void run_cases(struct test *t)
{
    struct tester *own = t->own;
    int passes = own->opt->effort == SELFTEST_QUICK ? 1 : 2;
    for (int pass = 0; pass < passes && own->status == HEKLA_OK; pass++) {
        own->caps = *gpu_device_caps(own->dev);
        own->caps.row_threads ^= (uint64_t)pass;
        t->other_shapes = pass == 1;
        case_functions[own->kernel](t);
    }
}

/* What the device cannot do is the row's failure; only if it is gone no other row can be tested. */
static void blame_row(struct test *t)
{
    struct tester *own = t->own;
    if (own->status != HEKLA_DEVICE)
        return;
    own->failed = false;
    own->row->failed = 0;
    tester_fail(t, "%s", own->err->text);
    if (!gpu_device_is_gone(own->dev)) {
        own->status = HEKLA_OK;
        hekla_error_clear(own->err);
    }
}

static void run_row(struct tester *own)
{
    struct selftest_row *row = own->row;
    const struct gpu_caps *caps = gpu_device_caps(own->dev);
    bool quick = own->opt->effort == SELFTEST_QUICK;
    struct test t = {.own = own,
        .quant = row->quant_id,
        .n_embd = own->opt->n_embd,
        .slow = own->opt->effort == SELFTEST_FULL || (!quick && !caps->row_threads),
        .quick = quick,
        .inexact = row->kernel_id != K_copy && kernel_rows[row->kernel_id].inexact,
        .list.caps = &own->caps,
        .list.variant = row->kernel_id};
    row->why_not = why_not(row->kernel_id, row->quant_id, caps);
    row->verdict = HEKLA_VERDICT_UNAVAILABLE;
    if (row->why_not)
        return;
    double start = clock_now();
    own->kernel = row->kernel_id;
    own->n_seen = 0;
    own->status = plan_pipelines_create(&own->pipelines, own->dev, NULL, own->err);
    run_cases(&t);
    blame_row(&t);
    op_list_free(&t.list);
    plan_pipelines_destroy(own->pipelines);
    own->pipelines = NULL;
    row->seconds = clock_now() - start;
    row->verdict = row->failed || !row->cases ? HEKLA_VERDICT_FAILED : HEKLA_VERDICT_PASSED;
}

static struct selftest_row row_of(enum kernel kernel, int quant)
{
    return (struct selftest_row){
        .kernel = kernel == K_copy ? "copy" : kernel_rows[kernel].name,
        .quant = quant < 0 ? "-" : quant_types[quant].name,
        .kernel_id = kernel,
        .quant_id = quant,
    };
}

static void run_one(struct tester *own, struct selftest_result *out, enum kernel kernel, int quant)
{
    const struct selftest_options *opt = own->opt;
    if (own->status != HEKLA_OK || (opt->only && !opt->only->has[kernel][quant + 1]))
        return;
    own->row = &out->rows[out->n_rows++];
    *own->row = row_of(kernel, quant);
    if (opt->begin && !opt->begin(opt->user, own->row)) {
        out->n_rows--;
        return;
    }
    run_row(own);
    if (own->status != HEKLA_OK && !gpu_device_is_gone(own->dev))
        return;
    if (opt->end)
        opt->end(opt->user, own->row);
    if (own->row->why_not)
        out->unavailable++;
    else if (own->row->verdict == HEKLA_VERDICT_PASSED)
        out->passed++;
    else
        out->failed++;
}

void selftest_set_all(struct selftest_set *out, const char *filter)
{
    char name[64];
    for (int k = 0; k <= K_COUNT; k++)
        for (int q = -1; q < QT_COUNT; q++) {
            out->has[k][q + 1] = kernel_has_row((enum kernel)k, q);
            if (!out->has[k][q + 1])
                continue;
            struct selftest_row row = row_of((enum kernel)k, q);
            snprintf(name, sizeof(name), "%s %s", row.kernel, row.quant);
            out->has[k][q + 1] = !filter || strstr(name, filter);
        }
}

hekla_status selftest_run(struct gpu_device *dev, const struct selftest_options *opt,
    struct selftest_result *out, struct hekla_error *err)
{
    struct hekla_error local = {0};
    struct tester own = {.dev = dev, .opt = opt, .err = err ? err : &local};
    memset(out, 0, sizeof(*out));
    if (gpu_device_is_ref(dev))
        return hekla_fail(err, HEKLA_UNSUPPORTED, "the reference device has no kernels to test");
    for (int k = 0; k <= K_COUNT; k++)
        for (int q = -1; q < QT_COUNT; q++)
            if (kernel_has_row((enum kernel)k, q))
                run_one(&own, out, (enum kernel)k, q);
    gpu_buffer_destroy(dev, &own.upload);
    gpu_buffer_destroy(dev, &own.device);
    gpu_buffer_destroy(dev, &own.readback);
    free(own.space.host);
    free(own.before);
    return own.status;
}
