/* The device's side of a case: upload the arena, run, download, compare every byte. */
#include "selftest/tester.h"

#include "base/exact.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tester_stop(struct test *t, hekla_status status, const char *what)
{
    if (t->own->status == HEKLA_OK)
        t->own->status = hekla_fail(t->own->err, status, "%s", what);
}

void tester_fail(struct test *t, const char *format, ...)
{
    struct tester *own = t->own;
    char text[400], line[800];
    va_list args;
    if (!own->failed)
        own->row->failed++;
    own->failed = true;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(line, sizeof(line), "%s %s, case %s: %s", own->row->kernel, own->row->quant, own->name,
        text);
    if (own->row->failed == 1)
        snprintf(own->row->text, sizeof(own->row->text), "case %.90s: %.200s", own->name, text);
    if (own->opt->report)
        own->opt->report(own->opt->user, line);
}

static hekla_status reserve_buffer(
    struct tester *own, struct gpu_buffer *buffer, enum gpu_memory kind)
{
    if (buffer->size >= own->used)
        return HEKLA_OK;
    gpu_buffer_destroy(own->dev, buffer);
    return gpu_buffer_create(own->dev, buffer, own->capacity, kind, "the self-test", own->err);
}

static void append_copy(struct op_list *list, const struct tester *own,
    const struct gpu_buffer *from, const struct gpu_buffer *to)
{
    op_copy(list, (struct gpu_view){from, 0, own->used}, (struct gpu_view){to, 0, own->used});
}

static void apply(struct op *op, const struct variation *v)
{
    for (uint32_t i = 0; i < SPEC_COUNT; i++)
        op->spec[i] = v->spec[i] ? v->spec[i] : op->spec[i];
    for (uint32_t i = 0; i < 3; i++)
        op->groups[i] = v->groups[i] ? v->groups[i] : op->groups[i];
}

/* Moves the ops to the device's buffer and puts copies around them. */
static struct op_list device_list(
    struct tester *own, const struct op *ops, uint32_t n, const struct variation *v)
{
    struct op_list list = {.caps = &own->caps};
    append_copy(&list, own, &own->upload, &own->device);
    for (uint32_t i = 0; i < n; i++) {
        struct op *op = op_append(&list, ops[i].kernel, ops[i].quant);
        *op = ops[i];
        for (uint32_t k = 0; k < op->n_views; k++)
            op->views[k].buffer = &own->device;
        if (op->indirect.buffer)
            op->indirect.buffer = &own->device;
        if (v)
            apply(op, v);
    }
    append_copy(&list, own, &own->device, &own->readback);
    return list;
}

static hekla_status run(
    struct tester *own, const struct op *ops, uint32_t n, const struct variation *v)
{
    struct plan *plan = NULL;
    uint64_t ticket;
    hekla_status status = reserve_buffer(own, &own->upload, GPU_MEMORY_UPLOAD);
    status = status ? status : reserve_buffer(own, &own->device, GPU_MEMORY_DEVICE);
    status = status ? status : reserve_buffer(own, &own->readback, GPU_MEMORY_READBACK);
    if (status != HEKLA_OK)
        return status;
    struct op_list list = device_list(own, ops, n, v);
    memcpy(own->upload.host, own->before, own->used);
    status = plan_create(&plan, own->dev, own->pipelines, &list, own->err);
    status = status ? status : plan_submit(plan, 1, &ticket, own->err);
    status = status ? status : gpu_wait(own->dev, ticket, own->err);
    plan_destroy(plan);
    own->row->runs++;
    if (own->opt->alive)
        own->opt->alive(own->opt->user);
    return status;
}

/* Where in the arena a byte is: "word 3 of view 2", or before or after the nearest region. */
static void describe_place(
    const struct tester *own, const struct op *op, uint64_t at, char *out, size_t size)
{
    for (uint32_t i = 0; i < op->n_views; i++)
        if (at >= op->views[i].offset && at < op->views[i].offset + op->views[i].size) {
            snprintf(out, size, "word %llu of view %u%s",
                (unsigned long long)(at - op->views[i].offset) / 4, i,
                op->writes >> i & 1 ? "" : ", which it may not write");
            return;
        }
    uint32_t r = own->n_regions - 1;
    while (r > 0 && own->regions[r].offset > at)
        r--;
    uint64_t end = own->regions[r].offset + own->regions[r].size;
    snprintf(out, size, "%lld words after the end of region %u (%llu bytes), outside every view",
        (long long)(at - end) / 4, r, (unsigned long long)own->regions[r].size);
}

static void report_difference(struct test *t, const struct op *op, const struct variation *v,
    uint32_t n_ops, uint64_t at, uint32_t got)
{
    char place[120], constants[12 * SPEC_COUNT] = "";
    struct op varied = *op;
    if (v)
        apply(&varied, v);
    uint32_t want;
    memcpy(&want, (uint8_t *)t->own->space.host + at, 4);
    describe_place(t->own, op, at, place, sizeof(place));
    const uint32_t *g = varied.groups;
    for (uint32_t i = 0; i < SPEC_COUNT; i++)
        snprintf(constants + strlen(constants), 12, " %u", varied.spec[i]);
    tester_fail(t,
        "%s%s differs: device %08x (%.9g), reference %08x (%.9g); constants%s, groups %u %u %u",
        n_ops > 1 ? "ops together, " : "", place, got, (double)exact_from_bits(got), want,
        (double)exact_from_bits(want), constants, g[0], g[1], g[2]);
}

/* The root of the mean square of what the reference wrote to a view. */
static double size_of_results(const struct tester *own, const struct gpu_view *view)
{
    const uint8_t *before = own->before, *after = own->space.host;
    double sum = 0, n = 0;
    for (uint64_t at = view->offset; at + 4 <= view->offset + view->size; at += 4) {
        float x;
        memcpy(&x, after + at, 4);
        if (memcmp(before + at, after + at, 4) == 0)
            continue;
        sum += (double)x * (double)x;
        n++;
    }
    return n > 0 ? sqrt(sum / n) : 0;
}

/* Puts the reference's results in place of those of inexact kernels that are as near as halves
 * allow, by their own size and that of all: rounding to halves gives about a sixth of the bound. */
static void forgive(struct tester *own, const struct op *ops, uint32_t n)
{
    uint8_t *got = own->readback.host;
    const uint8_t *want = own->space.host;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < ops[i].n_views; k++) {
            const struct gpu_view *view = &ops[i].views[k];
            if (!(ops[i].writes >> k & 1) || !kernel_rows[ops[i].kernel].inexact)
                continue;
            double size = size_of_results(own, view);
            for (uint64_t at = view->offset; at + 4 <= view->offset + view->size; at += 4) {
                float a, b;
                memcpy(&a, got + at, 4);
                memcpy(&b, want + at, 4);
                if (fabs((double)a - (double)b) <= (size + fabs((double)b)) / 128)
                    memcpy(got + at, want + at, 4);
            }
        }
}

static bool matches(struct test *t, const struct op *ops, uint32_t n, const struct variation *v)
{
    const uint8_t *got = t->own->readback.host, *want = t->own->space.host;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < ops[i].n_views; k++)
            if (ops[i].writes >> k & 1)
                t->own->row->words += (ops[i].views[k].size + 3) / 4;
    if (t->inexact)
        forgive(t->own, ops, n);
    if (memcmp(got, want, t->own->used) == 0)
        return true;
    uint64_t at = 0;
    while (memcmp(got + at, want + at, 4) == 0)
        at += 4;
    uint32_t word;
    memcpy(&word, got + at, 4);
    report_difference(t, &ops[n - 1], v, n, at, word);
    return false;
}

void tester_compare(struct test *t, const struct op *ops, uint32_t n, bool one_by_one)
{
    struct tester *own = t->own;
    bool varied = one_by_one && !t->other_shapes && own->opt->effort != SELFTEST_QUICK;
    uint32_t n_variations = varied ? own->n_variations : 0;
    for (uint32_t i = 0; i <= n_variations && own->status == HEKLA_OK; i++) {
        const struct variation *v = i ? &own->variations[i - 1] : NULL;
        own->status = run(own, ops, n, v);
        if (own->status == HEKLA_OK && !matches(t, ops, n, v))
            return;
    }
}
