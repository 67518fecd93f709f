/* The user's side of a helper: starts it, listens, and ends one that says nothing for too long. */
#include "selftest/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_PATIENCE 60.0
enum { SET_TEXT = 32 * 1024 };

extern char **environ;

struct helper {
    struct verdict_job *job;
    pid_t pid;
    int fd;
    char text[2 * VERDICT_LINE]; /* what was read and is no whole line yet */
    size_t n;
    struct selftest_row row; /* begun and not ended; kernel NULL: none */
    uint32_t ended;          /* rows, by this process */
    enum { SAYS_NOTHING, SAYS_DONE, SAYS_LOST, SAYS_ERROR, SAYS_NONSENSE } last;
    struct hekla_error *err;
};

bool verdict_set_write(const struct selftest_set *set, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (int k = 0; k <= K_COUNT; k++)
        for (int q = -1; q < QT_COUNT; q++) {
            if (!set->has[k][q + 1])
                continue;
            used += (size_t)snprintf(out + used, size - used, "%s%s:%s", used ? "," : "",
                k == K_copy ? "copy" : kernel_rows[k].name, q < 0 ? "-" : quant_types[q].name);
            if (used >= size)
                return false;
        }
    return used > 0;
}

bool verdict_set_read(struct selftest_set *set, const char *text)
{
    memset(set, 0, sizeof(*set));
    while (*text) {
        char kernel[32], quant[32];
        enum kernel k;
        int q, n;
        if (sscanf(text, "%31[^:]:%31[^,]%n", kernel, quant, &n) != 2 ||
            !verdict_find_row(kernel, quant, &k, &q))
            return false;
        set->has[k][q + 1] = true;
        text += n + (text[n] == ',');
    }
    return true;
}

static bool is_empty(const struct selftest_set *set)
{
    const struct selftest_set none = {0};
    return memcmp(set, &none, sizeof(none)) == 0;
}

/* Says what became of the row that was begun. */
static void end_row(struct helper *h, enum hekla_verdict verdict)
{
    struct verdict_job *job = h->job;
    h->row.verdict = verdict;
    job->todo.has[h->row.kernel_id][h->row.quant_id + 1] = false;
    h->ended++;
    if (job->end)
        job->end(job->user, &h->row);
    h->row.kernel = NULL;
}

static bool take_begin(struct helper *h, const char *line)
{
    char kernel[32], quant[32];
    enum kernel k;
    int q;
    if (h->row.kernel || sscanf(line, "begin %31s %31s", kernel, quant) != 2 ||
        !verdict_find_row(kernel, quant, &k, &q) || !h->job->todo.has[k][q + 1])
        return false;
    h->row = (struct selftest_row){
        .kernel = k == K_copy ? "copy" : kernel_rows[k].name,
        .quant = q < 0 ? "-" : quant_types[q].name,
        .kernel_id = k,
        .quant_id = q,
    };
    if (h->job->begin)
        h->job->begin(h->job->user, &h->row);
    return true;
}

static bool take_end(struct helper *h, const char *line)
{
    int verdict, n = 0;
    struct selftest_row *row = &h->row;
    if (!row->kernel ||
        sscanf(line, "end %d %" SCNu32 " %" SCNu32 " %" SCNu64 " %" SCNu64 " %lf %n", &verdict,
            &row->cases, &row->failed, &row->runs, &row->words, &row->seconds, &n) != 6 ||
        n == 0)
        return false;
    if (verdict != HEKLA_VERDICT_PASSED && verdict != HEKLA_VERDICT_FAILED &&
        verdict != HEKLA_VERDICT_UNAVAILABLE)
        return false;
    snprintf(row->text, sizeof(row->text), "%s", line + n);
    end_row(h, (enum hekla_verdict)verdict);
    return true;
}

static bool take_error(struct helper *h, const char *line)
{
    int status, n = 0;
    if (sscanf(line, "error %d %n", &status, &n) != 1 || n == 0 || status <= HEKLA_OK ||
        status > HEKLA_ARGUMENT)
        return false;
    hekla_fail(h->err, (hekla_status)status, "self-test: %s", line + n);
    h->last = SAYS_ERROR;
    return true;
}

static bool take_line(struct helper *h, const char *line)
{
    if (strcmp(line, "alive") == 0)
        return true;
    if (strcmp(line, "done") == 0 || strcmp(line, "lost") == 0) {
        h->last = line[0] == 'd' ? SAYS_DONE : SAYS_LOST;
        return true;
    }
    return take_begin(h, line) || take_end(h, line) || take_error(h, line);
}

/* Takes the whole lines out of what was read. */
static void take_text(struct helper *h)
{
    char *line = h->text, *end;
    while ((end = memchr(line, '\n', h->n - (size_t)(line - h->text)))) {
        *end = 0;
        if (!take_line(h, line))
            h->last = SAYS_NONSENSE;
        line = end + 1;
    }
    h->n -= (size_t)(line - h->text);
    memmove(h->text, line, h->n);
}

/* Until the helper closes its pipe; false: it said nothing for too long. */
static bool listen_to(struct helper *h)
{
    double patience = h->job->proof->patience;
    int most = (int)((patience > 0 && patience < 1e6 ? patience : DEFAULT_PATIENCE) * 1000);
    for (;;) {
        struct pollfd p = {.fd = h->fd, .events = POLLIN};
        int ready = poll(&p, 1, most);
        if (ready == 0)
            return false;
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t n = ready < 0 ? 0 : read(h->fd, h->text + h->n, sizeof(h->text) - h->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return true;
        h->n += (size_t)n;
        take_text(h);
        if (h->last != SAYS_NOTHING)
            return true;
        if (h->n == sizeof(h->text)) {
            h->last = SAYS_NONSENSE;
            return true;
        }
    }
}

static hekla_status start(struct helper *h)
{
    struct verdict_job *job = h->job;
    const struct hekla_proof *proof = job->proof;
    char effort[2] = {(char)('0' + job->effort), 0}, n_embd[16];
    char *rows = malloc(SET_TEXT);
    int pipes[2] = {-1, -1}, error = ENOMEM;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t usual;
    if (rows && verdict_set_write(&job->todo, rows, SET_TEXT) && pipe(pipes) == 0) {
        char *args[] = {(char *)proof->helper, (char *)HEKLA_HELPER,
            (char *)gpu_device_identity(job->dev)->short_id, (char *)(job->caps ? job->caps : ""),
            effort, n_embd, rows, NULL};
        snprintf(n_embd, sizeof(n_embd), "%" PRIu32, job->n_embd);
        fcntl(pipes[0], F_SETFD, FD_CLOEXEC);
        sigemptyset(&usual);
        sigaddset(&usual, SIGPIPE); /* we may ignore it */
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setsigdefault(&attributes, &usual);
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&files, 2, 1); /* what a driver prints is no result */
        posix_spawn_file_actions_adddup2(&files, pipes[1], VERDICT_FD);
        if (pipes[1] != VERDICT_FD)
            posix_spawn_file_actions_addclose(&files, pipes[1]);
        error = posix_spawn(&h->pid, proof->helper, &files, &attributes, args, environ);
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attributes);
        close(pipes[1]);
        h->fd = pipes[0];
        if (error)
            close(h->fd);
    }
    free(rows);
    return error ? hekla_fail(h->err, HEKLA_IO, "the self-test's helper %s cannot be started: %s",
                       proof->helper, strerror(error))
                 : HEKLA_OK;
}

/* The end of a process that said all it had to say, or was killed; one that a driver holds in the
 * kernel is left to it. */
static int reap(pid_t pid)
{
    int status = 0;
    for (int i = 0; i < 500; i++) {
        if (i == 300)
            kill(pid, SIGKILL);
        pid_t done = waitpid(pid, &status, WNOHANG);
        if (done == pid)
            return status;
        if (done < 0 && errno != EINTR)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return 0;
}

static bool ended_by_user(int status)
{
    int n = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return n == SIGINT || n == SIGTERM || n == SIGHUP || n == SIGQUIT || n == SIGKILL;
}

/* After the helper's end: what to make of it. */
static hekla_status conclude(struct helper *h, bool hung, int status)
{
    bool nonsense = h->last == SAYS_NONSENSE, error = h->last == SAYS_ERROR;
    if (error)
        return h->err->code;
    if (!hung && ended_by_user(status))
        return hekla_fail(h->err, HEKLA_DEVICE, "the self-test was ended by signal %d (%s)",
            WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (h->row.kernel && !nonsense) {
        if (hung)
            snprintf(h->row.text, sizeof(h->row.text), "the driver did not come back");
        else if (WIFSIGNALED(status))
            snprintf(h->row.text, sizeof(h->row.text), "the driver crashed (%s)",
                strsignal(WTERMSIG(status)));
        else
            snprintf(h->row.text, sizeof(h->row.text), "the driver ended the program (exit %d)",
                WEXITSTATUS(status));
        end_row(h, hung ? HEKLA_VERDICT_HUNG : HEKLA_VERDICT_CRASHED);
    }
    /* Whatever went wrong, a helper that ended no row would be followed by another such. */
    if (h->ended == 0 && !is_empty(&h->job->todo))
        return hekla_fail(h->err, HEKLA_DEVICE, "the self-test cannot run on %s: %s",
            gpu_device_name(h->job->dev),
            hung                   ? "the driver did not come back"
            : nonsense             ? "its helper is another version of the program"
            : h->last == SAYS_LOST ? "the device was lost"
                                   : "its helper ended without a result");
    return HEKLA_OK;
}

static hekla_status run_helper(struct verdict_job *job, struct hekla_error *err)
{
    struct helper *h = calloc(1, sizeof(*h));
    if (!h)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for the self-test");
    h->job = job;
    h->err = err;
    hekla_status status = start(h);
    if (status == HEKLA_OK) {
        bool hung = !listen_to(h);
        if (hung)
            kill(h->pid, SIGKILL);
        close(h->fd);
        status = conclude(h, hung, reap(h->pid));
    }
    free(h);
    return status;
}

static void begin_here(void *user, const struct selftest_row *row)
{
    struct verdict_job *job = user;
    if (job->begin)
        job->begin(job->user, row);
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
    if (!job->proof->helper)
        return is_empty(&job->todo) ? HEKLA_OK : run_here(job, err);
    while (status == HEKLA_OK && !is_empty(&job->todo))
        status = run_helper(job, err);
    return status;
}
