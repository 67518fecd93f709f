/*
 * selftest/: every kernel row, with every weight format of its axis, against the C reference, bit
 * for bit, on one device. The ops are the product's own (op_*), and so are SPIR-V, pipelines,
 * barriers and recording. Names no kernel: kernels.def gives the rows, selftest_cases_<base> the
 * shapes. Never prints.
 */
#ifndef SELFTEST_SELFTEST_H
#define SELFTEST_SELFTEST_H

#include "kernels/kernels.h"

struct selftest_options {
    bool slow;          /* also sizes of real models where a processor plays the GPU */
    bool verbose;       /* report every case, not only failures */
    const char *filter; /* rows whose "kernel quant" contains it; NULL: all */
    void (*report)(void *user, const char *line); /* may be NULL */
    void *user;
};

struct selftest_row {
    const char *kernel, *quant; /* quant: "-" where the axis is ONE */
    const char *why_not;        /* NULL, or why it cannot run here; the counts are then 0 */
    uint32_t cases, failed;
    uint64_t runs;  /* submissions: a case is run in several shapes */
    uint64_t words; /* compared with the reference, of those that an op writes */
    double seconds;
};

enum { SELFTEST_MAX_ROWS = K_COUNT * QT_COUNT + 1 };
struct selftest_result {
    struct selftest_row rows[SELFTEST_MAX_ROWS];
    uint32_t n_rows;
    uint32_t passed, failed, unavailable; /* rows */
};

/* An error is what kept the test from running, not a kernel that fails. The reference device has no
 * kernels and is refused. */
hekla_status selftest_run(struct gpu_device *dev, const struct selftest_options *opt,
    struct selftest_result *out, struct hekla_error *err);

#endif
