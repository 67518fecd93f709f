#define _POSIX_C_SOURCE 200809L
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int cli_fail(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("hekla: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

int cli_fail_status(hekla_status status, const struct hekla_error *err)
{
    static const int codes[] = {
        [HEKLA_OK] = CLI_OK,
        [HEKLA_IO] = CLI_ERROR,
        [HEKLA_FORMAT] = CLI_ERROR,
        [HEKLA_UNSUPPORTED] = CLI_ERROR,
        [HEKLA_NO_DEVICE] = CLI_NO_DEVICE,
        [HEKLA_MEMORY] = CLI_MEMORY,
        [HEKLA_SELFTEST] = CLI_SELFTEST,
        [HEKLA_DEVICE] = CLI_DEVICE,
        [HEKLA_ARGUMENT] = CLI_USAGE,
    };
    size_t i = (size_t)status;
    int code = i < sizeof(codes) / sizeof(codes[0]) ? codes[i] : CLI_ERROR;

    return cli_fail(code, "%s", err && err->text[0] ? err->text : hekla_status_text(status));
}

void cli_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

bool cli_has_colour(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(fd) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

/* Row by row over the table of prefix distances; swaps need the row before the last as well. */
size_t cli_edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    size_t rows[3][LONGEST + 1];
    size_t na = strlen(a), nb = strlen(b);

    if (na > LONGEST || nb > LONGEST)
        return na + nb;
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                above2[j - 2] + 1 < best)
                best = above2[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[na % 3][nb];
}

const char *cli_format_count(char *buf, size_t cap, uint64_t n)
{
    if (n >= 1000000000)
        snprintf(buf, cap, "%.2f B", (double)n / 1e9);
    else if (n >= 1000000)
        snprintf(buf, cap, "%.1f M", (double)n / 1e6);
    else
        snprintf(buf, cap, "%.1f k", (double)n / 1e3);
    return buf;
}

const char *cli_format_bytes(char *buf, size_t cap, uint64_t n)
{
    if (n >= UINT64_C(1) << 30)
        snprintf(buf, cap, "%.1f GiB", (double)n / (1 << 30));
    else
        snprintf(buf, cap, "%.1f MiB", (double)n / (1 << 20));
    return buf;
}

char *cli_printable(char *text)
{
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    return text;
}

double cli_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int write_error; /* errno of the first lost output; 0: none */

bool cli_write(const char *text, size_t n)
{
    while (n > 0 && !write_error) {
        ssize_t written = write(STDOUT_FILENO, text, n);
        if (written >= 0) {
            text += written;
            n -= (size_t)written;
        } else if (errno != EINTR) {
            write_error = errno;
        }
    }
    return !write_error;
}

bool cli_writef(const char *format, ...)
{
    char small[512], *text = small;
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof(small), format, args);
    if (n >= (int)sizeof(small) && (text = malloc((size_t)n + 1)))
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    bool ok = n >= 0 && text && cli_write(text, (size_t)n);
    if (text != small)
        free(text);
    return ok;
}

void cli_write_json(const char *key, const char *text)
{
    cli_writef("\"%s\": \"", key);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            cli_writef("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            cli_writef("\\u%04x", (unsigned)*text);
        else
            cli_write(text, 1);
    }
    cli_writef("\"");
}

int cli_write_status(void)
{
    if (!write_error)
        return CLI_OK;
    if (write_error == EPIPE)
        return CLI_ERROR;
    return cli_fail(CLI_ERROR, "could not write the output: %s", strerror(write_error));
}
