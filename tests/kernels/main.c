/*
 * kernel_tests [--slow | --quick] [--verbose] [--masks] [--part I/N] [FILTER]: every kernel against
 * the C reference on the device named by HEKLA_TEST_DEVICE (else the best), with capabilities
 * lowered by HEKLA_CAPS. FILTER: part of "kernel quant". --masks: a choice of rows under each mask
 * of tests/masks.h. --part: every Nth row. --few: of three formats of weights. Exit status
 * 1: a row failed, 77: there is no device.
 */
#include "../masks.h"
#include "selftest/selftest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_line(void *user, const char *line)
{
    (void)user;
    printf("%s\n", line);
    fflush(stdout);
}

static void print_table(const struct selftest_result *r)
{
    printf("%-13s %-6s %6s %8s %12s %7s  result\n", "kernel", "quant", "cases", "runs", "words",
        "seconds");
    for (uint32_t i = 0; i < r->n_rows; i++) {
        const struct selftest_row *row = &r->rows[i];
        char failed[40] = "passed";
        if (row->failed)
            snprintf(failed, sizeof(failed), "%u FAILED", row->failed);
        else if (!row->cases)
            snprintf(failed, sizeof(failed), "NO CASES");
        printf("%-13s %-6s %6u %8llu %12llu %7.2f  %s\n", row->kernel, row->quant, row->cases,
            (unsigned long long)row->runs, (unsigned long long)row->words, row->seconds,
            row->why_not ? row->why_not : failed);
    }
}

static void print_sums(const struct selftest_result *r)
{
    uint64_t cases = 0, runs = 0, words = 0;
    double seconds = 0;
    for (uint32_t i = 0; i < r->n_rows; i++) {
        cases += r->rows[i].cases;
        runs += r->rows[i].runs;
        words += r->rows[i].words;
        seconds += r->rows[i].seconds;
    }
    printf("%llu cases, %llu runs, %llu words compared, %.1f s\n", (unsigned long long)cases,
        (unsigned long long)runs, (unsigned long long)words, seconds);
    printf("%u passed, %u failed, %u skipped\n", r->passed, r->failed, r->unavailable);
}

static int run(struct gpu_device *dev, const struct selftest_options *opt)
{
    static struct selftest_result result;
    struct hekla_error err = {0};
    printf("%s\n", gpu_device_name(dev));
    if (selftest_run(dev, opt, &result, &err) != HEKLA_OK) {
        printf("the test could not go on: %s\n", err.text);
        return 1;
    }
    print_table(&result);
    print_sums(&result);
    if (!result.n_rows)
        printf("no kernel is called that\n");
    return result.failed || !result.n_rows ? 1 : 0;
}

/* Formats of each kind, and what has no format, once. */
static int run_masked(struct gpu_device *dev, struct selftest_options opt, bool everything)
{
    static const char *const filters[] = {"q4_0", "q4_k", " f16", " -"};
    struct selftest_set only;
    int failed = 0;
    opt.only = &only;
    for (int i = 0; i < (everything ? 4 : 3) && !failed; i++) {
        selftest_set_all(&only, filters[i]);
        failed = run(dev, &opt);
    }
    return failed;
}

static int run_masks(const struct gpu_caps *caps, const struct selftest_options *opt)
{
    struct test_mask masks[TEST_MAX_MASKS];
    uint32_t n = test_masks(caps, masks);
    int failed = 0;
    for (uint32_t i = 0; i < n && !failed; i++) {
        struct gpu_device *dev = NULL;
        struct hekla_error err = {0};
        if (gpu_device_open(&dev, getenv("HEKLA_TEST_DEVICE"), masks[i].text, &err)) {
            printf("%s: %s\n", masks[i].text, err.text);
            return 1;
        }
        bool changes = mask_changes(caps, gpu_device_caps(dev));
        printf("\n%s (%s)%s\n", masks[i].name, masks[i].text,
            changes ? "" : ": skipped, it changes nothing on this device");
        if (changes)
            failed = run_masked(dev, *opt, masks[i].everything);
        gpu_device_close(dev);
    }
    return failed;
}

/* Leaves every n-th row of the set, from the i-th on; false: that is no "i/n". */
static bool take_part(struct selftest_set *set, const char *text)
{
    unsigned i, n, row = 0;
    char end;
    if (sscanf(text, "%u/%u%c", &i, &n, &end) != 2 || i < 1 || i > n)
        return false;
    for (int k = 0; k <= K_COUNT; k++)
        for (int q = 0; q <= QT_COUNT; q++)
            if (set->has[k][q])
                set->has[k][q] = row++ % n == i - 1;
    return true;
}

int main(int argc, char **argv)
{
    struct selftest_set only;
    struct selftest_options opt = {.effort = SELFTEST_NORMAL, .only = &only, .report = print_line};
    const char *filter = NULL, *part = "1/1";
    bool masks = false, few = false;
    struct gpu_device *dev = NULL;
    struct hekla_error err = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--slow") == 0)
            opt.effort = SELFTEST_FULL;
        else if (strcmp(argv[i], "--quick") == 0)
            opt.effort = SELFTEST_QUICK;
        else if (strcmp(argv[i], "--verbose") == 0)
            opt.verbose = true;
        else if (strcmp(argv[i], "--masks") == 0)
            masks = true;
        else if (strcmp(argv[i], "--few") == 0)
            few = true;
        else if (strcmp(argv[i], "--part") == 0 && i + 1 < argc)
            part = argv[++i];
        else
            filter = argv[i];
    }
    selftest_set_all(&only, filter);
    for (int k = 0; few && k <= K_COUNT; k++)
        for (int q = 0; q < QT_COUNT; q++)
            only.has[k][q + 1] &=
                q == QT_q4_0 || q == QT_q4_k || q == QT_f16 || kernel_is_of_cache((enum kernel)k);
    if (!take_part(&only, part)) {
        printf("--part needs I/N, not \"%s\"\n", part);
        return 1;
    }
    hekla_status status =
        gpu_device_open(&dev, getenv("HEKLA_TEST_DEVICE"), getenv("HEKLA_CAPS"), &err);
    if (status != HEKLA_OK) {
        printf("no device to test: %s\n", err.text);
        return status == HEKLA_NO_DEVICE ? 77 : 1;
    }
    int result = masks ? run_masks(gpu_device_caps(dev), &opt) : run(dev, &opt);
    gpu_device_close(dev);
    return result;
}
