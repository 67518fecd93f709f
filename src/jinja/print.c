/* Values as text: Python's str() and repr(). */
#include "jinja/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The fewest digits that read back as f, laid out as Python does. */
void print_float(struct jinja *j, struct buffer *b, double f)
{
    char text[40], digits[24];
    int precision = 0, exponent;
    if (isnan(f) || isinf(f)) {
        buffer_text(j, b, isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
        return;
    }
    do
        snprintf(text, sizeof(text), "%.*e", precision, f);
    while (precision++ < 17 && strtod(text, NULL) != f);
    const char *p = text;
    if (*p == '-') {
        buffer_text(j, b, "-");
        p++;
    }
    int n = 0;
    for (; *p && *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    exponent = atoi(p + 1);
    if (exponent < -4 || exponent >= 16) {
        buffer_add(j, b, digits, 1);
        if (n > 1)
            buffer_format(j, b, ".%.*s", n - 1, digits + 1);
        buffer_format(j, b, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        buffer_format(j, b, "0.%.*s%.*s", -exponent - 1, "000000000000", n, digits);
    } else if (n <= exponent + 1) {
        buffer_format(j, b, "%.*s%.*s.0", n, digits, exponent + 1 - n, "00000000000000000");
    } else {
        buffer_format(
            j, b, "%.*s.%.*s", exponent + 1, digits, n - exponent - 1, digits + exponent + 1);
    }
}

static void repr_code(struct jinja *j, struct buffer *b, uint32_t c, char quote)
{
    if (c == (uint32_t)quote || c == '\\')
        buffer_format(j, b, "\\%c", (int)c);
    else if (c == '\n' || c == '\r' || c == '\t')
        buffer_text(j, b, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
    else if (code_is_printable(c))
        buffer_code(j, b, c);
    else
        buffer_format(j, b, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

static void repr_string(struct jinja *j, struct buffer *b, const struct string *s)
{
    char quote = s->n && memchr(s->data, '\'', s->n) && !memchr(s->data, '"', s->n) ? '"' : '\'';
    if (s->markup)
        buffer_text(j, b, "Markup(");
    buffer_add(j, b, &quote, 1);
    jinja_work(j, s->n / 8);
    for (size_t at = 0; at < s->n;)
        repr_code(j, b, string_code(s, &at), quote);
    buffer_add(j, b, &quote, 1);
    if (s->markup)
        buffer_text(j, b, ")");
}

static void repr_list(
    struct jinja *j, struct buffer *b, const struct list *list, const char *brackets)
{
    buffer_add(j, b, brackets, 1);
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            buffer_text(j, b, ", ");
        print_repr(j, b, list->items[i]);
    }
    if (brackets[0] == '(' && list->n == 1)
        buffer_text(j, b, ",");
    buffer_add(j, b, brackets + 1, 1);
}

static void repr_dict(struct jinja *j, struct buffer *b, const struct dict *d)
{
    buffer_text(j, b, "{");
    for (size_t i = 0; i < d->n; i++) {
        if (i)
            buffer_text(j, b, ", ");
        print_repr(j, b, d->entries[i].key);
        buffer_text(j, b, ": ");
        print_repr(j, b, d->entries[i].value);
    }
    buffer_text(j, b, "}");
}

static void repr_view(struct jinja *j, struct buffer *b, const struct view *view)
{
    static const char *const names[] = {"dict_keys(", "dict_values(", "dict_items("};
    struct list list = {0};
    for (size_t i = 0; i < view->dict->n; i++)
        list_add(j, &list, view_item(j, view, i));
    buffer_text(j, b, names[view->kind]);
    repr_list(j, b, &list, "[]");
    buffer_text(j, b, ")");
}

static void repr_range(struct jinja *j, struct buffer *b, const struct range *r)
{
    buffer_format(j, b, "range(%lld, %lld", (long long)r->start, (long long)r->stop);
    if (r->step != 1)
        buffer_format(j, b, ", %lld", (long long)r->step);
    buffer_text(j, b, ")");
}

static void repr_loop(struct jinja *j, struct buffer *b, struct loop *loop)
{
    print_value(j, b, text_value(j, "<LoopContext "));
    print_value(j, b, loop_attribute(j, loop, string_text(j, "index")));
    print_value(j, b, text_value(j, "/"));
    print_value(j, b, loop_attribute(j, loop, string_text(j, "length")));
    buffer_text(j, b, ">");
}

static void repr_object(struct jinja *j, struct buffer *b, struct value v)
{
    switch (v.type) {
    case V_NAMESPACE:
        buffer_text(j, b, "<Namespace ");
        repr_dict(j, b, v.as.dict);
        buffer_text(j, b, ">");
        break;
    case V_MACRO: {
        const struct string *name = v.as.macro->node->name;
        buffer_text(j, b, "<Macro ");
        if (name)
            repr_string(j, b, name);
        else
            buffer_text(j, b, "anonymous");
        buffer_text(j, b, ">");
        break;
    }
    case V_FUNCTION:
        buffer_format(j, b, "<function %s>", v.as.function->row->name);
        break;
    case V_LOOP:
        repr_loop(j, b, v.as.loop);
        break;
    default:
        buffer_format(j, b, "<%s object>",
            v.type == V_ITER     ? "generator"
            : v.type == V_CYCLER ? "Cycler"
                                 : "Joiner");
    }
}

void print_repr(struct jinja *j, struct buffer *b, struct value v)
{
    jinja_enter(j);
    jinja_work(j, 1);
    switch (v.type) {
    case V_UNDEFINED:
        buffer_text(j, b, "Undefined");
        break;
    case V_STRING:
        repr_string(j, b, v.as.s);
        break;
    case V_LIST:
        repr_list(j, b, v.as.list, "[]");
        break;
    case V_TUPLE:
        repr_list(j, b, v.as.list, "()");
        break;
    case V_DICT:
        repr_dict(j, b, v.as.dict);
        break;
    case V_VIEW:
        repr_view(j, b, v.as.view);
        break;
    case V_RANGE:
        repr_range(j, b, v.as.range);
        break;
    case V_NONE:
        buffer_text(j, b, "None");
        break;
    case V_BOOL:
        buffer_text(j, b, v.as.b ? "True" : "False");
        break;
    case V_INT:
        buffer_format(j, b, "%lld", (long long)v.as.i);
        break;
    case V_FLOAT:
        print_float(j, b, v.as.f);
        break;
    default:
        repr_object(j, b, v);
    }
    jinja_leave(j);
}

void print_value(struct jinja *j, struct buffer *b, struct value v)
{
    if (v.type == V_STRING)
        buffer_add(j, b, v.as.s->data, v.as.s->n);
    else if (v.type != V_UNDEFINED)
        print_repr(j, b, v);
}

const struct string *value_string(struct jinja *j, struct value v)
{
    if (v.type == V_STRING)
        return string_mark(j, v.as.s, false);
    struct buffer b = {0};
    print_value(j, &b, v);
    return string_buffer(j, &b);
}

const struct string *soft_string(struct jinja *j, struct value v)
{
    return v.type == V_STRING ? v.as.s : value_string(j, v);
}
