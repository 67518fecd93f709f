/*
 * What a case file sees. A case is: test_begin, make inputs and outputs, append ops with the
 * product's op_* to t->list, test_run. Everything lives in one arena of regions with guard words
 * between them; nothing is freed by a case.
 */
#ifndef SELFTEST_CASE_H
#define SELFTEST_CASE_H

#include "kernels/op.h"

enum fill {
    FILL_NORMAL,   /* like activations */
    FILL_OUTLIERS, /* mostly small, a few very large */
    FILL_ZERO,     /* both signs */
    FILL_EXTREME,  /* on and around the bounds of the exact range, of halves, of f32 */
    FILL_DENORMAL, /* denormals, and what is too small for the exact range */
    FILL_SPECIAL,  /* NaN and infinities among ordinary values */
    FILL_BITS,     /* any 32 bits */
    FILL_ONE_HOT,  /* one 1 in each run of values asked for */
    FILL_COUNT,
};

/* What else an op may be run with and must give the same bits; 0 keeps the product's choice. */
struct variation {
    uint32_t spec[SPEC_COUNT], groups[3];
};

struct tester;

/* For case files to read. */
struct test {
    struct op_list list; /* caps, step and history are set */
    int quant;           /* the row's, or -1 */
    uint32_t n_embd;     /* of the model that the test is for; 0: of none */
    bool slow;           /* sizes of real models, and many variations, are wanted */
    bool quick;          /* a model waits: no more than shows each pipeline at work */
    uint32_t flavour;    /* set by a case: arguments that make its ops do other things */
    bool inexact;        /* results are compared within a bound: only ordinary numbers, please */
    bool other_shapes;   /* the product's choices for the other kind of device */
    struct tester *own;
};

/* Empties arena and list. The name says what the case is; it also seeds the random numbers. The
 * step evaluates n_tokens from position pos; history is random ids below n_vocab. */
void test_begin(struct test *t, uint32_t n_tokens, uint32_t pos, uint32_t n_vocab,
    const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Until the next region is made: where the host may change a view's contents. */
void *test_data(struct test *t, struct gpu_view view);
struct step_args *test_step(struct test *t);
uint32_t test_random(struct test *t);
float test_uniform(struct test *t); /* [0, 1) */

/* Regions. An output holds a fixed pattern. */
struct gpu_view test_output(struct test *t, uint64_t bytes);
struct gpu_view test_input(struct test *t, uint32_t n, enum fill fill);
/* As loaded or computed by other kernels: within the exact range. */
struct gpu_view test_exact_input(struct test *t, uint32_t n, enum fill fill);
struct rows test_rows(struct test *t, uint32_t n_tokens, uint32_t n, enum fill fill);
struct rows test_output_rows(struct test *t, uint32_t n_tokens, uint32_t n);
struct rows_q8 test_output_q8(struct test *t, uint32_t n_tokens, uint32_t n);
/* What the reference's quantize makes of x. */
struct rows_q8 test_rows_q8(struct test *t, uint32_t n_tokens, struct rows x);
/* Random file blocks, packed; shards get equal rows, but for the last. */
struct matrix test_matrix(struct test *t, uint32_t n, uint32_t n_rows, uint32_t n_shards);
/* type: KV_TYPE_...; fill < 0: an output. */
struct kv_cache test_kv(
    struct test *t, struct head_shape shape, uint32_t n_ctx, uint32_t type, int fill);

void test_vary(struct test *t, const struct variation *v);
/* Runs the ops: on the reference, and on the device each op of this row alone (in all variations)
 * and the list as a whole. */
void test_run(struct test *t);
/* After test_run: what must hold. */
void test_expect(struct test *t, bool ok, const char *what);
/* After test_run: two outputs that must hold the same. */
void test_expect_equal(
    struct test *t, struct gpu_view a, struct gpu_view b, uint64_t bytes, const char *what);

#define KERNEL(name, axis, need, n, base) void selftest_cases_##base(struct test *t);
#include "kernels/kernels.def"
#undef KERNEL
void selftest_cases_copy(struct test *t);

#endif
