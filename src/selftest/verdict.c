/* The file of verdicts. */
#include "selftest/verdict.h"

#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char header[] = "hekla self-test 1\n";
enum { LARGEST_FILE = 64 * 1024 };

/* Capabilities decide which kernels and constants are chosen, so they are part of the key. */
static uint64_t build_key(const struct gpu_device *dev)
{
    return hash_u64(kernels_hash() ^ hash_bytes(gpu_device_caps(dev), sizeof(struct gpu_caps)));
}

bool verdict_path(
    char out[SELFTEST_PATH], const char *folder, const struct gpu_device *dev, uint32_t row_class)
{
    const struct gpu_identity *id = gpu_device_identity(dev);
    int n =
        snprintf(out, SELFTEST_PATH, "%s/selftest-%s-%" PRIu32 "-%016" PRIx64 "-%" PRIu32 ".txt",
            folder, id->uuid, id->driver_id, build_key(dev), 1024u << row_class);
    return n > 0 && n < SELFTEST_PATH;
}

bool verdict_find_row(const char *kernel, const char *quant, enum kernel *k, int *q)
{
    struct selftest_set all;
    selftest_set_all(&all, NULL);
    for (int i = 0; i <= K_COUNT; i++) {
        const char *name = i == K_copy ? "copy" : kernel_rows[i].name;
        if (strcmp(name, kernel) != 0)
            continue;
        *k = (enum kernel)i;
        for (*q = -1; *q < QT_COUNT; ++*q)
            if (strcmp(*q < 0 ? "-" : quant_types[*q].name, quant) == 0)
                return all.has[i][*q + 1];
    }
    return false;
}

static bool parse_verdict(const char *text, uint8_t *out)
{
    for (int v = HEKLA_VERDICT_PASSED; v <= HEKLA_VERDICT_HUNG; v++)
        if (strcmp(hekla_verdict_text((enum hekla_verdict)v), text) == 0) {
            *out = (uint8_t)v;
            return true;
        }
    return false;
}

/* The next line, with its end replaced by 0; NULL: there is none. */
static char *next_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = 0;
    *at = end + 1;
    return line;
}

static bool parse(char *text, size_t n, const struct gpu_identity *id, struct kernel_verdicts *out,
    char driver[256], bool *same_driver)
{
    uint64_t check;
    uint32_t version;
    char *end = n > 22 ? text + n - 22 : NULL, *line;
    if (!end || strlen(text) != n || strncmp(text, header, strlen(header)) != 0 ||
        sscanf(end, "\nend %16" SCNx64 "\n", &check) != 1 || check != hash_bytes(text, n - 21))
        return false;
    end[1] = 0;
    text += strlen(header);
    line = next_line(&text);
    if (!line || sscanf(line, "driver %" SCNu32 " %255[^\n]", &version, driver) != 2)
        return false;
    *same_driver = version == id->driver_version && strcmp(driver, id->driver) == 0;
    while ((line = next_line(&text))) {
        char kernel[32], quant[32], word[32];
        enum kernel k;
        int q;
        if (sscanf(line, "%31s %31s %31s", kernel, quant, word) != 3 ||
            !verdict_find_row(kernel, quant, &k, &q) || !parse_verdict(word, &out->of[k][q + 1]))
            return false;
    }
    return true;
}

void verdict_read(const char *path, const struct gpu_device *dev, struct kernel_verdicts *out,
    char old_driver[256])
{
    bool same = false;
    char *text = malloc(LARGEST_FILE + 1);
    FILE *file = text ? fopen(path, "rb") : NULL;
    memset(out, 0, sizeof(*out));
    old_driver[0] = 0;
    if (file) {
        size_t n = fread(text, 1, LARGEST_FILE, file);
        text[n] = 0;
        bool valid = parse(text, n, gpu_device_identity(dev), out, old_driver, &same);
        if (!valid || !same)
            memset(out, 0, sizeof(*out));
        if (!valid || same)
            old_driver[0] = 0;
        fclose(file);
    }
    free(text);
}

__attribute__((format(printf, 3, 4))) static size_t append(
    char *out, size_t used, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out + used, LARGEST_FILE - used, format, args);
    va_end(args);
    return n < 0 || used + (size_t)n >= LARGEST_FILE ? LARGEST_FILE - 1 : used + (size_t)n;
}

static size_t print(
    char *out, const struct gpu_identity *id, const struct kernel_verdicts *verdicts)
{
    size_t n = append(out, 0, "%sdriver %" PRIu32 " %s\n", header, id->driver_version, id->driver);
    for (int k = 0; k <= K_COUNT; k++)
        for (int q = -1; q < QT_COUNT; q++)
            if (verdicts->of[k][q + 1] != HEKLA_VERDICT_UNTESTED)
                n = append(out, n, "%s %s %s\n", k == K_copy ? "copy" : kernel_rows[k].name,
                    q < 0 ? "-" : quant_types[q].name,
                    hekla_verdict_text((enum hekla_verdict)verdicts->of[k][q + 1]));
    return append(out, n, "end %016" PRIx64 "\n", hash_bytes(out, n));
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

hekla_status verdict_write(const char *path, const struct gpu_device *dev,
    const struct kernel_verdicts *verdicts, struct hekla_error *err)
{
    char temporary[SELFTEST_PATH + 32];
    char *text = malloc(LARGEST_FILE);
    if (!text)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for the verdicts");
    size_t n = print(text, gpu_device_identity(dev), verdicts);
    make_folders(path);
    snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
    FILE *file = fopen(temporary, "wb");
    bool ok = file && fwrite(text, 1, n, file) == n;
    int error = errno;
    if (file && fclose(file) != 0) {
        error = ok ? errno : error;
        ok = false;
    }
    if (ok && rename(temporary, path) != 0) {
        error = errno;
        ok = false;
    }
    if (!ok && file)
        unlink(temporary);
    free(text);
    return ok ? HEKLA_OK
              : hekla_fail(err, HEKLA_IO, "%s could not be written: %s", path, strerror(error));
}
