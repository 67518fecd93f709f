/* progress: the bar while a model is loaded or converted, on stderr and only if that is a terminal.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cli_progress {
    const char *what;
    uint64_t bytes; /* of the file or files; 0: not known */
    double began, drawn;
    bool terminal, colour;
};

/* what: "loading"; path: the model file, NULL for the built-in one. */
void cli_progress_begin(struct cli_progress *progress, const char *what, const char *path);
/* For hekla_model_options.progress; false once Ctrl-C was pressed. */
bool cli_progress_update(void *progress, double fraction);
/* Wipes the bar; returns the seconds since begin. */
double cli_progress_end(struct cli_progress *progress);

#endif
