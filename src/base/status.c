#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *hekla_version(void)
{
    return HEKLA_VERSION;
}

const char *hekla_status_text(hekla_status status)
{
    static const char *const texts[] = {
#define X(name, text) text,
        HEKLA_STATUS_LIST(X)
#undef X
    };
    size_t i = (size_t)status;
    return i < sizeof(texts) / sizeof(texts[0]) ? texts[i] : "unknown status";
}

const char *hekla_verdict_text(enum hekla_verdict verdict)
{
    static const char *const texts[] = {
#define X(name, text) text,
        HEKLA_VERDICT_LIST(X)
#undef X
    };
    size_t i = (size_t)verdict;
    return i < sizeof(texts) / sizeof(texts[0]) ? texts[i] : "unknown verdict";
}

hekla_status hekla_fail(struct hekla_error *err, hekla_status code, const char *format, ...)
{
    if (err && err->code == HEKLA_OK) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
        /* File names and keys come from outside: keep the promise of one printable line. */
        for (char *p = err->text; *p; p++)
            if ((unsigned char)*p < 0x20 || *p == 0x7f)
                *p = '?';
    }
    return code;
}

void hekla_error_clear(struct hekla_error *err)
{
    if (err) {
        err->code = HEKLA_OK;
        err->text[0] = 0;
    }
}
