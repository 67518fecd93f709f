/* JSON text as Python's json.dumps writes it. */
#include "jinja/internal.h"

#include <math.h>

static void write_code(struct jinja *j, struct buffer *b, uint32_t c)
{
    if (c >= 0x10000) {
        buffer_format(j, b, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
            0xdc00 + ((c - 0x10000) & 0x3ff));
        return;
    }
    buffer_format(j, b, "\\u%04x", c);
}

static void write_string(struct jinja *j, struct buffer *b, const struct string *s, bool ascii)
{
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    buffer_text(j, b, "\"");
    jinja_work(j, s->n / 8);
    for (size_t at = 0; at < s->n;) {
        size_t begin = at;
        uint32_t c = string_code(s, &at);
        const char *found = c && c < 0x80 ? strchr(from, (int)c) : NULL;
        if (found)
            buffer_format(j, b, "\\%c", to[found - from]);
        else if (c < 0x20 || (ascii && c >= 0x7f))
            write_code(j, b, c);
        else
            buffer_add(j, b, s->data + begin, at - begin);
    }
    buffer_text(j, b, "\"");
}

static void write_number(struct jinja *j, struct buffer *b, struct value v)
{
    if (v.type == V_NONE)
        buffer_text(j, b, "null");
    else if (v.type == V_BOOL)
        buffer_text(j, b, v.as.b ? "true" : "false");
    else if (v.type == V_FLOAT && isnan(v.as.f))
        buffer_text(j, b, "NaN");
    else if (v.type == V_FLOAT && isinf(v.as.f))
        buffer_text(j, b, v.as.f < 0 ? "-Infinity" : "Infinity");
    else
        print_repr(j, b, v);
}

struct writer {
    struct buffer *b;
    const struct json_style *style;
    size_t level;
};

static void write_any(struct jinja *j, struct writer *w, struct value v);

static void add(struct jinja *j, struct writer *w, const struct string *s, const char *usual)
{
    if (s)
        buffer_add(j, w->b, s->data, s->n);
    else
        buffer_text(j, w->b, usual);
}

static void new_line(struct jinja *j, struct writer *w)
{
    if (!w->style->indent)
        return;
    buffer_text(j, w->b, "\n");
    for (size_t i = 0; i < w->level; i++)
        buffer_add(j, w->b, w->style->indent->data, w->style->indent->n);
}

/* What comes before item i. */
static void divide(struct jinja *j, struct writer *w, size_t i)
{
    if (i)
        add(j, w, w->style->item, w->style->indent ? "," : ", ");
    new_line(j, w);
}

static void write_list(struct jinja *j, struct writer *w, const struct list *list)
{
    if (!list->n) {
        buffer_text(j, w->b, "[]");
        return;
    }
    buffer_text(j, w->b, "[");
    w->level++;
    for (size_t i = 0; i < list->n; i++) {
        divide(j, w, i);
        write_any(j, w, list->items[i]);
    }
    w->level--;
    new_line(j, w);
    buffer_text(j, w->b, "]");
}

static void write_key(struct jinja *j, struct writer *w, struct value key)
{
    if (key.type == V_STRING) {
        write_string(j, w->b, key.as.s, w->style->ascii);
        return;
    }
    if (!is_number(key) && key.type != V_NONE)
        jinja_raise(j, "tojson: %s cannot be a key", value_type_name(key));
    buffer_text(j, w->b, "\"");
    write_number(j, w->b, key);
    buffer_text(j, w->b, "\"");
}

/* Insertion sort would do for most, but a hostile dict may be large: merge. */
static void sort_entries(struct jinja *j, struct dict_entry *e, size_t n, struct dict_entry *spare)
{
    if (n < 2)
        return;
    size_t half = n / 2, a = 0, b = half, k = 0;
    sort_entries(j, e, half, spare);
    sort_entries(j, e + half, n - half, spare);
    while (a < half && b < n)
        spare[k++] = value_compare(j, e[b].key, e[a].key, "<") < 0 ? e[b++] : e[a++];
    while (a < half)
        spare[k++] = e[a++];
    while (b < n)
        spare[k++] = e[b++];
    memcpy(e, spare, n * sizeof(*e));
}

static void write_dict(struct jinja *j, struct writer *w, const struct dict *d)
{
    const struct dict_entry *entries = d->entries;
    if (!d->n) {
        buffer_text(j, w->b, "{}");
        return;
    }
    if (w->style->sort) {
        struct dict_entry *sorted = mem_alloc(j, d->n, sizeof(*sorted));
        memcpy(sorted, d->entries, d->n * sizeof(*sorted));
        sort_entries(j, sorted, d->n, mem_alloc(j, d->n, sizeof(*sorted)));
        entries = sorted;
    }
    buffer_text(j, w->b, "{");
    w->level++;
    for (size_t i = 0; i < d->n; i++) {
        divide(j, w, i);
        write_key(j, w, entries[i].key);
        add(j, w, w->style->key, ": ");
        write_any(j, w, entries[i].value);
    }
    w->level--;
    new_line(j, w);
    buffer_text(j, w->b, "}");
}

static void write_any(struct jinja *j, struct writer *w, struct value v)
{
    jinja_enter(j);
    jinja_work(j, 1);
    switch (v.type) {
    case V_STRING:
        write_string(j, w->b, v.as.s, w->style->ascii);
        break;
    case V_LIST:
    case V_TUPLE:
        write_list(j, w, v.as.list);
        break;
    case V_DICT:
        write_dict(j, w, v.as.dict);
        break;
    case V_NONE:
    case V_BOOL:
    case V_INT:
    case V_FLOAT:
        write_number(j, w->b, v);
        break;
    case V_UNDEFINED:
        jinja_raise(j, "tojson: %s", v.as.why);
    default:
        jinja_raise(j, "tojson: %s has no form in JSON", value_type_name(v));
    }
    jinja_leave(j);
}

void json_write(struct jinja *j, struct buffer *b, struct value v, const struct json_style *style)
{
    struct writer w = {.b = b, .style = style};
    write_any(j, &w, v);
}
