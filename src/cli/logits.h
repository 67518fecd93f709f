/*
 * logits: what --logits-out and --hash do with each row of logits. The file is written under
 * another name and renamed when all went well, so that a half-written one is never taken for whole.
 */
#ifndef CLI_LOGITS_H
#define CLI_LOGITS_H

#include "hekla/hekla.h"

#include <stdio.h>

struct cli_logits {
    uint32_t n_vocab;
    uint64_t hash, rows;
    const char *path; /* NULL: hash only */
    char *temporary;  /* NULL: `path` is written in place (it is a device or a pipe) */
    FILE *file;
    int error; /* errno of the first failed write */
};

/* Returns an exit code, after a sentence. */
int cli_logits_open(struct cli_logits *logits, uint32_t n_vocab, const char *path);
/* For hekla_session_on_logits. */
void cli_logits_add(void *logits, uint32_t pos, const float *row);
/* Keeps the file if `keep` and all was written, else removes it. Returns an exit code. */
int cli_logits_close(struct cli_logits *logits, bool keep);

#endif
