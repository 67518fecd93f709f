/* What both kinds of patterns do with a value. */
#include "jinja/format.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

static void pad(struct jinja *j, struct buffer *b, const struct spec *s, int64_t n)
{
    jinja_work(j, n > 0 ? (uint64_t)n : 0);
    for (; n > 0; n--) {
        if (s->fill)
            buffer_add(j, b, s->fill->data, s->fill->n);
        else
            buffer_text(j, b, " ");
    }
}

/* prefix: a sign and such, which "=" puts before the padding. */
static void put(struct jinja *j, struct buffer *b, const struct spec *s, const char *prefix,
    const struct string *body, char usual)
{
    int64_t room = s->width - (int64_t)(strlen(prefix) + body->chars);
    char align = s->align ? s->align : usual;
    int64_t before = room <= 0 || align == '<' ? 0 : align == '^' ? room / 2 : room;
    if (align != '=')
        pad(j, b, s, before);
    buffer_text(j, b, prefix);
    if (align == '=')
        pad(j, b, s, before);
    buffer_add(j, b, body->data, body->n);
    if (align == '<' || align == '^')
        pad(j, b, s, room - before);
}

static const char *sign_of(const struct spec *s, bool negative)
{
    return negative ? "-" : s->sign == '+' ? "+" : s->sign == ' ' ? " " : "";
}

/* The digits with a separator each three (or, of other bases, four) before any point. */
static const struct string *group(struct jinja *j, const char *digits, char separator, int each)
{
    struct buffer b = {0};
    size_t whole = strspn(digits, "0123456789abcdefABCDEF");
    for (size_t i = 0; i < whole; i++) {
        if (separator && i && (whole - i) % (size_t)each == 0)
            buffer_add(j, &b, &separator, 1);
        buffer_add(j, &b, digits + i, 1);
    }
    buffer_text(j, &b, digits + whole);
    return string_buffer(j, &b);
}

void format_integer(struct jinja *j, struct buffer *b, const struct spec *s, int64_t i)
{
    char digits[72], prefix[8];
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    size_t n = sizeof(digits) - 1;
    unsigned base = s->type == 'x' || s->type == 'X' ? 16
                    : s->type == 'o'                 ? 8
                    : s->type == 'b'                 ? 2
                                                     : 10;
    digits[n] = 0;
    do
        digits[--n] = (s->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[u % base];
    while ((u /= base) != 0);
    while (s->precision > 0 && n > 1 && (int64_t)(sizeof(digits) - 1 - n) < s->precision)
        digits[--n] = '0';
    snprintf(prefix, sizeof(prefix), "%s%s%.1s", sign_of(s, i < 0),
        s->alternate && base != 10 ? "0" : "", s->alternate && base != 10 ? &s->type : "");
    put(j, b, s, prefix, group(j, digits + n, s->grouping, base == 10 ? 3 : 4), '>');
}

void format_float(struct jinja *j, struct buffer *b, const struct spec *s, double f)
{
    char text[512], pattern[16];
    struct buffer shortest = {0};
    int precision = (int)(s->precision < 0 ? 6 : s->precision > 100 ? 100 : s->precision);
    char type = s->type == '%' ? 'f' : s->type == 'n' ? 'g' : s->type;
    double value = fabs(s->type == '%' ? f * 100 : f);
    if (!type && s->precision < 0) {
        print_float(j, &shortest, value);
        snprintf(text, sizeof(text), "%.*s", (int)shortest.n, shortest.data);
    } else {
        snprintf(pattern, sizeof(pattern), "%%%s.*%c", s->alternate ? "#" : "", type ? type : 'g');
        snprintf(text, sizeof(text), pattern, precision, value);
        if (!type && !strpbrk(text, ".en")) /* no type: always looks like a float */
            strcat(text, ".0");
    }
    if (s->type == '%')
        strcat(text, "%");
    put(j, b, s, sign_of(s, signbit(f) && !isnan(f)), group(j, text, s->grouping, 3), '>');
}

void format_string(
    struct jinja *j, struct buffer *b, const struct spec *s, const struct string *text, char usual)
{
    if (s->precision >= 0 && (size_t)s->precision < text->chars)
        text = string_cut(j, text, 0, (size_t)s->precision);
    put(j, b, s, "", text, usual);
}
