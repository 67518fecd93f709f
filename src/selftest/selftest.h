/*
 * selftest/: every kernel row, with every weight format of its axis, against the C reference, bit
 * for bit, on one device. The ops are the product's own (op_*), and so are SPIR-V, pipelines,
 * barriers and recording. Names no kernel: kernels.def gives the rows, selftest_cases_<base> the
 * shapes. Never prints.
 */
#ifndef SELFTEST_SELFTEST_H
#define SELFTEST_SELFTEST_H

#include "kernels/kernels.h"

struct selftest_row {
    const char *kernel, *quant; /* quant: "-" where the axis is ONE */
    enum kernel kernel_id;
    int quant_id;
    enum hekla_verdict verdict;
    const char *why_not; /* NULL, or why it cannot run here; the counts are then 0 */
    char text[300];      /* the first failure */
    uint32_t cases, failed;
    uint64_t runs;  /* submissions: a case is run in several shapes */
    uint64_t words; /* compared with the reference, of those that an op writes */
    double seconds;
};

/* Some of all rows. */
struct selftest_set {
    bool has[K_COUNT + 1][QT_COUNT + 1]; /* by kernel (K_copy: copies) and quant + 1 */
};
/* Those whose "kernel quant" contains the filter; NULL: all. */
void selftest_set_all(struct selftest_set *out, const char *filter);

enum selftest_effort {
    SELFTEST_QUICK,  /* a few cases for each pipeline that the product makes */
    SELFTEST_NORMAL, /* all, but for sizes of real models where a processor plays the GPU */
    SELFTEST_FULL,
};

struct selftest_options {
    enum selftest_effort effort;
    uint32_t n_embd; /* also rows of this length; 0: none */
    bool verbose;    /* report every case, not only failures */
    const struct selftest_set *only;
    /* All of these may be NULL. */
    void (*report)(void *user, const char *line);
    bool (*begin)(void *user, const struct selftest_row *row); /* false: leave the row out */
    void (*end)(void *user, const struct selftest_row *row);
    void (*alive)(void *user); /* often */
    void *user;
};

enum { SELFTEST_MAX_ROWS = K_COUNT * QT_COUNT + 1 };
struct selftest_result {
    struct selftest_row rows[SELFTEST_MAX_ROWS];
    uint32_t n_rows;
    uint32_t passed, failed, unavailable; /* rows */
};

/* An error is what kept the test from running, not a kernel that fails: a lost device, where the
 * last row tells who lost it. The reference device has no kernels and is refused. */
hekla_status selftest_run(struct gpu_device *dev, const struct selftest_options *opt,
    struct selftest_result *out, struct hekla_error *err);

#endif
