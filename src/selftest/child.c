/*
 * The helper's side: tests the rows it was asked for, of which others may take some, and says, a
 * line at a time, what it begins, that it lives, and what it found. Arguments: HEKLA_HELPER DEVICE
 * CAPS EFFORT N_EMBD ROWS.
 */
#ifdef __linux__
#define _DEFAULT_SOURCE /* prctl */
#endif
#include "selftest/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <signal.h>
#include <sys/prctl.h>
#endif

/* Whole lines at once. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[VERDICT_LINE];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line) - 1, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof(line) - 1 ? (size_t)n : sizeof(line) - 2;
    line[used++] = '\n';
    for (size_t at = 0; at < used;) {
        ssize_t written = write(VERDICT_FD, line + at, used - at);
        if (written <= 0)
            return; /* nobody listens: the end comes by signal */
        at += (size_t)written;
    }
}

static bool begin(void *user, const struct selftest_row *row)
{
    char answer = 0;
    (void)user;
    say("begin %s %s", row->kernel, row->quant);
    while (read(VERDICT_FD, &answer, 1) < 0 && errno == EINTR)
        ;
    return answer == VERDICT_GO[0];
}

static void alive(void *user)
{
    (void)user;
    say("alive");
}

/* Who lost the device is not for us to say: others may use it. */
static void end(void *user, const struct selftest_row *row)
{
    struct gpu_device *const *dev = user;
    if (gpu_device_is_gone(*dev))
        return;
    say("end %d %u %u %" PRIu64 " %" PRIu64 " %.6f %s", (int)row->verdict, row->cases, row->failed,
        row->runs, row->words, row->seconds, row->why_not ? row->why_not : row->text);
}

static hekla_status test(
    struct gpu_device *dev, const struct selftest_options *opt, struct hekla_error *err)
{
    struct selftest_result *result = malloc(sizeof(*result));
    if (!result)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for the self-test");
    hekla_status status = selftest_run(dev, opt, result, err);
    free(result);
    return status;
}

int hekla_helper_main(int argc, char **argv)
{
    struct selftest_set rows;
    struct gpu_device *dev = NULL;
    struct hekla_error err = {0};
    if (argc != 7 || argv[4][0] < '0' || argv[4][0] > '0' + SELFTEST_FULL ||
        !verdict_set_read(&rows, argv[6]))
        return 2;
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a driver that hangs would outlive its user */
#endif
    const struct selftest_options opt = {
        .effort = (enum selftest_effort)(argv[4][0] - '0'),
        .n_embd = (uint32_t)strtoul(argv[5], NULL, 10),
        .only = &rows,
        .begin = begin,
        .end = end,
        .alive = alive,
        .user = &dev,
    };
    hekla_status status = gpu_device_open(&dev, argv[2], *argv[3] ? argv[3] : NULL, &err);
    if (status == HEKLA_OK)
        status = test(dev, &opt, &err);
    if (status == HEKLA_OK)
        say("done");
    else if (dev && gpu_device_is_gone(dev))
        say("lost %s", err.text);
    else
        say("error %d %s", (int)status, err.text);
    gpu_device_close(dev);
    return 0;
}
