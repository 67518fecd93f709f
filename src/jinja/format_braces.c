/* text.format(...) */
#include "jinja/format.h"

#include <ctype.h>

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
        format_string(j, b, &s, string_buffer(j, &all), '<');
    } else if (s.type == 'c' && is_integer(v)) {
        struct buffer one = {0};
        buffer_code(j, &one, (uint32_t)integer_of(v));
        format_string(j, b, &s, string_buffer(j, &one), '<');
    } else if (is_integer(v) && integer && s.precision < 0) {
        format_integer(j, b, &s, integer_of(v));
    } else if (is_number(v) && (real || (v.type == V_FLOAT && !s.type))) {
        format_float(j, b, &s, number_of(v));
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
