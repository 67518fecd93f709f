/* Memory, limits, and the way out. */
#include "jinja/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 * 1024 };

void jinja_raise_status(struct jinja *j, hekla_status status, const char *text)
{
    j->status = status;
    snprintf(j->message, sizeof(j->message), "%s", text);
    longjmp(j->leave, 1);
}

void jinja_raise(struct jinja *j, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    j->status = HEKLA_FORMAT;
    vsnprintf(j->message, sizeof(j->message), format, args);
    va_end(args);
    longjmp(j->leave, 1);
}

void *mem_alloc(struct jinja *j, size_t n, size_t item)
{
    const size_t align = sizeof(max_align_t);
    if (n > j->limits.bytes / item || n * item > j->limits.bytes - j->bytes)
        jinja_raise(j, "it needs more than %llu MiB of memory, the most a template may use",
            (ull)(j->limits.bytes >> 20));
    size_t size = (n * item + align - 1) / align * align;
    if ((size_t)(j->end - j->top) < size) {
        size_t block = size > BLOCK_BYTES / 4 ? size : BLOCK_BYTES;
        char *p = arena_alloc(&j->arena, block, 1);
        if (!p)
            jinja_raise_status(j, HEKLA_MEMORY, "there is no memory for it");
        j->bytes += block;
        if (block == size)
            return p;
        j->top = p;
        j->end = p + block;
    }
    void *p = j->top;
    j->top += size;
    return p;
}

void jinja_work(struct jinja *j, uint64_t n)
{
    if (n > j->limits.steps - j->steps)
        jinja_raise(
            j, "it takes more than %llu steps, the most a template may take", (ull)j->limits.steps);
    j->steps += n;
}

void jinja_enter(struct jinja *j)
{
    if (j->depth >= j->limits.depth)
        jinja_raise(
            j, "it is nested more than %u deep, the most a template may be", j->limits.depth);
    j->depth++;
}

void buffer_add(struct jinja *j, struct buffer *b, const char *data, size_t n)
{
    jinja_work(j, n / 64);
    if (b->cap - b->n < n) {
        size_t cap = b->cap ? b->cap : 128;
        while (cap - b->n < n)
            cap *= 2; /* n is within the memory limit or the next line raises */
        char *grown = mem_alloc(j, cap, 1);
        if (b->n)
            memcpy(grown, b->data, b->n);
        b->data = grown;
        b->cap = cap;
    }
    if (n)
        memcpy(b->data + b->n, data, n);
    b->n += n;
}

void buffer_text(struct jinja *j, struct buffer *b, const char *text)
{
    buffer_add(j, b, text, strlen(text));
}

void buffer_code(struct jinja *j, struct buffer *b, uint32_t code)
{
    char bytes[4];
    size_t n = utf8_encode(code, bytes);
    if (!n)
        jinja_raise(j, "U+%04X is no character that text can hold", code);
    buffer_add(j, b, bytes, n);
}

void buffer_format(struct jinja *j, struct buffer *b, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buffer_text(j, b, text);
}

struct utf8_label string_label(const struct string *s)
{
    return utf8_label(s->data, s->n);
}
