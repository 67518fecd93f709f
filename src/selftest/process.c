/*
 * The user's side of the self-test: helpers side by side, as compilers of drivers use one core
 * each, and an end to one that says nothing for too long. What makes a helper end may have been
 * another's doing, where both use one device: such rows are tested again, alone, and only that
 * counts.
 */
#include "selftest/worker.h"

#include "base/clock.h"

#include "selftest/tester.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PATIENCE 60.0
enum { MOST_WORKERS = 4 };

struct round {
    struct worker workers[MOST_WORKERS];
    struct selftest_set taken;
    uint32_t n;
    double patience;
};

static uint32_t count_rows(const struct selftest_set *set)
{
    uint32_t n = 0;
    for (int k = 0; k <= K_COUNT; k++)
        for (int q = 0; q <= QT_COUNT; q++)
            n += set->has[k][q];
    return n;
}

static bool ended_by_user(int status)
{
    int n = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return n == SIGINT || n == SIGTERM || n == SIGHUP || n == SIGQUIT || n == SIGKILL;
}

/* After the end of one that was alone: what to make of it. */
static hekla_status conclude(struct worker *w, bool hung, int status, struct hekla_error *err)
{
    if (w->row.kernel && w->last != WORKER_NONSENSE) {
        if (hung)
            snprintf(w->row.text, sizeof(w->row.text), "the driver did not come back");
        else if (WIFSIGNALED(status))
            snprintf(w->row.text, sizeof(w->row.text), "the driver crashed (%s)",
                strsignal(WTERMSIG(status)));
        else if (w->last != WORKER_LOST)
            snprintf(w->row.text, sizeof(w->row.text), "the driver ended the program (exit %d)",
                WEXITSTATUS(status));
        worker_end_row(w, hung                     ? HEKLA_VERDICT_HUNG
                          : w->last == WORKER_LOST ? HEKLA_VERDICT_FAILED
                                                   : HEKLA_VERDICT_CRASHED);
    }
    /* Whatever went wrong, a helper that ended no row would be followed by another such. */
    if (w->ended == 0 && count_rows(&w->job->todo))
        return hekla_fail(err, HEKLA_DEVICE, "the self-test cannot run on %s: %s",
            gpu_device_name(w->job->dev),
            hung                         ? "the driver did not come back"
            : w->last == WORKER_NONSENSE ? "its helper is another version of the program"
            : w->last == WORKER_LOST     ? "the device was lost"
                                         : "its helper ended without a result");
    return HEKLA_OK;
}

static hekla_status finish(
    const struct round *r, struct worker *w, bool hung, struct hekla_error *err)
{
    int status = worker_end(w, hung);
    if (!hung && ended_by_user(status))
        return hekla_fail(err, HEKLA_DEVICE, "the self-test was ended by signal %d (%s)",
            WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (r->n > 1)
        return HEKLA_OK;
    if (w->last != WORKER_ERROR)
        return conclude(w, hung, status, err);
    *err = w->err;
    return err->code;
}

/* Waits for any of them to say something, or to have been silent for too long. */
static hekla_status listen_to_all(struct round *r, struct hekla_error *err)
{
    struct pollfd polls[MOST_WORKERS];
    double now = clock_now(), left = r->patience;
    for (uint32_t i = 0; i < r->n; i++) {
        struct worker *w = &r->workers[i];
        polls[i] = (struct pollfd){.fd = w->fd, .events = POLLIN};
        if (w->fd >= 0 && w->heard + r->patience - now < left)
            left = w->heard + r->patience - now;
    }
    hekla_status status = HEKLA_OK;
    if (poll(polls, r->n, left > 0 ? (int)(left * 1000) + 1 : 0) < 0)
        return HEKLA_OK; /* a signal */
    now = clock_now();
    for (uint32_t i = 0; i < r->n && status == HEKLA_OK; i++) {
        struct worker *w = &r->workers[i];
        if (w->fd < 0)
            continue;
        if (polls[i].revents) {
            if (!worker_listen(w))
                status = finish(r, w, false, err);
        } else if (now - w->heard >= r->patience) {
            status = finish(r, w, true, err);
        }
    }
    return status;
}

static bool any_works(const struct round *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->workers[i].fd >= 0)
            return true;
    return false;
}

/* n helpers, until all have ended. */
static hekla_status run_round(struct verdict_job *job, uint32_t n, struct hekla_error *err)
{
    struct round *r = calloc(1, sizeof(*r));
    hekla_status status = HEKLA_OK;
    double patience = job->proof->patience;
    if (!r)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for the self-test");
    r->patience = patience > 0 && patience < 1e6 ? patience : DEFAULT_PATIENCE;
    while (r->n < n && status == HEKLA_OK) {
        struct worker *w = &r->workers[r->n];
        status = worker_start(w, job, &r->taken);
        if (status == HEKLA_OK)
            r->n++;
        else if (r->n == 0)
            *err = w->err;
        else
            n = r->n, status = HEKLA_OK; /* fewer do as well */
    }
    while (status == HEKLA_OK && any_works(r))
        status = listen_to_all(r, err);
    for (uint32_t i = 0; i < r->n; i++)
        if (r->workers[i].fd >= 0)
            worker_end(&r->workers[i], true);
    free(r);
    return status;
}

static uint32_t choose_workers(const struct verdict_job *job)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t rows = count_rows(&job->todo), n = cores > 0 ? (uint32_t)cores : 1;
    n = n < MOST_WORKERS ? n : MOST_WORKERS;
    return n < rows ? n : rows;
}

static bool begin_here(void *user, const struct selftest_row *row)
{
    struct verdict_job *job = user;
    if (job->begin)
        job->begin(job->user, row);
    return true;
}

static void end_here(void *user, const struct selftest_row *row)
{
    struct verdict_job *job = user;
    job->todo.has[row->kernel_id][row->quant_id + 1] = false;
    if (job->end)
        job->end(job->user, row);
}

static hekla_status run_here(struct verdict_job *job, struct hekla_error *err)
{
    const struct selftest_set rows = job->todo;
    const struct selftest_options opt = {.effort = job->effort,
        .n_embd = job->n_embd,
        .only = &rows,
        .begin = begin_here,
        .end = end_here,
        .user = job};
    struct selftest_result *result = malloc(sizeof(*result));
    if (!result)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for the self-test");
    hekla_status status = selftest_run(job->dev, &opt, result, err);
    free(result);
    return status;
}

hekla_status verdict_find(struct verdict_job *job, struct hekla_error *err)
{
    struct hekla_error local = {0};
    hekla_status status = HEKLA_OK;
    err = err ? err : &local;
    if (!count_rows(&job->todo))
        return HEKLA_OK;
    if (!job->proof->helper)
        return run_here(job, err);
    uint32_t n = choose_workers(job);
    if (n > 1)
        status = run_round(job, n, err);
    while (status == HEKLA_OK && count_rows(&job->todo))
        status = run_round(job, 1, err);
    return status;
}
