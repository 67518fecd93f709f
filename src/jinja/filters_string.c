/* Filters that make text. */
#include "jinja/internal.h"

#include <math.h>
#include <stdio.h>

static struct value upper(struct jinja *j, struct call *c)
{
    return string_value(string_case(j, soft_string(j, c->self), CASE_UPPER));
}

static struct value lower(struct jinja *j, struct call *c)
{
    return string_value(string_case(j, soft_string(j, c->self), CASE_LOWER));
}

static struct value capitalize(struct jinja *j, struct call *c)
{
    return string_value(string_capitalize(j, soft_string(j, c->self)));
}

static struct value title(struct jinja *j, struct call *c)
{
    const struct string *s = soft_string(j, c->self);
    struct buffer b = {0};
    bool inside = false;
    jinja_work(j, s->n / 8);
    for (size_t at = 0; at < s->n;) {
        uint32_t out[3], code = string_code(s, &at);
        size_t n = code_case(code, inside ? CASE_LOWER : CASE_UPPER, out);
        for (size_t i = 0; i < n; i++)
            buffer_code(j, &b, out[i]);
        inside = !code_is_space(code) && !(code < 0x80 && code && strchr("-({[<", (int)code));
    }
    return string_value(string_buffer(j, &b));
}

static struct value trim(struct jinja *j, struct call *c)
{
    const struct string *set =
        given_not_none(c->a[0]) ? want_string(j, c->a[0], "trim: chars") : NULL;
    return string_value(string_strip(j, soft_string(j, c->self), set, 0));
}

static struct value replace(struct jinja *j, struct call *c)
{
    int64_t count = given_not_none(c->a[2]) ? want_int(j, c->a[2], "replace: count") : -1;
    return string_value(string_replace(
        j, value_string(j, c->self), value_string(j, c->a[0]), value_string(j, c->a[1]), count));
}

static struct value center(struct jinja *j, struct call *c)
{
    const struct string *s = soft_string(j, c->self);
    int64_t width = given(c->a[0]) ? want_int(j, c->a[0], "center: width") : 80;
    int64_t room = width - (int64_t)s->chars;
    struct buffer b = {0};
    if (room <= 0)
        return string_value(s);
    jinja_work(j, (uint64_t)room);
    int64_t left = room / 2 + (room & width & 1);
    for (int64_t i = 0; i < left; i++)
        buffer_text(j, &b, " ");
    buffer_add(j, &b, s->data, s->n);
    for (int64_t i = left; i < room; i++)
        buffer_text(j, &b, " ");
    return string_value(string_buffer(j, &b));
}

static const struct string *spaces(struct jinja *j, int64_t n)
{
    struct buffer b = {0};
    jinja_work(j, n > 0 ? (uint64_t)n : 0);
    for (; n > 0; n--)
        buffer_text(j, &b, " ");
    return string_buffer(j, &b);
}

static struct value indent(struct jinja *j, struct call *c)
{
    const struct string *s = want_string(j, c->self, "indent");
    struct value width = given(c->a[0]) ? c->a[0] : int_value(4);
    const struct string *by =
        width.type == V_STRING ? width.as.s : spaces(j, want_int(j, width, "indent: width"));
    bool first = want_bool(j, c->a[1], false), blank = want_bool(j, c->a[2], false);
    struct buffer b = {0};
    /* The newline makes sure that there is a line, and keeps an empty last one. */
    struct args none = {0};
    struct value lines = call_builtin(j, jinja_find_method(c->self, string_text(j, "splitlines")),
        string_value(string_concat(j, s, string_text(j, "\n"))), &none);
    for (size_t i = 0; i < lines.as.list->n; i++) {
        const struct string *line = lines.as.list->items[i].as.s;
        if (i)
            buffer_text(j, &b, "\n");
        if (i ? blank || line->n : first)
            buffer_add(j, &b, by->data, by->n);
        buffer_add(j, &b, line->data, line->n);
    }
    return string_value(string_mark(j, string_buffer(j, &b), s->markup));
}

static struct value truncate(struct jinja *j, struct call *c)
{
    const struct string *s = want_string(j, c->self, "truncate");
    int64_t length = given(c->a[0]) ? want_int(j, c->a[0], "truncate: length") : 255;
    const struct string *end =
        given(c->a[2]) ? want_string(j, c->a[2], "truncate: end") : string_text(j, "...");
    int64_t leeway = given_not_none(c->a[3]) ? want_int(j, c->a[3], "truncate: leeway") : 5;
    if (length < (int64_t)end->chars || leeway < 0)
        jinja_raise(j, "truncate: the length is less than that of the end, or the leeway negative");
    if ((int64_t)s->chars - leeway <= length)
        return string_value(s);
    const struct string *cut = string_cut(j, s, 0, (size_t)length - end->chars);
    if (!want_bool(j, c->a[1], false)) {
        struct string blank = {.data = " ", .n = 1, .chars = 1};
        size_t at = string_find_last(j, cut, &blank, cut->n);
        if (at != SIZE_MAX)
            cut = string_create(j, cut->data, at);
    }
    return string_value(string_concat(j, cut, end));
}

static struct value wordcount(struct jinja *j, struct call *c)
{
    const struct string *s = soft_string(j, c->self);
    int64_t n = 0;
    bool inside = false;
    jinja_work(j, s->n / 8);
    for (size_t at = 0; at < s->n;) {
        uint32_t code = string_code(s, &at);
        bool word = code == '_' || code_is_alpha(code) || code_is_numeric(code);
        n += word && !inside;
        inside = word;
    }
    return int_value(n);
}

static struct value format(struct jinja *j, struct call *c)
{
    const struct string *s = soft_string(j, c->self);
    struct value args;
    if (c->args->n && c->args->n_kw)
        jinja_raise(j, "format takes arguments by position or by name, not both");
    if (c->args->n_kw) {
        struct dict *d = dict_create(j);
        for (size_t i = 0; i < c->args->n_kw; i++)
            dict_set(j, d, string_value(c->args->kw[i].name), c->args->kw[i].value);
        args = dict_value(d);
    } else {
        struct list *list = list_create(j);
        for (size_t i = 0; i < c->args->n; i++)
            list_add(j, list, c->args->pos[i]);
        args = tuple_value(list);
    }
    return string_value(string_mark(j, format_percent(j, s, args), s->markup));
}

static struct value string(struct jinja *j, struct call *c)
{
    return string_value(soft_string(j, c->self));
}

static struct value escape(struct jinja *j, struct call *c)
{
    return string_value(string_escape(j, soft_string(j, c->self)));
}

static struct value forceescape(struct jinja *j, struct call *c)
{
    return string_value(string_escape(j, value_string(j, c->self)));
}

static struct value safe(struct jinja *j, struct call *c)
{
    return string_value(string_mark(j, soft_string(j, c->self), true));
}

static void quote(struct jinja *j, struct buffer *b, const struct string *s, bool query)
{
    static const char hex[] = "0123456789ABCDEF";
    jinja_work(j, s->n / 8);
    for (size_t i = 0; i < s->n; i++) {
        unsigned char ch = (unsigned char)s->data[i];
        if ((ch < 0x80 && code_is_alpha(ch)) || (ch >= '0' && ch <= '9') ||
            (ch && strchr("_.-~", ch)) || (ch == '/' && !query))
            buffer_add(j, b, s->data + i, 1);
        else if (ch == ' ' && query)
            buffer_text(j, b, "+");
        else
            buffer_format(j, b, "%%%c%c", hex[ch >> 4], hex[ch & 15]);
    }
}

static struct value urlencode(struct jinja *j, struct call *c)
{
    struct buffer b = {0};
    struct value v = c->self, pair;
    if (v.type == V_STRING || !can_iterate(v)) {
        quote(j, &b, soft_string(j, v), false);
        return string_value(string_buffer(j, &b));
    }
    struct view items = {.kind = VIEW_ITEMS, .dict = v.type == V_DICT ? v.as.dict : NULL};
    struct iter *it =
        iter_of(j, v.type == V_DICT ? (struct value){.type = V_VIEW, .as.view = &items} : v);
    while (iter_next(j, it, &pair)) {
        struct list *two = list_of(j, pair);
        if (two->n != 2)
            jinja_raise(j, "urlencode needs pairs");
        if (b.n)
            buffer_text(j, &b, "&");
        quote(j, &b, soft_string(j, two->items[0]), true);
        buffer_text(j, &b, "=");
        quote(j, &b, soft_string(j, two->items[1]), true);
    }
    return string_value(string_buffer(j, &b));
}

static struct value filesizeformat(struct jinja *j, struct call *c)
{
    static const char prefixes[] = "kMGTPEZY";
    bool binary = want_bool(j, c->a[0], false);
    double base = binary ? 1024 : 1000, unit = base, bytes;
    struct buffer b = {0};
    if (c->self.type == V_STRING) {
        struct args none = {0};
        bytes =
            number_of(call_builtin(j, jinja_find_filter(string_text(j, "float")), c->self, &none));
    } else if (is_number(c->self)) {
        bytes = number_of(c->self);
    } else {
        jinja_raise(j, "filesizeformat needs a number, not %s", value_type_name(c->self));
    }
    if (bytes == 1)
        buffer_text(j, &b, "1 Byte");
    else if (bytes < base)
        buffer_format(j, &b, "%.0f Bytes", trunc(bytes));
    for (int i = 0; i < 8 && bytes >= base; i++) {
        unit *= base;
        if (bytes >= unit && i < 7)
            continue;
        char letter = binary && i == 0 ? 'K' : prefixes[i];
        buffer_format(j, &b, "%.1f %c%s", base * bytes / unit, letter, binary ? "iB" : "B");
        break;
    }
    return string_value(string_buffer(j, &b));
}

static struct value xmlattr(struct jinja *j, struct call *c)
{
    struct buffer b = {0};
    bool space = want_bool(j, c->a[0], true);
    if (c->self.type != V_DICT)
        jinja_raise(j, "xmlattr needs a dict, not %s", value_type_name(c->self));
    for (size_t i = 0; i < c->self.as.dict->n; i++) {
        const struct dict_entry *e = &c->self.as.dict->entries[i];
        if (e->value.type == V_NONE || e->value.type == V_UNDEFINED)
            continue;
        const struct string *key = string_escape(j, soft_string(j, e->key));
        const struct string *text = string_escape(j, soft_string(j, e->value));
        for (size_t k = 0; k < key->n; k++)
            if (strchr(" \t\n\r\f/>=", key->data[k]))
                jinja_raise(j, "xmlattr: \"%s\" is no name", string_label(key).text);
        if (space || b.n)
            buffer_text(j, &b, " ");
        buffer_add(j, &b, key->data, key->n);
        buffer_text(j, &b, "=\"");
        buffer_add(j, &b, text->data, text->n);
        buffer_text(j, &b, "\"");
    }
    return string_value(string_buffer(j, &b));
}

/* Without comments and tags, and with one blank for any white space. */
static struct value striptags(struct jinja *j, struct call *c)
{
    static const struct {
        const char *name, *text;
    } entities[] = {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&#34;", "\""},
        {"&nbsp;", "\xc2\xa0"}, {"&amp;", "&"}};
    const struct string *s = soft_string(j, c->self);
    struct buffer b = {0};
    struct string open = {.data = "<", .n = 1}, end = {.data = ">", .n = 1};
    struct string comment = {.data = "<!--", .n = 4}, comment_end = {.data = "-->", .n = 3};
    for (size_t at = 0; at < s->n;) {
        size_t from = string_find(j, s, &open, at), to;
        bool is_comment = from != SIZE_MAX && string_find(j, s, &comment, from) == from;
        to =
            from == SIZE_MAX ? SIZE_MAX : string_find(j, s, is_comment ? &comment_end : &end, from);
        size_t stop = to == SIZE_MAX ? s->n : from;
        buffer_add(j, &b, s->data + at, stop - at);
        at = to == SIZE_MAX ? s->n : to + (is_comment ? 3 : 1);
    }
    struct args blank = {0};
    struct value words =
        call_builtin(j, jinja_find_method(string_value(s), string_text(j, "split")),
            string_value(string_buffer(j, &b)), &blank);
    struct buffer text = {0};
    for (size_t i = 0; i < words.as.list->n; i++) {
        if (i)
            buffer_text(j, &text, " ");
        print_value(j, &text, words.as.list->items[i]);
    }
    const struct string *plain = string_buffer(j, &text);
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
        plain = string_replace(
            j, plain, string_text(j, entities[i].name), string_text(j, entities[i].text), -1);
    return string_value(plain);
}

/* As transformers defines it: (ensure_ascii, indent, separators, sort_keys) */
static struct value tojson(struct jinja *j, struct call *c)
{
    struct json_style style = {
        .ascii = want_bool(j, c->a[0], false), .sort = want_bool(j, c->a[3], false)};
    struct buffer b = {0};
    if (given_not_none(c->a[1]))
        style.indent = c->a[1].type == V_STRING ? c->a[1].as.s
                                                : spaces(j, want_int(j, c->a[1], "tojson: indent"));
    if (given_not_none(c->a[2])) {
        struct list *two = list_of(j, c->a[2]);
        if (two->n != 2)
            jinja_raise(j, "tojson: separators must be two strings");
        style.item = want_string(j, two->items[0], "tojson: separators");
        style.key = want_string(j, two->items[1], "tojson: separators");
    }
    json_write(j, &b, c->self, &style);
    return string_value(string_buffer(j, &b));
}

const struct builtin jinja_filter_string_rows[] = {
    {"capitalize", "", capitalize},
    {"center", "width?", center},
    {"e", "", escape},
    {"escape", "", escape},
    {"filesizeformat", "binary?", filesizeformat},
    {"forceescape", "", forceescape},
    {"format", "*", format},
    {"indent", "width? first? blank?", indent},
    {"lower", "", lower},
    {"replace", "old new count?", replace},
    {"safe", "", safe},
    {"string", "", string},
    {"striptags", "", striptags},
    {"title", "", title},
    {"tojson", "ensure_ascii? indent? separators? sort_keys?", tojson},
    {"trim", "chars?", trim},
    {"truncate", "length? killwords? end? leeway?", truncate},
    {"upper", "", upper},
    {"urlencode", "", urlencode},
    {"wordcount", "", wordcount},
    {"xmlattr", "autospace?", xmlattr},
    {0},
};
