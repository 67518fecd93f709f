/* base/mapfile: a whole file, mapped read-only. The descriptor stays open so that a later change of
 * the file can be noticed. */
#ifndef BASE_MAPFILE_H
#define BASE_MAPFILE_H

#include "base/status.h"

struct mapfile {
    const uint8_t *data; /* NULL if the file is empty */
    uint64_t size;
    int fd; /* -1: closed */
    int64_t mtime_s, mtime_ns;
};

/* HEKLA_IO with one sentence for a file that is missing, unreadable or not a regular file. */
hekla_status mapfile_open(struct mapfile *m, const char *path, struct hekla_error *err);
void mapfile_close(struct mapfile *m);

/* HEKLA_IO if size or modification time are no longer those seen by mapfile_open. */
hekla_status mapfile_check_unchanged(
    const struct mapfile *m, const char *path, struct hekla_error *err);

#endif
