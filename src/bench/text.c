/* Text that grows. */
#include "bench/bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct bench_text *t, size_t more)
{
    if (t->failed || t->n + more + 1 <= t->capacity)
        return !t->failed;
    size_t capacity = 2 * (t->n + more) + 1024;
    char *data = realloc(t->data, capacity);
    t->failed = !data;
    if (data) {
        t->data = data;
        t->capacity = capacity;
    }
    return data != NULL;
}

void bench_printf(struct bench_text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n >= 0 && reserve(t, (size_t)n)) {
        vsnprintf(t->data + t->n, (size_t)n + 1, format, again);
        t->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void bench_print_escaped(struct bench_text *t, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        const char *name = c == '<'   ? "&lt;"
                           : c == '>' ? "&gt;"
                           : c == '&' ? "&amp;"
                           : c == '"' ? "&quot;"
                                      : NULL;
        if (name)
            bench_printf(t, "%s", name);
        else
            bench_printf(t, "%c", c < 0x20 || c == 0x7f ? ' ' : c);
    }
}

void bench_text_free(struct bench_text *t)
{
    free(t->data);
    *t = (struct bench_text){0};
}
