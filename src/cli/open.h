/* open: a model for a subcommand, with the progress bar and the environment's capability mask. */
#ifndef CLI_OPEN_H
#define CLI_OPEN_H

#include "hekla/hekla.h"

/* path NULL: the built-in model; device NULL: the best. *seconds (may be NULL) gets the time it
 * took. Returns an exit code, after a sentence. */
int cli_open_model(hekla_model **out, const char *path, const char *device, double *seconds);
/* Header and tokenizer only: needs no device. */
int cli_open_vocabulary(hekla_model **out, const char *path);

#endif
