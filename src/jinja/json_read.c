/* JSON text as values: what Python's json.loads takes, but for NaN and infinities. */
#include "jinja/internal.h"

#include <errno.h>
#include <stdlib.h>

enum { MAX_NESTING = 200 };

struct reader {
    struct jinja *j;
    const char *what, *text;
    size_t n, at;
    uint32_t level;
};

static _Noreturn void fail(struct reader *r, const char *expected)
{
    if (r->at >= r->n)
        jinja_raise(r->j, "%s: it ends where %s is expected", r->what, expected);
    jinja_raise(r->j, "%s: \"%s\" at offset %llu, expected %s", r->what,
        utf8_label(r->text + r->at, r->n - r->at < 12 ? r->n - r->at : 12).text, (ull)r->at,
        expected);
}

static int peek(struct reader *r)
{
    while (r->at < r->n && memchr(" \t\r\n", r->text[r->at], 4))
        r->at++;
    return r->at < r->n ? (unsigned char)r->text[r->at] : -1;
}

static bool skip(struct reader *r, char c)
{
    if (peek(r) != (unsigned char)c)
        return false;
    r->at++;
    return true;
}

static uint32_t read_hex(struct reader *r)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int c = r->at < r->n ? (unsigned char)r->text[r->at] : -1;
        int digit = c >= '0' && c <= '9'                 ? c - '0'
                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                         : -1;
        if (c < 0 || digit < 0)
            fail(r, "four hexadecimal digits");
        code = code << 4 | (uint32_t)digit;
    }
    return code;
}

static void read_escape(struct reader *r, struct buffer *b)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found = r->at < r->n ? memchr(from, r->text[r->at], sizeof(from) - 1) : NULL;
    if (found) {
        buffer_add(r->j, b, &to[found - from], 1);
        r->at++;
        return;
    }
    if (r->at >= r->n || r->text[r->at] != 'u')
        fail(r, "an escape such as \\n");
    r->at++;
    uint32_t code = read_hex(r);
    if (code >= 0xd800 && code < 0xdc00 && r->n - r->at >= 2 && r->text[r->at] == '\\' &&
        r->text[r->at + 1] == 'u') {
        r->at += 2;
        uint32_t low = read_hex(r);
        if (low < 0xdc00 || low > 0xdfff)
            jinja_raise(r->j, "%s: half a surrogate pair before offset %llu", r->what, (ull)r->at);
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code >= 0xd800 && code <= 0xdfff)
        jinja_raise(r->j, "%s: half a surrogate pair before offset %llu", r->what, (ull)r->at);
    buffer_code(r->j, b, code);
}

static const struct string *read_string(struct reader *r)
{
    struct buffer b = {0};
    if (!skip(r, '"'))
        fail(r, "a string");
    for (;;) {
        size_t begin = r->at;
        while (r->at < r->n && r->text[r->at] != '"' && r->text[r->at] != '\\' &&
               (unsigned char)r->text[r->at] >= 0x20)
            r->at++;
        buffer_add(r->j, &b, r->text + begin, r->at - begin);
        if (r->at >= r->n || (unsigned char)r->text[r->at] < 0x20)
            fail(r, "the end of a string");
        if (r->text[r->at++] == '"')
            return string_buffer(r->j, &b);
        read_escape(r, &b);
    }
}

static size_t digits(struct reader *r)
{
    size_t begin = r->at;
    while (r->at < r->n && r->text[r->at] >= '0' && r->text[r->at] <= '9')
        r->at++;
    return r->at - begin;
}

static struct value read_number(struct reader *r)
{
    char text[64];
    size_t begin = r->at;
    bool real = false;
    r->at += r->text[r->at] == '-';
    size_t first = r->at, n = digits(r);
    if (!n || (n > 1 && r->text[first] == '0')) {
        r->at = first;
        fail(r, "a number");
    }
    if (r->at < r->n && r->text[r->at] == '.') {
        real = true;
        r->at++;
        if (!digits(r))
            fail(r, "a digit");
    }
    if (r->at < r->n && (r->text[r->at] | 32) == 'e') {
        real = true;
        r->at++;
        if (r->at < r->n && (r->text[r->at] == '+' || r->text[r->at] == '-'))
            r->at++;
        if (!digits(r))
            fail(r, "a digit");
    }
    if (r->at - begin >= sizeof(text))
        jinja_raise(r->j, "%s: the number at offset %llu is too long", r->what, (ull)begin);
    memcpy(text, r->text + begin, r->at - begin);
    text[r->at - begin] = 0;
    errno = 0;
    if (real)
        return float_value(strtod(text, NULL));
    int64_t i = strtoll(text, NULL, 10);
    if (errno)
        jinja_raise(
            r->j, "%s: the number at offset %llu does not fit 64 bits", r->what, (ull)begin);
    return int_value(i);
}

static struct value read_value(struct reader *r);

static struct value read_list(struct reader *r)
{
    struct list *list = list_create(r->j);
    r->at++;
    if (skip(r, ']'))
        return list_value(list);
    do
        list_add(r->j, list, read_value(r));
    while (skip(r, ','));
    if (!skip(r, ']'))
        fail(r, "\",\" or \"]\"");
    return list_value(list);
}

static struct value read_dict(struct reader *r)
{
    struct dict *d = dict_create(r->j);
    r->at++;
    if (skip(r, '}'))
        return dict_value(d);
    do {
        peek(r);
        struct value key = string_value(read_string(r));
        if (!skip(r, ':'))
            fail(r, "\":\"");
        dict_set(r->j, d, key, read_value(r));
    } while (skip(r, ','));
    if (!skip(r, '}'))
        fail(r, "\",\" or \"}\"");
    return dict_value(d);
}

static struct value read_word(struct reader *r)
{
    static const char *const words[] = {"null", "true", "false"};
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if (r->n - r->at >= n && !memcmp(r->text + r->at, words[i], n)) {
            r->at += n;
            return i ? bool_value(i == 1) : NONE;
        }
    }
    fail(r, "a JSON value");
}

static struct value read_value(struct reader *r)
{
    struct value v;
    int c = peek(r);
    jinja_work(r->j, 1);
    if (++r->level > MAX_NESTING)
        jinja_raise(
            r->j, "%s: nested more than %d deep at offset %llu", r->what, MAX_NESTING, (ull)r->at);
    if (c == '{')
        v = read_dict(r);
    else if (c == '[')
        v = read_list(r);
    else if (c == '"')
        v = string_value(read_string(r));
    else if (c == '-' || (c >= '0' && c <= '9'))
        v = read_number(r);
    else
        v = read_word(r);
    r->level--;
    return v;
}

struct value json_read(struct jinja *j, const char *what, const char *text, size_t n)
{
    struct reader r = {.j = j, .what = what, .text = text, .n = n};
    size_t bad = utf8_check(text, n);
    if (bad < n)
        jinja_raise(j, "%s: not valid UTF-8: byte 0x%02x at offset %llu", what,
            (unsigned char)text[bad], (ull)bad);
    struct value v = read_value(&r);
    if (peek(&r) >= 0)
        fail(&r, "the end");
    return v;
}
