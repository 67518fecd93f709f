/* open: a model for a subcommand, with the progress bar and the environment's capability mask. */
#ifndef CLI_OPEN_H
#define CLI_OPEN_H

#include "hekla/hekla.h"

/* Where verdicts are kept, and this program as the helper. */
struct cli_proof {
    struct hekla_proof proof;
    char folder[1000];
};
void cli_proof_open(struct cli_proof *out); /* which points into itself */

enum { CLI_DEVICE_ID = 64 };
/* What other tools of the field made people set, GGML_VK_VISIBLE_DEVICES: the first device that it
 * lets them see, in id; NULL: it is not set. */
const char *cli_default_device(char id[CLI_DEVICE_ID]);

/* path NULL: the built-in model; device NULL: the default, or the best. *seconds (may be NULL) gets
 * the time it took. Returns an exit code, after a sentence. */
int cli_open_model(hekla_model **out, const char *path, const char *device, double *seconds);
/* Header and tokenizer only: needs no device. */
int cli_open_vocabulary(hekla_model **out, const char *path);

#endif
