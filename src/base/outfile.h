/* base/outfile: a file that appears under its name only when all of it is on the disk. Until then
 * it is NAME.tmp beside it, locked against a second writer; one that a killed run left is reused.
 */
#ifndef BASE_OUTFILE_H
#define BASE_OUTFILE_H

#include "base/status.h"

#define OUTFILE_SUFFIX ".tmp"

struct outfile {
    const char *path; /* as given; must stay valid */
    char *temporary;
    int fd; /* -1: closed */
};

/* Opens the temporary file, empty. Refuses a name that is taken by anything but a plain file. */
hekla_status outfile_open(struct outfile *f, const char *path, struct hekla_error *err);
/* Claims the room for n bytes, so that a full disk is noticed before the work. */
hekla_status outfile_reserve(struct outfile *f, uint64_t n, struct hekla_error *err);
/* Thread-safe for bytes that do not overlap. */
hekla_status outfile_write(
    struct outfile *f, uint64_t offset, const void *data, uint64_t n, struct hekla_error *err);
/* Waits until all of it is on the disk. */
hekla_status outfile_sync(struct outfile *f, struct hekla_error *err);
/* Puts the finished file in its place, or removes it on failure. Closes in any case. */
hekla_status outfile_commit(struct outfile *f, struct hekla_error *err);
/* Removes the temporary file; nothing if closed. */
void outfile_abandon(struct outfile *f);

#endif
