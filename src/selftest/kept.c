#include "selftest/kept.h"

#include "base/hash.h"
#include "kernels/kernels.h"
#include "selftest/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { END = 22 }; /* bytes of the last line, and the newline before it */

uint64_t kept_key(const struct gpu_device *dev)
{
    return hash_u64(kernels_hash() ^ hash_bytes(gpu_device_caps(dev), sizeof(struct gpu_caps)));
}

char *kept_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = 0;
    *at = end + 1;
    return line;
}

/* The lines after the driver's, of a text that is as it was written; NULL: it is not. */
static char *check(char *text, size_t n, const char *header, const struct gpu_identity *id,
    char driver[256], bool *same)
{
    uint64_t sum;
    uint32_t version;
    char *end = n > END ? text + n - END : NULL, *line;
    if (!end || strlen(text) != n || strncmp(text, header, strlen(header)) != 0 ||
        sscanf(end, "\nend %16" SCNx64 "\n", &sum) != 1 || sum != hash_bytes(text, n - END + 1))
        return NULL;
    end[1] = 0;
    text += strlen(header);
    line = kept_line(&text);
    if (!line || sscanf(line, "driver %" SCNu32 " %255[^\n]", &version, driver) != 2)
        return NULL;
    *same = version == id->driver_version && strcmp(driver, id->driver) == 0;
    return text;
}

char *kept_read(const char *path, const char *header, const struct gpu_device *dev,
    char driver[256], bool *same)
{
    char *text = malloc(KEPT_LARGEST + 1), *lines = NULL;
    FILE *file = text ? fopen(path, "rb") : NULL;
    if (file) {
        size_t n = fread(text, 1, KEPT_LARGEST, file);
        text[n] = 0;
        lines = check(text, n, header, gpu_device_identity(dev), driver, same);
        fclose(file);
    }
    if (lines)
        memmove(text, lines, strlen(lines) + 1);
    else
        free(text);
    return lines ? text : NULL;
}

static void make_folders(const char *path)
{
    char part[SELFTEST_PATH];
    for (size_t i = 1; path[i]; i++)
        if (path[i] == '/') {
            snprintf(part, sizeof(part), "%.*s", (int)i, path);
            mkdir(part, 0777); /* what is missing afterwards shows when the file is opened */
        }
}

/* False: errno says why. */
static bool write_text(const char *path, const char *text, size_t n)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(text, 1, n, file) == n;
    int error = errno;
    if (file && fclose(file) != 0) {
        error = ok ? errno : error;
        ok = false;
    }
    errno = error;
    return ok;
}

hekla_status kept_write(const char *path, const char *header, const struct gpu_device *dev,
    const char *lines, struct hekla_error *err)
{
    const struct gpu_identity *id = gpu_device_identity(dev);
    char temporary[SELFTEST_PATH + 32];
    char *text = malloc(KEPT_LARGEST);
    if (!text)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory to write %s", path);
    int n = snprintf(text, KEPT_LARGEST - END, "%sdriver %" PRIu32 " %s\n%s", header,
        id->driver_version, id->driver, lines);
    if (n < 0 || n >= KEPT_LARGEST - END) {
        free(text);
        return hekla_fail(err, HEKLA_IO, "%s would be too large", path);
    }
    n += snprintf(text + n, END, "end %016" PRIx64 "\n", hash_bytes(text, (size_t)n));
    make_folders(path);
    snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
    bool ok = write_text(temporary, text, (size_t)n) && rename(temporary, path) == 0;
    int error = errno;
    if (!ok)
        unlink(temporary);
    free(text);
    return ok ? HEKLA_OK
              : hekla_fail(err, HEKLA_IO, "%s could not be written: %s", path, strerror(error));
}
