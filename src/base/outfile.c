#include "base/outfile.h"

#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SHOWN = 300, MOST_WRITTEN = 1 << 30 };

static hekla_status fail(
    const struct outfile *f, const char *what, int why, struct hekla_error *err)
{
    return hekla_fail(
        err, HEKLA_IO, "%s: %s: %s", utf8_tail(f->path, PATH_SHOWN), what, strerror(why));
}

static hekla_status check_target(const struct outfile *f, struct hekla_error *err)
{
    struct stat st;
    if (stat(f->path, &st) == 0 && !S_ISREG(st.st_mode))
        return hekla_fail(err, HEKLA_IO, "%s: %s, expected the name of a file to write",
            utf8_tail(f->path, PATH_SHOWN),
            S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file");
    return HEKLA_OK;
}

/* Another run may have renamed the file between our open and our lock: then it is its result, and
 * must not be touched. */
static bool is_ours(const struct outfile *f)
{
    struct stat by_fd, by_name;
    return fstat(f->fd, &by_fd) == 0 && S_ISREG(by_fd.st_mode) &&
           lstat(f->temporary, &by_name) == 0 && by_fd.st_dev == by_name.st_dev &&
           by_fd.st_ino == by_name.st_ino;
}

static hekla_status lock(const struct outfile *f, struct hekla_error *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(f->fd, F_SETLK, &whole) != 0 && (errno == EACCES || errno == EAGAIN))
        return hekla_fail(
            err, HEKLA_IO, "%s: is being written by another run", utf8_tail(f->path, PATH_SHOWN));
    if (!is_ours(f))
        return hekla_fail(err, HEKLA_IO, "%s: its temporary file was replaced meanwhile",
            utf8_tail(f->path, PATH_SHOWN));
    return HEKLA_OK;
}

static void close_file(struct outfile *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->temporary);
    *f = (struct outfile){.fd = -1};
}

hekla_status outfile_open(struct outfile *f, const char *path, struct hekla_error *err)
{
    size_t cap = strlen(path) + sizeof(OUTFILE_SUFFIX);
    *f = (struct outfile){.path = path, .fd = -1};
    hekla_status status = check_target(f, err);
    if (status)
        return status;
    f->temporary = malloc(cap);
    if (!f->temporary)
        return hekla_fail(err, HEKLA_MEMORY, "no memory for a file name");
    snprintf(f->temporary, cap, "%s" OUTFILE_SUFFIX, path);
    f->fd = open(f->temporary, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    status = f->fd < 0 ? fail(f, "could not be created", errno, err) : lock(f, err);
    if (status) { /* the temporary file, if there is one, is somebody else's */
        close_file(f);
        return status;
    }
    if (ftruncate(f->fd, 0) != 0) {
        status = fail(f, "could not be created", errno, err);
        outfile_abandon(f);
    }
    return status;
}

hekla_status outfile_reserve(struct outfile *f, uint64_t n, struct hekla_error *err)
{
    int why;
    do
        why = posix_fallocate(f->fd, 0, (off_t)n);
    while (why == EINTR);
    if (why == EINVAL || why == EOPNOTSUPP) /* this file system cannot */
        why = ftruncate(f->fd, (off_t)n) != 0 ? errno : 0;
    if (!why)
        return HEKLA_OK;
    char what[80];
    snprintf(what, sizeof(what), "no room for its %.1f MiB", (double)n / (1 << 20));
    return fail(f, what, why, err);
}

hekla_status outfile_write(
    struct outfile *f, uint64_t offset, const void *data, uint64_t n, struct hekla_error *err)
{
    const char *p = data;
    while (n > 0) {
        ssize_t written =
            pwrite(f->fd, p, n < MOST_WRITTEN ? (size_t)n : MOST_WRITTEN, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail(f, "could not be written", written < 0 ? errno : EIO, err);
        p += written;
        n -= (uint64_t)written;
        offset += (uint64_t)written;
    }
    return HEKLA_OK;
}

/* Without this the name could survive a power failure in the old directory only. Some file systems
 * cannot do it, which is no reason to fail: the file itself is whole. */
static void sync_directory(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(copy);
}

hekla_status outfile_sync(struct outfile *f, struct hekla_error *err)
{
    return fsync(f->fd) == 0 ? HEKLA_OK : fail(f, "could not be written", errno, err);
}

hekla_status outfile_commit(struct outfile *f, struct hekla_error *err)
{
    if (rename(f->temporary, f->path) != 0) {
        hekla_status status = fail(f, "could not be put in its place", errno, err);
        outfile_abandon(f);
        return status;
    }
    sync_directory(f->path);
    close_file(f);
    return HEKLA_OK;
}

void outfile_abandon(struct outfile *f)
{
    if (f->temporary && f->fd >= 0)
        unlink(f->temporary);
    close_file(f);
}
