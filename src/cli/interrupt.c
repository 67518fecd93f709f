#define _POSIX_C_SOURCE 200809L
#include "cli/interrupt.h"

#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

/* Any thread may run the handler, so the state is atomic, and a pipe wakes the reader. */
static atomic_int interrupts;
static _Atomic(const char *) temporary;
static int wake[2] = {-1, -1};
static bool coloured;

static void end_now(void)
{
    const char *path = atomic_load(&temporary);
    if (path)
        unlink(path);
    ssize_t ignored = coloured ? write(STDERR_FILENO, "\033[0m\n", 5) : 0;
    (void)ignored;
    _exit(CLI_INTERRUPTED);
}

static void handle(int number)
{
    int saved = errno;
    if (number == SIGINT && atomic_fetch_add(&interrupts, 1) > 0)
        end_now();
    ssize_t ignored = write(wake[1], "", 1); /* a full pipe wakes just as well */
    (void)ignored;
    errno = saved;
}

void cli_interrupt_open(void)
{
    static const int numbers[] = {SIGINT, SIGWINCH, SIGCONT};
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};

    if (pipe(wake) == 0) {
        for (int i = 0; i < 2; i++) {
            fcntl(wake[i], F_SETFL, O_NONBLOCK);
            fcntl(wake[i], F_SETFD, FD_CLOEXEC);
        }
    }
    coloured = cli_has_colour(STDERR_FILENO);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaction(numbers[i], &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
}

int cli_interrupt_count(void)
{
    return atomic_load(&interrupts);
}

static bool drain(void)
{
    char bytes[64];
    bool woken = false;
    while (read(wake[0], bytes, sizeof(bytes)) > 0)
        woken = true;
    return woken;
}

void cli_interrupt_reset(void)
{
    drain(); /* else the next reader would redraw for a Ctrl-C long dealt with */
    atomic_store(&interrupts, 0);
}

void cli_interrupt_set_temporary(const char *path)
{
    atomic_store(&temporary, path);
}

enum cli_read cli_interrupt_read(char *byte)
{
    struct pollfd fds[2] = {{.fd = wake[0], .events = POLLIN}, {.fd = 0, .events = POLLIN}};

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return CLI_READ_END;
        bool woken = drain();
        if (cli_interrupt_count() > 0)
            return CLI_READ_INTERRUPTED;
        if (woken)
            return CLI_READ_RESIZED;
        if (!fds[1].revents)
            continue;
        ssize_t n = read(0, byte, 1);
        if (n == 1)
            return CLI_READ_BYTE;
        if (n == 0 || (errno != EINTR && errno != EAGAIN))
            return CLI_READ_END;
    }
}
