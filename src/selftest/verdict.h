/*
 * What was found about a device, kept in one small text file for each device, driver, build and
 * capabilities. A file that is not exactly as written counts as none. And the test of what is not
 * known yet, in a process of its own where there is a helper.
 */
#ifndef SELFTEST_VERDICT_H
#define SELFTEST_VERDICT_H

#include "selftest/selftest.h"

#define SELFTEST_PATH 1100

/* The file for a device and rows of a class; false: the folder's name is too long. */
bool verdict_path(
    char out[SELFTEST_PATH], const char *folder, const struct gpu_device *dev, uint32_t row_class);
/* Fills *out, with zeros (untested) where nothing is known. old_driver gets the driver that the
 * file's verdicts were found with if that is another one (they are then void), else "". */
void verdict_read(const char *path, const struct gpu_device *dev, struct kernel_verdicts *out,
    char old_driver[256]);
/* Replaces the file at once or not at all, making folders as needed. HEKLA_IO says why not. */
hekla_status verdict_write(const char *path, const struct gpu_device *dev,
    const struct kernel_verdicts *verdicts, struct hekla_error *err);

/* process.c */
struct verdict_job {
    struct gpu_device *dev;
    const char *caps;                /* what it was opened with */
    const struct hekla_proof *proof; /* its helper and patience */
    enum selftest_effort effort;
    uint32_t n_embd;          /* as in the self-test's options */
    struct selftest_set todo; /* rows are taken out as they end */
    void (*begin)(void *user, const struct selftest_row *row);
    void (*end)(void *user, const struct selftest_row *row);
    void *user;
};
/* Tests what is to do, some rows side by side. A row that crashes or hangs its helper, also when it
 * is alone, has that verdict. An error is what kept the test from running. */
hekla_status verdict_find(struct verdict_job *job, struct hekla_error *err);

/* Shared with child.c: the line's number there, one line each of what is said on it, and the answer
 * to a row's beginning, a byte. */
enum { VERDICT_FD = 3 };
#define VERDICT_GO "+"
#define VERDICT_SKIP "-"
#define VERDICT_LINE 1000
/* "kernel:quant,..." */
bool verdict_set_write(const struct selftest_set *set, char *out, size_t size);
bool verdict_set_read(struct selftest_set *set, const char *text);
/* The row that these names mean; false: none. */
bool verdict_find_row(const char *kernel, const char *quant, enum kernel *k, int *q);

#endif
