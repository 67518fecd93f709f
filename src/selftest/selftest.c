/* The loop over rows, formats and cases. */
#include "selftest/tester.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void (*cases_fn)(struct test *t);

/* A row without cases does not link. */
static const cases_fn case_functions[K_COUNT + 1] = {
#define KERNEL(name, axis, need, n, base) selftest_cases_##base,
#include "kernels/kernels.def"
#undef KERNEL
    selftest_cases_copy,
};

double tester_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const char *why_not(enum kernel kernel, int quant, const struct gpu_caps *caps)
{
    if (kernel == K_copy || kernel_usable(kernel, quant, caps))
        return NULL;
    return kernel_spirv(kernel, quant) ? "the device lacks what it needs" : "not in this build";
}

/* Every case twice: as the product runs it on this device, and in the shapes that it chooses for
 * the other kind of device (invocations or rows in parallel). */
static void run_cases(struct test *t)
{
    struct tester *own = t->own;
    for (int pass = 0; pass < 2 && own->status == HEKLA_OK; pass++) {
        own->caps = *gpu_device_caps(own->dev);
        own->caps.row_threads ^= (uint64_t)pass;
        t->other_shapes = pass == 1;
        case_functions[own->kernel](t);
    }
}

static void run_row(struct tester *own, enum kernel kernel, int quant)
{
    const struct selftest_options *opt = own->opt;
    const struct gpu_caps *caps = gpu_device_caps(own->dev);
    struct test t = {.own = own,
        .quant = quant,
        .slow = opt->slow || !caps->row_threads,
        .list.caps = &own->caps};
    own->kernel = kernel;
    own->row->why_not = why_not(kernel, quant, caps);
    if (own->row->why_not)
        return;
    double start = tester_now();
    own->status = plan_pipelines_create(&own->pipelines, own->dev, own->err);
    run_cases(&t);
    op_list_free(&t.list);
    plan_pipelines_destroy(own->pipelines);
    own->pipelines = NULL;
    own->row->seconds = tester_now() - start;
}

static bool wanted(const struct selftest_options *opt, const struct selftest_row *row)
{
    char name[64];
    snprintf(name, sizeof(name), "%s %s", row->kernel, row->quant);
    return !opt->filter || strstr(name, opt->filter);
}

static void run_one(struct tester *own, struct selftest_result *out, enum kernel kernel, int quant)
{
    struct selftest_row row = {
        .kernel = kernel == K_copy ? "copy" : kernel_rows[kernel].name,
        .quant = quant < 0 ? "-" : quant_types[quant].name,
    };
    if (own->status != HEKLA_OK || !wanted(own->opt, &row))
        return;
    own->row = &out->rows[out->n_rows++];
    *own->row = row;
    run_row(own, kernel, quant);
    if (own->row->why_not)
        out->unavailable++;
    else if (own->row->failed || !own->row->cases)
        out->failed++;
    else
        out->passed++;
}

hekla_status selftest_run(struct gpu_device *dev, const struct selftest_options *opt,
    struct selftest_result *out, struct hekla_error *err)
{
    struct hekla_error local = {0};
    struct tester own = {.dev = dev, .opt = opt, .err = err ? err : &local};
    memset(out, 0, sizeof(*out));
    if (gpu_device_is_ref(dev))
        return hekla_fail(err, HEKLA_UNSUPPORTED, "the reference device has no kernels to test");
    for (enum kernel k = 0; k < K_COUNT; k++) {
        enum kernel_axis axis = kernel_rows[k].axis;
        if (axis == KERNEL_AXIS_ONE)
            run_one(&own, out, k, -1);
        for (int q = 0; q < QT_COUNT && axis != KERNEL_AXIS_ONE; q++)
            if (axis == KERNEL_AXIS_QUANT || quant_types[q].class == QUANT_CLASS_INT)
                run_one(&own, out, k, q);
    }
    run_one(&own, out, K_copy, -1);
    gpu_buffer_destroy(dev, &own.upload);
    gpu_buffer_destroy(dev, &own.device);
    gpu_buffer_destroy(dev, &own.readback);
    free(own.space.host);
    free(own.before);
    return own.status;
}
