#include "cli/open.h"

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

#include <stdlib.h>

int cli_open_model(hekla_model **out, const char *path, const char *device, double *seconds)
{
    struct hekla_error err = {0};
    struct cli_progress progress;
    const char *caps = getenv("HEKLA_CAPS");

    cli_progress_begin(&progress, path);
    hekla_status status = hekla_model_open(out,
        &(struct hekla_model_options){
            .path = path,
            .device = device,
            .caps = caps && *caps ? caps : NULL,
            .progress = cli_progress_update,
            .progress_user = &progress,
        },
        &err);
    double took = cli_progress_end(&progress);
    if (cli_interrupt_count() > 0) { /* so that a cancelled load is no failure to explain */
        if (status == HEKLA_OK)
            hekla_model_close(*out);
        *out = NULL;
        return CLI_INTERRUPTED;
    }
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    if (seconds)
        *seconds = took;
    return CLI_OK;
}

int cli_open_vocabulary(hekla_model **out, const char *path)
{
    struct hekla_error err = {0};
    hekla_status status = hekla_model_open(
        out, &(struct hekla_model_options){.path = path, .vocab_only = true}, &err);
    return status == HEKLA_OK ? CLI_OK : cli_fail_status(status, &err);
}
