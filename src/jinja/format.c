/* Text made by patterns: "%d" % x and "{}".format(x). */
#include "jinja/internal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

enum { MAX_WIDTH = 100000 };

/* What a conversion asks for; both kinds of patterns are brought to it. */
struct spec {
    const struct string *fill; /* one character */
    char align;                /* < > ^ = or 0: as the type has it */
    char sign;                 /* + - or a blank */
    bool alternate;            /* # */
    char grouping;             /* , _ or 0 */
    int64_t width, precision;  /* -1: none */
    char type;
};

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

static void put_integer(struct jinja *j, struct buffer *b, const struct spec *s, int64_t i)
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

static void put_float(struct jinja *j, struct buffer *b, const struct spec *s, double f)
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

static void put_string(
    struct jinja *j, struct buffer *b, const struct spec *s, const struct string *text, char usual)
{
    if (s->precision >= 0 && (size_t)s->precision < text->chars)
        text = string_cut(j, text, 0, (size_t)s->precision);
    put(j, b, s, "", text, usual);
}

/* ---- text % args ----------------------------------------------------------------------------- */

struct percent {
    const struct string *format;
    size_t at;
    struct value args;
    size_t used; /* of a tuple; of anything else: 1 if it was used */
};

static struct value next_argument(struct jinja *j, struct percent *p)
{
    bool tuple = p->args.type == V_TUPLE;
    if (p->used >= (tuple ? p->args.as.list->n : 1))
        jinja_raise(j, "there are too few arguments for the pattern");
    p->used++;
    return tuple ? p->args.as.list->items[p->used - 1] : p->args;
}

static int peek(const struct percent *p)
{
    return p->at < p->format->n ? (unsigned char)p->format->data[p->at] : 0;
}

static int64_t read_size(struct jinja *j, struct percent *p, int64_t usual)
{
    int64_t n = 0;
    if (peek(p) == '*') {
        p->at++;
        n = want_int(j, next_argument(j, p), "a width");
    } else if (!isdigit(peek(p))) {
        return usual;
    }
    while (isdigit(peek(p)) && n <= MAX_WIDTH)
        n = 10 * n + (p->format->data[p->at++] - '0');
    if (n > MAX_WIDTH || n < -MAX_WIDTH)
        jinja_raise(j, "a width is more than %d", MAX_WIDTH);
    return n;
}

static struct value named_argument(struct jinja *j, struct percent *p)
{
    size_t begin = ++p->at;
    while (peek(p) && peek(p) != ')')
        p->at++;
    if (!peek(p) || p->args.type != V_DICT)
        jinja_raise(j, "a named pattern needs \")\" and a dict");
    struct value key = string_value(string_create(j, p->format->data + begin, p->at++ - begin));
    struct value *found = dict_find(j, p->args.as.dict, key);
    if (!found)
        jinja_raise(j, "the dict has no \"%s\"", string_label(key.as.s).text);
    return *found;
}

static void convert(struct jinja *j, struct buffer *b, struct spec *s, struct value v)
{
    switch (s->type) {
    case 's':
    case 'r':
    case 'a': {
        struct buffer text = {0};
        if (s->type == 's')
            print_value(j, &text, v);
        else
            print_repr(j, &text, v);
        s->fill = NULL;
        put_string(j, b, s, string_buffer(j, &text), '>');
        return;
    }
    case 'c':
        if (is_integer(v)) {
            struct buffer text = {0};
            buffer_code(j, &text, (uint32_t)integer_of(v));
            v = string_value(string_buffer(j, &text));
        }
        put_string(j, b, s, want_string(j, v, "a character"), '>');
        return;
    case 'd':
    case 'i':
    case 'u':
        if (v.type == V_FLOAT && isfinite(v.as.f) && fabs(v.as.f) < 9e18)
            v = int_value((int64_t)v.as.f);
        s->type = 'd';
        put_integer(j, b, s, want_int(j, v, "%d"));
        return;
    case 'x':
    case 'X':
    case 'o':
        put_integer(j, b, s, want_int(j, v, "%x"));
        return;
    default:
        if (!s->type || !strchr("eEfFgG", s->type))
            jinja_raise(j, "a pattern has the unknown type \"%c\"",
                isprint((unsigned char)s->type) ? s->type : '?');
        if (!is_number(v))
            jinja_raise(j, "%%%c needs a number, not %s", s->type, value_type_name(v));
        put_float(j, b, s, number_of(v));
    }
}

static void percent_item(struct jinja *j, struct buffer *b, struct percent *p)
{
    struct spec s = {.width = 0, .precision = -1};
    struct value v = MISSING;
    if (peek(p) == '(') {
        v = named_argument(j, p);
        p->used = 1;
    }
    for (; peek(p) && strchr("-+ #0", peek(p)); p->at++) {
        int c = peek(p);
        if (c == '-')
            s.align = '<';
        else if (c == '0' && s.align != '<') {
            s.align = '=';
            s.fill = string_text(j, "0");
        } else if (c == '#')
            s.alternate = true;
        else if (c != '0' && s.sign != '+')
            s.sign = (char)c;
    }
    if (s.align == '<')
        s.fill = NULL;
    s.width = read_size(j, p, 0);
    if (s.width < 0) {
        s.align = '<';
        s.width = -s.width;
    }
    if (peek(p) == '.') {
        p->at++;
        s.precision = read_size(j, p, 0);
    }
    while (peek(p) && strchr("hlL", peek(p)))
        p->at++;
    s.type = (char)peek(p);
    if (!s.type)
        jinja_raise(j, "a pattern ends after \"%%\"");
    p->at++;
    if (s.type == '%') {
        buffer_text(j, b, "%");
        return;
    }
    if (s.type == 's' || s.type == 'r' || s.type == 'c')
        s.align = s.align == '<' ? '<' : 0;
    convert(j, b, &s, given(v) ? v : next_argument(j, p));
}

const struct string *format_percent(struct jinja *j, const struct string *format, struct value args)
{
    struct percent p = {.format = format, .args = args};
    struct buffer b = {0};
    while (p.at < format->n) {
        const char *from = format->data + p.at;
        const char *next = memchr(from, '%', format->n - p.at);
        size_t n = next ? (size_t)(next - from) : format->n - p.at;
        buffer_add(j, &b, from, n);
        p.at += n + (next != NULL);
        if (next)
            percent_item(j, &b, &p);
        jinja_work(j, 1);
    }
    bool all = args.type == V_TUPLE ? p.used >= args.as.list->n
                                    : p.used > 0 || args.type == V_DICT || args.type == V_LIST;
    if (!all)
        jinja_raise(j, "not all arguments are used by the pattern");
    return string_buffer(j, &b);
}

/* ---- text.format(...) ------------------------------------------------------------------------ */

struct braces {
    const struct args *args;
    size_t next; /* of the fields without a number */
    bool manual; /* numbers were given */
    uint32_t level;
};

static const struct string *expand(struct jinja *j, struct braces *f, const struct string *format);

static bool all_digits(const struct string *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (!isdigit((unsigned char)s->data[i]))
            return false;
    return s->n > 0 && s->n < 9;
}

static int64_t digits_value(const struct string *s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n = 10 * n + (s->data[i] - '0');
    return n;
}

static struct value base_argument(struct jinja *j, struct braces *f, const struct string *name)
{
    if (!name->n || all_digits(name)) {
        if (name->n ? f->next > 0 : f->manual)
            jinja_raise(j, "a pattern has fields with and without numbers");
        f->manual = name->n > 0;
        size_t i = name->n ? (size_t)digits_value(name) : f->next++;
        if (i >= f->args->n)
            jinja_raise(j, "the pattern has no argument for its field %llu", (ull)i);
        return f->args->pos[i];
    }
    for (size_t i = 0; i < f->args->n_kw; i++)
        if (string_equal(f->args->kw[i].name, name))
            return f->args->kw[i].value;
    jinja_raise(j, "the pattern's field \"%s\" has no argument", string_label(name).text);
}

/* name, then .attribute and [item] */
static struct value field_value(struct jinja *j, struct braces *f, const char *text, size_t n)
{
    size_t at = 0, begin;
    while (at < n && text[at] != '.' && text[at] != '[')
        at++;
    struct value v = base_argument(j, f, string_create(j, text, at));
    while (at < n) {
        char kind = text[at++];
        begin = at;
        while (at < n && (kind == '[' ? text[at] != ']' : text[at] != '.' && text[at] != '['))
            at++;
        const struct string *name = string_create(j, text + begin, at - begin);
        if (!name->n || (kind == '[' && at == n) || (kind != '[' && kind != '.'))
            jinja_raise(j, "a field of the pattern is not valid");
        if (kind == '[')
            v = value_item(
                j, v, all_digits(name) ? int_value(digits_value(name)) : string_value(name));
        else
            v = value_attribute(j, v, name);
        at += kind == '[';
    }
    return v;
}

static int64_t spec_number(struct jinja *j, const struct string *s, size_t *at)
{
    int64_t n = 0;
    while (*at < s->n && isdigit((unsigned char)s->data[*at])) {
        n = 10 * n + (s->data[(*at)++] - '0');
        if (n > MAX_WIDTH)
            jinja_raise(j, "a width is more than %d", MAX_WIDTH);
    }
    return n;
}

static struct spec read_spec(struct jinja *j, const struct string *s)
{
    struct spec spec = {.precision = -1};
    size_t at = 0, first = 0;
    char c;
    if (s->n)
        string_code(s, &first);
    if (first < s->n && strchr("<>^=", s->data[first])) {
        spec.fill = string_create(j, s->data, first);
        spec.align = s->data[first];
        at = first + 1;
    } else if (s->n && strchr("<>^=", s->data[0])) {
        spec.align = s->data[at++];
    }
    if (at < s->n && strchr("+- ", s->data[at]))
        spec.sign = s->data[at++];
    if (at < s->n && s->data[at] == '#')
        spec.alternate = s->data[at++];
    if (at < s->n && s->data[at] == '0') {
        if (!spec.align) {
            spec.align = '=';
            spec.fill = string_text(j, "0");
        }
        at++;
    }
    spec.width = spec_number(j, s, &at);
    if (at < s->n && (s->data[at] == ',' || s->data[at] == '_'))
        spec.grouping = s->data[at++];
    if (at < s->n && s->data[at] == '.') {
        size_t before = ++at;
        spec.precision = spec_number(j, s, &at);
        if (at == before)
            jinja_raise(j, "a pattern's precision is missing");
    }
    c = at < s->n ? s->data[at++] : 0;
    if (at < s->n || (c && !strchr("bcdeEfFgGnosxX%", c)))
        jinja_raise(j, "the pattern's \"%s\" is not valid", string_label(s).text);
    spec.type = c;
    return spec;
}

static void put_field(struct jinja *j, struct buffer *b, const struct string *text, struct value v)
{
    struct spec s = read_spec(j, text);
    bool integer = !s.type || strchr("bcdoxXn", s.type),
         real = s.type && strchr("eEfFgG%n", s.type);
    if (v.type == V_STRING || v.type == V_UNDEFINED || !text->n) {
        if (s.type && s.type != 's')
            jinja_raise(j, "the pattern's type \"%c\" is not for %s", s.type, value_type_name(v));
        struct buffer all = {0};
        print_value(j, &all, v);
        if (s.align == '=' && s.fill)
            s.align = '<';
        put_string(j, b, &s, string_buffer(j, &all), '<');
    } else if (s.type == 'c' && is_integer(v)) {
        struct buffer one = {0};
        buffer_code(j, &one, (uint32_t)integer_of(v));
        put_string(j, b, &s, string_buffer(j, &one), '<');
    } else if (is_integer(v) && integer && s.precision < 0) {
        put_integer(j, b, &s, integer_of(v));
    } else if (is_number(v) && (real || (v.type == V_FLOAT && !s.type))) {
        put_float(j, b, &s, number_of(v));
    } else {
        jinja_raise(
            j, "the pattern's \"%s\" is not for %s", string_label(text).text, value_type_name(v));
    }
}

/* What is between braces: name!conversion:spec */
static void brace_field(
    struct jinja *j, struct buffer *b, struct braces *f, const char *text, size_t n)
{
    size_t name = 0;
    char conversion = 0;
    bool bracket = false;
    while (name < n && (bracket || (text[name] != '!' && text[name] != ':'))) {
        bracket = text[name] == '[' || (bracket && text[name] != ']');
        name++;
    }
    struct value v = field_value(j, f, text, name);
    size_t at = name;
    if (at < n && text[at] == '!') {
        conversion = at + 1 < n ? text[at + 1] : 0;
        at += 2;
        if (!conversion || !strchr("rsa", conversion) || (at < n && text[at] != ':'))
            jinja_raise(j, "a field's conversion must be !r or !s");
    }
    if (conversion) {
        struct buffer all = {0};
        if (conversion == 's')
            print_value(j, &all, v);
        else
            print_repr(j, &all, v);
        v = string_value(string_buffer(j, &all));
    }
    at += at < n;
    put_field(j, b, expand(j, f, string_create(j, text + at, n - at)), v);
}

static size_t field_end(struct jinja *j, const struct string *s, size_t at)
{
    for (uint32_t depth = 1; at < s->n; at++) {
        depth += s->data[at] == '{';
        depth -= s->data[at] == '}';
        if (!depth)
            return at;
    }
    jinja_raise(j, "a pattern's \"{\" has no \"}\"");
}

static const struct string *expand(struct jinja *j, struct braces *f, const struct string *s)
{
    struct buffer b = {0};
    if (f->level++ > 2)
        jinja_raise(j, "a pattern is nested more than twice");
    for (size_t at = 0; at < s->n; at++) {
        char c = s->data[at];
        bool twice = at + 1 < s->n && s->data[at + 1] == c;
        jinja_work(j, 1);
        if ((c != '{' && c != '}') || (twice && f->level == 1)) {
            buffer_add(j, &b, &c, 1);
            at += c == '{' || c == '}';
        } else if (c == '}') {
            jinja_raise(j, "a pattern's \"}\" has no \"{\"");
        } else {
            size_t end = field_end(j, s, at + 1);
            brace_field(j, &b, f, s->data + at + 1, end - at - 1);
            at = end;
        }
    }
    f->level--;
    return string_buffer(j, &b);
}

const struct string *format_braces(
    struct jinja *j, const struct string *format, const struct args *args)
{
    struct braces f = {.args = args};
    return expand(j, &f, format);
}
