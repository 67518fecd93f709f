#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "base/mapfile.h"

#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SHOWN = 300 }; /* so that the reason fits in the sentence */

static hekla_status fail(struct mapfile *m, const char *path, struct hekla_error *err)
{
    hekla_status status =
        hekla_fail(err, HEKLA_IO, "%s: %s", utf8_tail(path, PATH_SHOWN), strerror(errno));
    mapfile_close(m);
    return status;
}

hekla_status mapfile_open(struct mapfile *m, const char *path, struct hekla_error *err)
{
    struct stat st;
    *m = (struct mapfile){.fd = -1};
    /* Without O_NONBLOCK a named pipe would wait for its writer before it could be refused. */
    m->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (m->fd < 0 || fstat(m->fd, &st) != 0)
        return fail(m, path, err);
    if (!S_ISREG(st.st_mode)) {
        mapfile_close(m);
        return hekla_fail(err, HEKLA_IO, "%s: %s, expected a file", utf8_tail(path, PATH_SHOWN),
            S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file");
    }
    if ((uint64_t)st.st_size > SIZE_MAX) {
        mapfile_close(m);
        return hekla_fail(
            err, HEKLA_MEMORY, "%s: larger than the address space", utf8_tail(path, PATH_SHOWN));
    }
    m->size = (uint64_t)st.st_size;
    m->mtime_s = st.st_mtim.tv_sec;
    m->mtime_ns = st.st_mtim.tv_nsec;
    if (m->size == 0)
        return HEKLA_OK;
    void *data = mmap(NULL, (size_t)m->size, PROT_READ, MAP_SHARED, m->fd, 0);
    if (data == MAP_FAILED)
        return fail(m, path, err);
    m->data = data;
    return HEKLA_OK;
}

void mapfile_close(struct mapfile *m)
{
    if (m->data)
        munmap((void *)(uintptr_t)m->data, (size_t)m->size);
    if (m->fd >= 0)
        close(m->fd);
    *m = (struct mapfile){.fd = -1};
}

hekla_status mapfile_check_unchanged(
    const struct mapfile *m, const char *path, struct hekla_error *err)
{
    struct stat st;
    if (fstat(m->fd, &st) != 0)
        return hekla_fail(err, HEKLA_IO, "%s: %s", utf8_tail(path, PATH_SHOWN), strerror(errno));
    if ((uint64_t)st.st_size != m->size)
        return hekla_fail(err, HEKLA_IO,
            "%s: changed while in use: it had %llu bytes when opened, now it has %llu",
            utf8_tail(path, PATH_SHOWN), (unsigned long long)m->size,
            (unsigned long long)st.st_size);
    if (st.st_mtim.tv_sec != m->mtime_s || st.st_mtim.tv_nsec != m->mtime_ns)
        return hekla_fail(err, HEKLA_IO,
            "%s: changed while in use: it was written to after it was opened",
            utf8_tail(path, PATH_SHOWN));
    return HEKLA_OK;
}
