/* Runs a case: the reference on the arena, and the device from the same contents. */
#include "selftest/tester.h"

#include "base/clock.h"

#include "ref/ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum kernel base_of(enum kernel kernel)
{
    return kernel < K_COUNT ? kernel_rows[kernel].base : kernel;
}

static bool written(const struct op *op, uint64_t at)
{
    for (uint32_t k = 0; k < op->n_views; k++)
        if (op->writes >> k & 1 && at >= op->views[k].offset &&
            at < op->views[k].offset + op->views[k].size)
            return true;
    return false;
}

/* The reference may write only where the op says so: barriers are derived from that. */
static void check_reference(struct test *t, const struct op *op)
{
    const uint8_t *now = t->own->space.host, *before = t->own->before;
    uint64_t at = 0, end = t->own->used;
    while (at < end) {
        uint64_t n = end - at < 4096 ? end - at : 4096;
        for (uint64_t i = at; memcmp(now + at, before + at, n) && i < at + n; i += 4)
            if (memcmp(now + i, before + i, 4) && !written(op, i)) {
                tester_fail(t, "the reference wrote byte %llu, outside what the op writes",
                    (unsigned long long)i);
                return;
            }
        at += n;
    }
}

/* One op on the reference; and on the device, if it is of the row under test. */
static void run_op(struct test *t, const struct op *op, bool on_device)
{
    struct tester *own = t->own;
    memcpy(own->before, own->space.host, own->used);
    ref_run(op);
    check_reference(t, op);
    if (on_device && !own->failed)
        tester_compare(t, op, 1, true);
}

static void run_ops(struct test *t, const uint8_t *first)
{
    struct tester *own = t->own;
    enum kernel base = base_of(own->kernel);
    struct op *ops = t->list.ops;
    uint32_t n = t->list.n;
    bool last = base_of(ops[n - 1].kernel) == base;
    for (uint32_t i = 0; i < n && own->status == HEKLA_OK; i++) {
        bool mine = base_of(ops[i].kernel) == base;
        if (mine)
            ops[i].kernel = own->kernel; /* whatever variant the product chose */
        run_op(t, &ops[i], mine);
    }
    if (memcmp(first, own->space.host, own->used) == 0)
        tester_fail(t, "changes nothing, so it tests nothing");
    if (n > 1 && last && !own->failed && own->status == HEKLA_OK) {
        memcpy(own->before, first, own->used);
        tester_compare(t, ops, n, false);
    }
}

/* A quick test: whether the case adds to what was seen of the pipelines it needs. */
static bool adds(struct test *t)
{
    struct tester *own = t->own;
    bool any = own->opt->effort != SELFTEST_QUICK;
    for (uint32_t i = 0; i < t->list.n && !any; i++) {
        const struct op *op = &t->list.ops[i];
        uint32_t k = 0;
        if (base_of(op->kernel) != base_of(own->kernel))
            continue;
        while (k < own->n_seen && (own->seen[k].flavour != t->flavour ||
                                      memcmp(own->seen[k].spec, op->spec, sizeof(op->spec)) != 0))
            k++;
        any = k == TEST_MAX_SEEN; /* never in practice: then nothing is left out */
        if (any)
            break;
        if (k == own->n_seen) {
            memcpy(own->seen[own->n_seen++].spec, op->spec, sizeof(op->spec));
            own->seen[k].flavour = t->flavour;
            own->seen[k].cases = 0;
        }
        any = own->seen[k].cases++ < TEST_QUICK_CASES;
    }
    return any;
}

void test_run(struct test *t)
{
    struct tester *own = t->own;
    if (own->status == HEKLA_OK && !adds(t))
        return;
    if (t->list.out_of_memory)
        tester_stop(t, HEKLA_MEMORY, "not enough host memory for the self-test");
    uint8_t *first = own->status == HEKLA_OK && t->list.n ? malloc(own->used) : NULL;
    if (!first) {
        tester_stop(t, HEKLA_MEMORY, "not enough host memory for the self-test");
        return;
    }
    memcpy(first, own->space.host, own->used);
    own->row->cases++;
    own->ran = true;
    run_ops(t, first);
    free(first);
    if (own->opt->verbose && own->opt->report && !own->failed) {
        char line[300];
        snprintf(line, sizeof(line), "%s %s, case %s: same, %.2f s", own->row->kernel,
            own->row->quant, own->name, clock_now() - own->began);
        own->opt->report(own->opt->user, line);
    }
}

void test_expect(struct test *t, bool ok, const char *what)
{
    if (t->own->ran && t->own->status == HEKLA_OK && !t->own->failed && !ok)
        tester_fail(t, "%s", what);
}

void test_expect_equal(
    struct test *t, struct gpu_view a, struct gpu_view b, uint64_t bytes, const char *what)
{
    if (t->own->ran)
        test_expect(t, memcmp(test_data(t, a), test_data(t, b), bytes) == 0, what);
}
