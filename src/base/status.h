/* base/status: error text. The caller owns `struct hekla_error`; the first message wins. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include "hekla/hekla.h"

/* Writes code and text into err (may be NULL; kept if it holds an error already); returns code. */
hekla_status hekla_fail(struct hekla_error *err, hekla_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void hekla_error_clear(struct hekla_error *err);

#endif
