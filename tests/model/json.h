/* Reads the goldens' JSON in place: values are pointers into the text. Not a validating parser. */
#ifndef TESTS_JSON_H
#define TESTS_JSON_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline const char *json_space(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* Past the string that begins at p. */
static inline const char *json_skip_string(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p ? p + 1 : p;
}

/* Past the value that begins at p. */
static inline const char *json_skip(const char *p)
{
    size_t depth = 0;
    do {
        p = json_space(p);
        if (*p == '"') {
            p = json_skip_string(p);
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            depth--;
            p++;
        } else if (*p == ',' || *p == ':') {
            p++;
        } else {
            p += strcspn(p, ",:]} \t\r\n");
        }
    } while (depth && *p);
    return p;
}

/* The first item of an array, the next one after an item; NULL at the end. */
static inline const char *json_first(const char *array)
{
    const char *p = array && *array == '[' ? json_space(array + 1) : "";
    return *p && *p != ']' ? p : NULL;
}
static inline const char *json_next(const char *item)
{
    const char *p = json_space(json_skip(item));
    return *p == ',' ? json_space(p + 1) : NULL;
}

/* The value of a key of an object, or NULL. */
static inline const char *json_get(const char *object, const char *key)
{
    const char *p = object && *object == '{' ? json_space(object + 1) : "";
    size_t n = strlen(key);
    while (*p == '"') {
        const char *name = p + 1, *end = json_skip_string(p);
        const char *value = json_space(json_space(end) + 1); /* past the colon */
        if ((size_t)(end - name) == n + 1 && !memcmp(name, key, n))
            return value;
        p = json_space(json_skip(value));
        p = *p == ',' ? json_space(p + 1) : "";
    }
    return NULL;
}

/* A string without its quotes and with simple escapes undone; "" if there is none. */
static inline void json_string(const char *p, char *out, size_t cap)
{
    size_t n = 0;
    for (p = p && *p == '"' ? p + 1 : ""; *p && *p != '"' && n + 1 < cap; p++) {
        bool escaped = *p == '\\' && p[1];
        p += escaped;
        out[n++] = escaped && *p == 'n' ? '\n' : *p;
    }
    out[n] = 0;
}

/* Numbers of an array; returns how many. */
static inline size_t json_numbers(const char *array, double *out, size_t cap)
{
    size_t n = 0;
    for (const char *p = json_first(array); p && n < cap; p = json_next(p))
        out[n++] = strtod(p, NULL);
    return n;
}

/* A number; NaN, which fails every comparison, if there is none. */
static inline double json_number(const char *p)
{
    return strtod(p ? p : "nan", NULL);
}

static inline size_t json_ids(const char *array, int *out, size_t cap)
{
    size_t n = 0;
    for (const char *p = json_first(array); p && n < cap; p = json_next(p))
        out[n++] = (int)strtol(p, NULL, 10);
    return n;
}

#endif
