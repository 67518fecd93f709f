#ifndef CLI_FIT_H
#define CLI_FIT_H

#include <stdint.h>

struct cli_fit_options {
    const char *model, *shape, *device; /* NULL: not given */
    int64_t ctx_size;
    double memory; /* GiB; 0: what is free on the device */
};

/* Writes what fits; an exit code. */
int cli_fit(const struct cli_fit_options *options);

#endif
