#define _POSIX_C_SOURCE 200809L
#include "cli/logits.h"

#include "cli/cli.h"
#include "cli/hash.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens PATH.PID.tmp; anything but a plain file (/dev/null, a pipe) must not be renamed over. */
static int open_file(struct cli_logits *logits)
{
    struct stat st;
    const char *path = logits->path, *name = path;
    int fd;

    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        fd = open(path, O_WRONLY | O_CLOEXEC);
    } else {
        size_t cap = strlen(path) + 32;
        logits->temporary = malloc(cap);
        if (!logits->temporary)
            return cli_fail(CLI_MEMORY, "not enough memory");
        snprintf(logits->temporary, cap, "%s.%ld.tmp", path, (long)getpid());
        name = logits->temporary;
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    logits->file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!logits->file) {
        int code = cli_fail(CLI_ERROR, "could not create %s: %s", name, strerror(errno));
        if (fd >= 0)
            close(fd);
        free(logits->temporary);
        logits->temporary = NULL;
        return code;
    }
    cli_interrupt_set_temporary(logits->temporary);
    return CLI_OK;
}

int cli_logits_open(struct cli_logits *logits, uint32_t n_vocab, const char *path)
{
    *logits = (struct cli_logits){.n_vocab = n_vocab, .hash = CLI_HASH_START, .path = path};
    return path ? open_file(logits) : CLI_OK;
}

void cli_logits_add(void *user, uint32_t pos, const float *row)
{
    enum { CHUNK = 1024 };
    struct cli_logits *logits = user;
    unsigned char bytes[CHUNK * 4];

    (void)pos;
    for (uint32_t at = 0; at < logits->n_vocab; at += CHUNK) {
        uint32_t n = logits->n_vocab - at < CHUNK ? logits->n_vocab - at : CHUNK;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t word;
            memcpy(&word, &row[at + i], 4);
            cli_store_le32(bytes + 4 * i, word);
        }
        logits->hash = cli_hash_bytes(logits->hash, bytes, 4 * (size_t)n);
        if (logits->file && !logits->error && fwrite(bytes, 4, n, logits->file) != n)
            logits->error = errno ? errno : EIO;
    }
    logits->rows++;
}

int cli_logits_close(struct cli_logits *logits, bool keep)
{
    int code = CLI_OK;

    if (!logits->file)
        return CLI_OK;
    if (fclose(logits->file) != 0 && !logits->error)
        logits->error = errno;
    if (keep && !logits->error && logits->temporary && rename(logits->temporary, logits->path) != 0)
        logits->error = errno;
    if (logits->error)
        code = cli_fail(CLI_ERROR, "could not write %s: %s", logits->path, strerror(logits->error));
    cli_interrupt_set_temporary(NULL);
    if (logits->temporary && (!keep || logits->error))
        unlink(logits->temporary);
    free(logits->temporary);
    *logits = (struct cli_logits){.hash = logits->hash, .rows = logits->rows};
    return code;
}
