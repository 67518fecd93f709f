/*
 * kernel_bench: the product's ops in the shapes of real models, timed by the device's clock. main.c
 * has the loop and the output, cases.c the shapes, run.c the timing. Inputs are made with the
 * self-test's functions, so a kernel that can be tested can be timed.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "selftest/tester.h"

/* Of one call of the kernel: what its ops (shards, parts) take together. */
struct bench_result {
    uint32_t samples;
    double median, spread; /* seconds; half the distance of the quartiles, as a fraction */
    struct op_traffic traffic;
};

struct bench {
    struct test *test; /* inputs, and the op list of a case */
    enum kernel kernel;
    char shape[100]; /* of the case */
    bool small;      /* a processor plays the GPU: prompts are short */
    struct hekla_error *err;
    double seconds; /* to spend on a case, at least */
    void (*report)(struct bench *b, const struct bench_result *result);
};

/* Times the ops of b->kernel (or what it is a variant of) in the test's list. */
void bench_run(struct bench *b);

/* cases.c: every shape of a kernel. */
void bench_cases(struct bench *b);

#endif
