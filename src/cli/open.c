#define _POSIX_C_SOURCE 200809L
#include "cli/open.h"

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *cli_default_device(char id[CLI_DEVICE_ID])
{
    const char *mask = getenv("GGML_VK_VISIBLE_DEVICES");
    size_t n = mask ? strcspn(mask, ",") : 0;
    if (n == 0 || n >= CLI_DEVICE_ID)
        return NULL;
    memcpy(id, mask, n);
    id[n] = 0;
    return id;
}

/* A GPU's owner should know that it is idle. */
static void warn_of_cpu(const hekla_model *model, const char *device)
{
    struct hekla_model_info info;
    hekla_model_get_info(model, &info);
    if (info.device_is_cpu && !device)
        fprintf(stderr, "warning: no GPU was found; the processor does its work, slowly "
                        "(\"hekla devices\" tells more)\n");
}

void cli_proof_open(struct cli_proof *out)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = -1;
    static const char self[] = "/proc/self/exe"; /* also after an update has replaced the file */
    *out = (struct cli_proof){.proof.helper = access(self, X_OK) == 0 ? self : NULL};
    if (cache && cache[0] == '/') /* as the specification says: a relative one does not count */
        n = snprintf(out->folder, sizeof(out->folder), "%s/hekla", cache);
    else if (home && home[0] == '/')
        n = snprintf(out->folder, sizeof(out->folder), "%s/.cache/hekla", home);
    if (n > 0 && (size_t)n < sizeof(out->folder))
        out->proof.folder = out->folder;
}

int cli_open_model(hekla_model **out, const char *path, const char *device, double *seconds)
{
    struct hekla_error err = {0};
    struct cli_progress progress;
    const char *caps = getenv("HEKLA_CAPS");
    char id[CLI_DEVICE_ID];
    struct cli_proof proof;

    cli_proof_open(&proof);
    device = device ? device : cli_default_device(id);
    cli_progress_begin(&progress, "loading", path);
    hekla_status status = hekla_model_open(out,
        &(struct hekla_model_options){
            .path = path,
            .device = device,
            .caps = caps && *caps ? caps : NULL,
            .progress = cli_progress_update,
            .progress_user = &progress,
            .proof = proof.proof,
            .notice = cli_notice,
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
    warn_of_cpu(*out, device);
    if (seconds)
        *seconds = took;
    return CLI_OK;
}

int cli_open_vocabulary(hekla_model **out, const char *path)
{
    struct hekla_error err = {0};
    hekla_status status = hekla_model_open(out,
        &(struct hekla_model_options){.path = path, .vocab_only = true, .notice = cli_notice},
        &err);
    return status == HEKLA_OK ? CLI_OK : cli_fail_status(status, &err);
}
