#define _POSIX_C_SOURCE 200809L
#include "cli/progress.h"

#include "cli/cli.h"
#include "cli/interrupt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool details, transient; /* a line that the next one replaces is visible */

static void wipe(void)
{
    if (transient)
        fprintf(stderr, "\r%*s\r", 78, "");
    transient = false;
}

void cli_notice_details(bool wanted)
{
    details = wanted;
}

void cli_notice(void *unused, enum hekla_notice kind, const char *line)
{
    (void)unused;
    if ((kind == HEKLA_NOTICE_DETAIL && !details) ||
        (kind == HEKLA_NOTICE_PROGRESS && !isatty(STDERR_FILENO)))
        return;
    wipe();
    fprintf(stderr,
        kind == HEKLA_NOTICE_PROGRESS  ? "%.78s"
        : kind == HEKLA_NOTICE_WARNING ? "warning: %s\n"
                                       : "%s\n",
        line);
    transient = kind == HEKLA_NOTICE_PROGRESS && *line;
    fflush(stderr);
}

static uint64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* Bytes of a model, with all parts if it is named like the first part of a split one
 * (NAME-00001-of-00005.gguf). */
static uint64_t model_bytes(const char *path)
{
    static const char first[] = "-00001-of-";
    const char *at = strstr(path, first);
    uint64_t sum = 0;

    for (const char *next = at; next; next = strstr(at + 1, first))
        at = next;
    unsigned parts = at ? (unsigned)strtoul(at + sizeof(first) - 1, NULL, 10) : 0;
    if (parts < 2 || parts > 99999)
        return file_bytes(path);
    char *part = malloc(strlen(path) + 32);
    for (unsigned i = 1; part && i <= parts; i++) {
        sprintf(part, "%.*s-%05u%s", (int)(at - path), path, i, at + 6);
        sum += file_bytes(part);
    }
    free(part);
    return sum;
}

void cli_progress_begin(struct cli_progress *progress, const char *what, const char *path)
{
    *progress = (struct cli_progress){
        .what = what,
        .bytes = path ? model_bytes(path) : 0,
        .began = cli_seconds(),
        .terminal = isatty(STDERR_FILENO),
        .colour = cli_has_colour(STDERR_FILENO),
    };
}

static void draw(struct cli_progress *progress, double fraction, double seconds)
{
    enum { WIDTH = 30 };
    char bar[WIDTH + 1];
    int full = (int)(fraction * WIDTH);

    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[WIDTH] = 0;
    fprintf(stderr, "\r%s [%s%s%s] %3.0f %%", progress->what, progress->colour ? "\033[32m" : "",
        bar, progress->colour ? "\033[0m" : "", fraction * 100);
    if (progress->bytes) {
        double done = fraction * (double)progress->bytes;
        fprintf(stderr, "  %.0f of %.0f MiB, %.2f GB/s ", done / (1 << 20),
            (double)progress->bytes / (1 << 20), done / seconds * 1e-9);
    }
    fflush(stderr);
    transient = true;
}

bool cli_progress_update(void *user, double fraction)
{
    struct cli_progress *progress = user;
    double now = cli_seconds(), seconds = now - progress->began;

    fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    /* What loads at once needs no bar, and twenty drawings a second are plenty. */
    if (progress->terminal && seconds > 0.2 && (now - progress->drawn > 0.05 || fraction == 1)) {
        draw(progress, fraction, seconds);
        progress->drawn = now;
    }
    return cli_interrupt_count() == 0;
}

double cli_progress_end(struct cli_progress *progress)
{
    wipe();
    fflush(stderr);
    return cli_seconds() - progress->began;
}
