/* --session: what a run finds in the file, and leaves there. */
#define _POSIX_C_SOURCE 200809L
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/run.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So that nobody learns at the end of long work that it cannot be kept. */
static int check_folder(const char *path)
{
    char *copy = strdup(path);
    const char *folder = copy ? dirname(copy) : ".";
    int code = CLI_OK;
    if (access(folder, W_OK | X_OK) != 0)
        code = cli_fail(
            CLI_ERROR, "--session: no file can be written to %s: %s", folder, strerror(errno));
    free(copy);
    return code;
}

int cli_session_restore(struct cli_run *run)
{
    const char *path = run->options.session;
    struct hekla_error err = {0};
    void *note = NULL;

    if (!path)
        return CLI_OK;
    int code = check_folder(path);
    if (code != CLI_OK || (access(path, F_OK) != 0 && errno == ENOENT))
        return code;
    hekla_status status =
        hekla_session_restore(run->session, path, &note, &run->conversation.n, &err);
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    run->conversation.data = note;
    if (run->conversation.n > 0 && !cli_wants_chat(&run->options))
        return cli_fail(CLI_USAGE,
            "%s holds a chat: -cnv goes on with it, and a text needs a file of its own", path);
    cli_note("session %s holds %" PRIu32 " tokens", path, hekla_session_pos(run->session));
    return CLI_OK;
}

static hekla_status save(struct cli_run *run, struct hekla_error *err)
{
    const char *path = run->options.session;
    struct cli_text temporary = {0};

    /* One that is there may be another run's. */
    if (cli_text_append(&temporary, path, strlen(path)) && cli_text_append(&temporary, ".tmp", 4) &&
        access(temporary.data, F_OK) != 0)
        cli_interrupt_set_temporary(temporary.data);
    hekla_status status =
        hekla_session_save(run->session, path, run->conversation.data, run->conversation.n, err);
    cli_interrupt_set_temporary(NULL);
    cli_text_free(&temporary);
    return status;
}

int cli_session_save(struct cli_run *run, int code)
{
    struct hekla_error err = {0};

    if (!run->options.session || !run->session_changed || code == CLI_DEVICE)
        return code;
    hekla_status status = save(run, &err);
    if (status == HEKLA_OK)
        return code;
    int failed = cli_fail_status(status, &err);
    return code == CLI_OK ? failed : code;
}
