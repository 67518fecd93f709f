/* One helper: starting it, what it says, its end. */
#include "selftest/worker.h"

#include "base/clock.h"

#include "selftest/tester.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SET_TEXT = 32 * 1024 };

extern char **environ;

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

void worker_end_row(struct worker *w, enum hekla_verdict verdict)
{
    struct verdict_job *job = w->job;
    w->row.verdict = verdict;
    job->todo.has[w->row.kernel_id][w->row.quant_id + 1] = false;
    w->ended++;
    if (job->end)
        job->end(job->user, &w->row);
    w->row.kernel = NULL;
}

/* ---- what it says ------------------------------------------------------------------------------
 */

/* A row that another has is left to that one. */
static bool take_begin(struct worker *w, const char *line)
{
    char kernel[32], quant[32];
    enum kernel k;
    int q;
    if (w->row.kernel || sscanf(line, "begin %31s %31s", kernel, quant) != 2 ||
        !verdict_find_row(kernel, quant, &k, &q))
        return false;
    bool free = w->job->todo.has[k][q + 1] && !w->taken->has[k][q + 1];
    send(w->fd, free ? VERDICT_GO : VERDICT_SKIP, 1, MSG_NOSIGNAL); /* fails if it is gone */
    if (!free)
        return true;
    w->taken->has[k][q + 1] = true;
    w->row = (struct selftest_row){
        .kernel = k == K_copy ? "copy" : kernel_rows[k].name,
        .quant = q < 0 ? "-" : quant_types[q].name,
        .kernel_id = k,
        .quant_id = q,
    };
    if (w->job->begin)
        w->job->begin(w->job->user, &w->row);
    return true;
}

static bool take_end(struct worker *w, const char *line)
{
    int verdict, n = 0;
    struct selftest_row *row = &w->row;
    if (!row->kernel ||
        sscanf(line, "end %d %" SCNu32 " %" SCNu32 " %" SCNu64 " %" SCNu64 " %lf %n", &verdict,
            &row->cases, &row->failed, &row->runs, &row->words, &row->seconds, &n) != 6 ||
        n == 0)
        return false;
    if (verdict != HEKLA_VERDICT_PASSED && verdict != HEKLA_VERDICT_FAILED &&
        verdict != HEKLA_VERDICT_UNAVAILABLE)
        return false;
    snprintf(row->text, sizeof(row->text), "%s", line + n);
    worker_end_row(w, (enum hekla_verdict)verdict);
    return true;
}

static bool take_lost(struct worker *w, const char *line)
{
    if (strncmp(line, "lost ", 5) != 0)
        return false;
    snprintf(w->row.text, sizeof(w->row.text), "%s", line + 5);
    w->last = WORKER_LOST;
    return true;
}

static bool take_error(struct worker *w, const char *line)
{
    int status, n = 0;
    if (sscanf(line, "error %d %n", &status, &n) != 1 || n == 0 || status <= HEKLA_OK ||
        status > HEKLA_ARGUMENT)
        return false;
    hekla_fail(&w->err, (hekla_status)status, "self-test: %s", line + n);
    w->last = WORKER_ERROR;
    return true;
}

static bool take_line(struct worker *w, const char *line)
{
    if (strcmp(line, "alive") == 0)
        return true;
    if (strcmp(line, "done") == 0) {
        w->last = WORKER_DONE;
        return true;
    }
    return take_begin(w, line) || take_end(w, line) || take_lost(w, line) || take_error(w, line);
}

/* Takes the whole lines out of what was read. */
static void take_text(struct worker *w)
{
    char *line = w->text, *end;
    while ((end = memchr(line, '\n', w->n - (size_t)(line - w->text)))) {
        *end = 0;
        if (!take_line(w, line))
            w->last = WORKER_NONSENSE;
        line = end + 1;
    }
    w->n -= (size_t)(line - w->text);
    memmove(w->text, line, w->n);
}

bool worker_listen(struct worker *w)
{
    ssize_t n = read(w->fd, w->text + w->n, sizeof(w->text) - w->n);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    w->heard = clock_now();
    w->n += (size_t)n;
    take_text(w);
    if (w->n == sizeof(w->text))
        w->last = WORKER_NONSENSE;
    return w->last == WORKER_NOTHING;
}

/* ---- its beginning and end ---------------------------------------------------------------------
 */

static int spawn(struct worker *w, char *rows, int line)
{
    struct verdict_job *job = w->job;
    const char *program = job->proof->helper;
    char effort[2] = {(char)('0' + job->effort), 0}, n_embd[16];
    char *args[] = {(char *)program, (char *)HEKLA_HELPER,
        (char *)gpu_device_identity(job->dev)->short_id, (char *)(job->caps ? job->caps : ""),
        effort, n_embd, rows, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t usual;
    snprintf(n_embd, sizeof(n_embd), "%" PRIu32, job->n_embd);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE); /* we may ignore it */
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, 2, 1); /* what a driver prints is no result */
    posix_spawn_file_actions_adddup2(&files, line, VERDICT_FD);
    int error = posix_spawn(&w->pid, program, &files, &attributes, args, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return error;
}

hekla_status worker_start(struct worker *w, struct verdict_job *job, struct selftest_set *taken)
{
    char *rows = malloc(SET_TEXT);
    int lines[2], error = ENOMEM;
    *w = (struct worker){.job = job, .taken = taken, .fd = -1, .heard = clock_now()};
    if (rows && verdict_set_write(&job->todo, rows, SET_TEXT)) {
        /* Our ends, this and other workers', are not for the helper to hold. */
        error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lines) ? errno : 0;
        if (!error) {
            error = spawn(w, rows, lines[1]);
            close(lines[1]);
            w->fd = lines[0];
        }
        if (error && w->fd >= 0) {
            close(w->fd);
            w->fd = -1;
        }
    }
    free(rows);
    return error ? hekla_fail(&w->err, HEKLA_IO, "the self-test's helper %s cannot be started: %s",
                       job->proof->helper, strerror(error))
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

int worker_end(struct worker *w, bool kill_it)
{
    if (kill_it)
        kill(w->pid, SIGKILL);
    close(w->fd);
    w->fd = -1;
    return reap(w->pid);
}
