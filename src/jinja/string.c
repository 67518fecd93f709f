/* Strings: immutable UTF-8 that counts in code points, as Python's do. */
#include "jinja/internal.h"

const struct string *string_borrow(struct jinja *j, const char *data, size_t n, size_t chars)
{
    struct string *s = mem_alloc(j, 1, sizeof(*s));
    *s = (struct string){.data = data ? data : "", .n = n, .chars = chars};
    return s;
}

static size_t count_chars(const char *data, size_t n)
{
    size_t chars = 0;
    for (size_t i = 0; i < n; i++)
        chars += ((unsigned char)data[i] & 0xc0) != 0x80;
    return chars;
}

const struct string *string_create(struct jinja *j, const char *data, size_t n)
{
    char *copy = mem_alloc(j, n, 1);
    jinja_work(j, n / 64);
    if (n)
        memcpy(copy, data, n);
    return string_borrow(j, copy, n, count_chars(data, n));
}

const struct string *string_text(struct jinja *j, const char *text)
{
    return string_create(j, text, strlen(text));
}

const struct string *string_buffer(struct jinja *j, const struct buffer *b)
{
    jinja_work(j, b->n / 64);
    return string_borrow(j, b->data, b->n, count_chars(b->data, b->n));
}

/* The second and later additions to one string are made in place. */
const struct string *string_concat(struct jinja *j, const struct string *a, const struct string *b)
{
    bool again = a->n && a->data + a->n == j->tail;
    if (!b->n && a->markup == b->markup)
        return a;
    if (!again || (size_t)(j->tail_end - j->tail) < b->n) {
        size_t cap = again ? 2 * (a->n + b->n) : a->n + b->n;
        jinja_work(j, a->n / 64);
        char *data = mem_alloc(j, cap, 1);
        if (a->n)
            memcpy(data, a->data, a->n);
        j->tail = data + a->n;
        j->tail_end = data + cap;
    }
    jinja_work(j, b->n / 64);
    if (b->n)
        memcpy(j->tail, b->data, b->n);
    j->tail += b->n;
    return string_borrow(j, j->tail - a->n - b->n, a->n + b->n, a->chars + b->chars);
}

size_t string_offset(const struct string *s, size_t i)
{
    if (s->chars == s->n)
        return i;
    size_t at = 0;
    while (i > 0 && at < s->n) {
        at++;
        while (at < s->n && ((unsigned char)s->data[at] & 0xc0) == 0x80)
            at++;
        i--;
    }
    return at;
}

uint32_t string_code(const struct string *s, size_t *at)
{
    uint32_t code = 0;
    int n = utf8_decode(s->data + *at, s->n - *at, &code);
    *at += n > 0 ? (size_t)n : 1;
    return code;
}

size_t string_last(const struct string *s, size_t end, uint32_t *code)
{
    size_t begin = end - 1;
    while (begin > 0 && ((unsigned char)s->data[begin] & 0xc0) == 0x80)
        begin--;
    size_t at = begin;
    *code = string_code(s, &at);
    return begin;
}

const struct string *string_cut(struct jinja *j, const struct string *s, size_t from, size_t to)
{
    if (from >= to)
        return string_mark(j, string_borrow(j, "", 0, 0), s->markup);
    jinja_work(j, s->chars == s->n ? 0 : s->n / 64);
    size_t begin = string_offset(s, from), end = string_offset(s, to);
    return string_mark(j, string_borrow(j, s->data + begin, end - begin, to - from), s->markup);
}

const struct string *string_mark(struct jinja *j, const struct string *s, bool markup)
{
    if (s->markup == markup)
        return s;
    struct string *marked = mem_alloc(j, 1, sizeof(*marked));
    *marked = *s;
    marked->markup = markup;
    return marked;
}

const struct string *string_escape(struct jinja *j, const struct string *s)
{
    static const char from[] = "&<>'\"";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    struct buffer b = {0};
    if (s->markup)
        return s;
    for (size_t i = 0; i < s->n; i++) {
        const char *found = memchr(from, s->data[i], sizeof(from) - 1);
        if (found)
            buffer_text(j, &b, to[found - from]);
        else
            buffer_add(j, &b, s->data + i, 1);
    }
    jinja_work(j, s->n / 16);
    return string_mark(j, string_buffer(j, &b), true);
}

const struct string *string_intern(struct jinja *j, const char *data, size_t n)
{
    struct string probe = {.data = data, .n = n, .chars = count_chars(data, n)};
    struct value *known = dict_find(j, j->names, string_value(&probe));
    if (known)
        return known->as.s;
    struct value name = string_value(string_create(j, data, n));
    dict_set(j, j->names, name, name);
    return name.as.s;
}

bool string_equal(const struct string *a, const struct string *b)
{
    return a == b || (a->n == b->n && (!a->n || !memcmp(a->data, b->data, a->n)));
}

bool string_is(const struct string *s, const char *text)
{
    return strlen(text) == s->n && (!s->n || !memcmp(s->data, text, s->n));
}

/* The order of UTF-8 bytes is that of code points. */
int string_compare(const struct string *a, const struct string *b)
{
    size_t n = a->n < b->n ? a->n : b->n;
    int order = n ? memcmp(a->data, b->data, n) : 0;
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

size_t string_find(struct jinja *j, const struct string *a, const struct string *b, size_t from)
{
    if (from > a->n || b->n > a->n - from)
        return SIZE_MAX;
    if (!b->n)
        return from;
    for (size_t i = from; i <= a->n - b->n; i++) {
        const char *p = memchr(a->data + i, b->data[0], a->n - b->n - i + 1);
        if (!p)
            break;
        jinja_work(j, 1 + b->n / 64);
        i = (size_t)(p - a->data);
        if (!memcmp(p, b->data, b->n))
            return i;
    }
    jinja_work(j, (a->n - from) / 64);
    return SIZE_MAX;
}

size_t string_find_last(
    struct jinja *j, const struct string *a, const struct string *b, size_t before)
{
    if (b->n > before)
        return SIZE_MAX;
    jinja_work(j, (before - b->n) / 16);
    for (size_t i = before - b->n + 1; i-- > 0;)
        if (!b->n || (a->data[i] == b->data[0] && !memcmp(a->data + i, b->data, b->n)))
            return i;
    return SIZE_MAX;
}

const struct string *string_strip(
    struct jinja *j, const struct string *s, const struct string *set, int which)
{
    size_t begin = 0, end = s->n, cut = 0, at;
    uint32_t code;
    while (which <= 0 && begin < end) {
        at = begin;
        code = string_code(s, &at);
        struct string one = {.data = s->data + begin, .n = at - begin};
        if (set ? string_find(j, set, &one, 0) == SIZE_MAX : !code_is_space(code))
            break;
        begin = at;
        cut++;
    }
    while (which >= 0 && begin < end) {
        at = string_last(s, end, &code);
        struct string one = {.data = s->data + at, .n = end - at};
        if (set ? string_find(j, set, &one, 0) == SIZE_MAX : !code_is_space(code))
            break;
        end = at;
        cut++;
    }
    jinja_work(j, cut / 16);
    if (!cut)
        return s;
    return string_mark(
        j, string_borrow(j, s->data + begin, end - begin, s->chars - cut), s->markup);
}

/* An empty `from` matches before every character and at the end. */
static void replace_empty(struct jinja *j, struct buffer *b, const struct string *s,
    const struct string *to, int64_t count)
{
    size_t at = 0;
    for (;; count--) {
        if (count == 0) {
            buffer_add(j, b, s->data + at, s->n - at);
            return;
        }
        jinja_work(j, 1);
        buffer_add(j, b, to->data, to->n);
        if (at == s->n)
            return;
        size_t begin = at;
        string_code(s, &at);
        buffer_add(j, b, s->data + begin, at - begin);
    }
}

const struct string *string_replace(struct jinja *j, const struct string *s,
    const struct string *from, const struct string *to, int64_t count)
{
    struct buffer b = {0};
    size_t at = 0, found;
    if (!from->n) {
        replace_empty(j, &b, s, to, count);
        return string_mark(j, string_buffer(j, &b), s->markup);
    }
    for (; count != 0 && (found = string_find(j, s, from, at)) != SIZE_MAX; count--) {
        jinja_work(j, 1);
        buffer_add(j, &b, s->data + at, found - at);
        buffer_add(j, &b, to->data, to->n);
        at = found + from->n;
    }
    if (!at)
        return s;
    buffer_add(j, &b, s->data + at, s->n - at);
    return string_mark(j, string_buffer(j, &b), s->markup);
}
