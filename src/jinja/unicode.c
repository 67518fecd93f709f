/* What characters are, and their other case, as Python's str methods see it. */
#include "jinja/internal.h"
#include "jinja/unicode_tables.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool in_ranges(uint32_t c, const struct code_range *ranges, size_t n)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && c >= ranges[low].first;
}

bool code_is_alpha(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return in_ranges(c, alpha_ranges, COUNT(alpha_ranges));
}

bool code_is_digit(uint32_t c)
{
    return c < 0x80 ? c >= '0' && c <= '9' : in_ranges(c, digit_ranges, COUNT(digit_ranges));
}

bool code_is_numeric(uint32_t c)
{
    return code_is_digit(c) || in_ranges(c, numeric_ranges, COUNT(numeric_ranges));
}

/* Python adds the information separators to the White_Space property. */
bool code_is_space(uint32_t c)
{
    return utf8_is_space(c) || (c >= 0x1c && c <= 0x1f);
}

bool code_is_printable(uint32_t c)
{
    return c < 0x7f ? c >= 0x20 : !in_ranges(c, hidden_ranges, COUNT(hidden_ranges));
}

static uint32_t shift(uint32_t c, const struct code_shift *rows, size_t n)
{
    for (size_t i = 0; i < n && rows[i].first <= c; i++)
        if (c <= rows[i].last && (c - rows[i].first) % rows[i].step == 0)
            return (uint32_t)((int32_t)c + rows[i].delta);
    return c;
}

static size_t special(uint32_t c, const struct code_special *rows, size_t n, uint32_t out[3])
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++)
        if (rows[i].code == c)
            while (length < 3 && rows[i].out[length]) {
                out[length] = rows[i].out[length];
                length++;
            }
    return length;
}

size_t code_case(uint32_t c, enum case_kind kind, uint32_t out[3])
{
    size_t n = 0;
    out[0] = c;
    if (c < 0x80) {
        if (kind == CASE_LOWER ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z')
            out[0] = c ^ 0x20;
        return 1;
    }
    if (kind == CASE_LOWER) {
        if (c == 0x130) { /* the one letter that becomes two */
            out[0] = 'i';
            out[1] = 0x307;
            return 2;
        }
        out[0] = shift(c, lower_shifts, COUNT(lower_shifts));
        return 1;
    }
    if (kind == CASE_TITLE)
        n = special(c, title_specials, COUNT(title_specials), out);
    if (!n)
        n = special(c, upper_specials, COUNT(upper_specials), out);
    if (n)
        return n;
    out[0] = shift(c, upper_shifts, COUNT(upper_shifts));
    return 1;
}

bool code_is_upper(uint32_t c)
{
    uint32_t lower[3], title[3];
    code_case(c, CASE_LOWER, lower);
    code_case(c, CASE_TITLE, title);
    return lower[0] != c && title[0] == c && (code_is_alpha(c) || c >= 0x2160) &&
           shift(c, upper_shifts, COUNT(upper_shifts)) == c;
}

bool code_is_lower(uint32_t c)
{
    uint32_t upper[3];
    if (c == 0xaa || c == 0xba || c == 0x138)
        return true;
    return (code_case(c, CASE_UPPER, upper) > 1 || upper[0] != c) && !code_is_upper(c) &&
           c != 0x345;
}

static void add_case(struct jinja *j, struct buffer *b, uint32_t c, enum case_kind kind)
{
    uint32_t out[3];
    size_t n = code_case(c, kind, out);
    for (size_t i = 0; i < n; i++)
        buffer_code(j, b, out[i]);
}

/* A sigma that ends a word is written otherwise. */
static bool is_final_sigma(const struct string *s, size_t begin, size_t end)
{
    uint32_t before = 0, after = 0;
    if (begin > 0)
        string_last(s, begin, &before);
    if (end < s->n)
        after = string_code(s, &end);
    return code_is_alpha(before) && !code_is_alpha(after);
}

const struct string *string_case(struct jinja *j, const struct string *s, enum case_kind kind)
{
    struct buffer b = {0};
    bool inside = false; /* a word, for titles */
    jinja_work(j, s->n / 8);
    for (size_t at = 0; at < s->n;) {
        size_t begin = at;
        uint32_t c = string_code(s, &at);
        enum case_kind now = kind == CASE_TITLE && inside ? CASE_LOWER : kind;
        if (now == CASE_LOWER && c == 0x3a3 && is_final_sigma(s, begin, at))
            buffer_code(j, &b, 0x3c2);
        else
            add_case(j, &b, c, now);
        inside = code_is_upper(c) || code_is_lower(c);
    }
    return string_mark(j, string_buffer(j, &b), s->markup);
}

const struct string *string_capitalize(struct jinja *j, const struct string *s)
{
    struct buffer b = {0};
    if (!s->n)
        return s;
    size_t at = 0;
    add_case(j, &b, string_code(s, &at), CASE_TITLE);
    struct string rest = {.data = s->data + at, .n = s->n - at, .chars = s->chars - 1};
    const struct string *lower = string_case(j, &rest, CASE_LOWER);
    buffer_add(j, &b, lower->data, lower->n);
    return string_mark(j, string_buffer(j, &b), s->markup);
}
