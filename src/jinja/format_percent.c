/* text % arguments */
#include "jinja/format.h"

#include <ctype.h>
#include <math.h>

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
        format_string(j, b, s, string_buffer(j, &text), '>');
        return;
    }
    case 'c':
        if (is_integer(v)) {
            struct buffer text = {0};
            buffer_code(j, &text, (uint32_t)integer_of(v));
            v = string_value(string_buffer(j, &text));
        }
        format_string(j, b, s, want_string(j, v, "a character"), '>');
        return;
    case 'd':
    case 'i':
    case 'u':
        if (v.type == V_FLOAT && isfinite(v.as.f) && fabs(v.as.f) < 9e18)
            v = int_value((int64_t)v.as.f);
        s->type = 'd';
        format_integer(j, b, s, want_int(j, v, "%d"));
        return;
    case 'x':
    case 'X':
    case 'o':
        format_integer(j, b, s, want_int(j, v, "%x"));
        return;
    default:
        if (!s->type || !strchr("eEfFgG", s->type))
            jinja_raise(j, "a pattern has the unknown type \"%c\"",
                isprint((unsigned char)s->type) ? s->type : '?');
        if (!is_number(v))
            jinja_raise(j, "%%%c needs a number, not %s", s->type, value_type_name(v));
        format_float(j, b, s, number_of(v));
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
