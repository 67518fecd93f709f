/* The file of verdicts. */
#include "selftest/verdict.h"

#include "selftest/kept.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char header[] = "hekla self-test 1\n";

bool verdict_path(
    char out[SELFTEST_PATH], const char *folder, const struct gpu_device *dev, uint32_t row_class)
{
    const struct gpu_identity *id = gpu_device_identity(dev);
    int n =
        snprintf(out, SELFTEST_PATH, "%s/selftest-%s-%" PRIu32 "-%016" PRIx64 "-%" PRIu32 ".txt",
            folder, id->uuid, id->driver_id, kept_key(dev), 1024u << row_class);
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

static bool parse_line(const char *line, struct kernel_verdicts *out)
{
    char kernel[32], quant[32], word[32];
    enum kernel k;
    int q;
    return sscanf(line, "%31s %31s %31s", kernel, quant, word) == 3 &&
           verdict_find_row(kernel, quant, &k, &q) && parse_verdict(word, &out->of[k][q + 1]);
}

void verdict_read(const char *path, const struct gpu_device *dev, struct kernel_verdicts *out,
    char old_driver[256])
{
    bool same = false, valid = true;
    char *text = kept_read(path, header, dev, old_driver, &same), *at = text, *line;
    memset(out, 0, sizeof(*out));
    while (text && valid && (line = kept_line(&at)))
        valid = parse_line(line, out);
    if (!text || !valid || !same)
        memset(out, 0, sizeof(*out));
    if (!text || !valid || same)
        old_driver[0] = 0;
    free(text);
}

hekla_status verdict_write(const char *path, const struct gpu_device *dev,
    const struct kernel_verdicts *verdicts, struct hekla_error *err)
{
    char *text = calloc(1, KEPT_LARGEST);
    size_t n = 0;
    if (!text)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for the verdicts");
    for (int k = 0; k <= K_COUNT; k++)
        for (int q = -1; q < QT_COUNT; q++)
            if (verdicts->of[k][q + 1] != HEKLA_VERDICT_UNTESTED && n < KEPT_LARGEST)
                n += (size_t)snprintf(text + n, KEPT_LARGEST - n, "%s %s %s\n",
                    k == K_copy ? "copy" : kernel_rows[k].name, q < 0 ? "-" : quant_types[q].name,
                    hekla_verdict_text((enum hekla_verdict)verdicts->of[k][q + 1]));
    hekla_status status = kept_write(path, header, dev, text, err);
    free(text);
    return status;
}
