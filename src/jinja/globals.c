/* What every template can name: filters, tests, methods and global functions; and checks of their
 * arguments. */
#include "jinja/internal.h"

#include <time.h>

enum { MAX_RANGE = 100000 }; /* the sandbox's */

static const struct builtin *find_row(const struct builtin *rows, const struct string *name)
{
    for (; rows->name; rows++)
        if (string_is(name, rows->name))
            return rows;
    return NULL;
}

static const struct builtin *find_in(
    const struct builtin *const *tables, size_t n, const struct string *name)
{
    const struct builtin *found = NULL;
    for (size_t i = 0; i < n && !found; i++)
        found = find_row(tables[i], name);
    return found;
}

const struct builtin *jinja_find_filter(const struct string *name)
{
    static const struct builtin *const tables[] = {jinja_filter_string_rows,
        jinja_filter_sequence_rows, jinja_filter_number_rows, jinja_filter_select_rows};
    return find_in(tables, sizeof(tables) / sizeof(tables[0]), name);
}

const struct builtin *jinja_find_test(const struct string *name)
{
    return find_row(jinja_test_rows, name);
}

const struct builtin *jinja_find_method(struct value self, const struct string *name)
{
    static const struct builtin *const strings[] = {
        jinja_method_string_rows, jinja_method_split_rows, jinja_method_is_rows};
    switch (self.type) {
    case V_STRING:
        return find_in(strings, 3, name);
    case V_DICT:
        return find_row(jinja_method_dict_rows, name);
    case V_LIST:
    case V_TUPLE:
    case V_RANGE:
        return find_row(jinja_method_list_rows, name);
    case V_CYCLER:
        return find_row(jinja_method_cycler_rows, name);
    default:
        return NULL;
    }
}

int64_t want_int(struct jinja *j, struct value v, const char *what)
{
    if (!is_integer(v))
        jinja_raise(j, "%s must be an integer, not %s", what, value_type_name(v));
    return integer_of(v);
}

const struct string *want_string(struct jinja *j, struct value v, const char *what)
{
    if (v.type == V_UNDEFINED)
        jinja_raise(j, "%s must be a string, but %s", what, v.as.why);
    if (v.type != V_STRING)
        jinja_raise(j, "%s must be a string, not %s", what, value_type_name(v));
    return v.as.s;
}

bool want_bool(struct jinja *j, struct value v, bool fallback)
{
    return given(v) ? value_true(j, v) : fallback;
}

/* ---- global functions --------------------------------------------------------------------------
 */

static struct value range(struct jinja *j, struct call *c)
{
    struct range *r = mem_alloc(j, 1, sizeof(*r));
    bool one = !given(c->a[1]);
    r->start = one ? 0 : want_int(j, c->a[0], "range: start");
    r->stop = want_int(j, one ? c->a[0] : c->a[1], "range: stop");
    r->step = given(c->a[2]) ? want_int(j, c->a[2], "range: step") : 1;
    if (r->step == 0)
        jinja_raise(j, "range: the step cannot be zero");
    bool some = r->step > 0 ? r->start < r->stop : r->start > r->stop;
    if (some) {
        uint64_t far = r->step > 0 ? (uint64_t)r->stop - (uint64_t)r->start
                                   : (uint64_t)r->start - (uint64_t)r->stop;
        uint64_t step = r->step > 0 ? (uint64_t)r->step : 0 - (uint64_t)r->step;
        if ((far - 1) / step >= MAX_RANGE)
            jinja_raise(j, "range: it has more than %d items", MAX_RANGE);
        r->n = (size_t)((far - 1) / step + 1);
    }
    return (struct value){.type = V_RANGE, .as.range = r};
}

/* From a dict or pairs, and named arguments. */
static struct dict *make_dict(struct jinja *j, const struct args *args, const char *what)
{
    struct dict *d = dict_create(j);
    struct value pair;
    if (args->n > 1)
        jinja_raise(j, "%s takes at most 1 argument by position, not %llu", what, (ull)args->n);
    if (args->n && args->pos[0].type == V_DICT) {
        const struct dict *from = args->pos[0].as.dict;
        for (size_t i = 0; i < from->n; i++)
            dict_set(j, d, from->entries[i].key, from->entries[i].value);
    } else if (args->n) {
        struct iter *it = iter_of(j, args->pos[0]);
        while (iter_next(j, it, &pair)) {
            struct list *two = list_of(j, pair);
            if (two->n != 2)
                jinja_raise(j, "%s needs pairs", what);
            dict_set(j, d, two->items[0], two->items[1]);
        }
    }
    for (size_t i = 0; i < args->n_kw; i++)
        dict_set(j, d, string_value(args->kw[i].name), args->kw[i].value);
    return d;
}

static struct value dict(struct jinja *j, struct call *c)
{
    return dict_value(make_dict(j, c->args, "dict"));
}

static struct value namespace(struct jinja *j, struct call *c)
{
    struct dict *d = make_dict(j, c->args, "namespace");
    return (struct value){.type = V_NAMESPACE, .as.dict = d};
}

static struct value cycler(struct jinja *j, struct call *c)
{
    struct cycler *cycler = mem_alloc(j, 1, sizeof(*cycler));
    cycler->items = list_create(j);
    if (!c->args->n)
        jinja_raise(j, "cycler needs items");
    if (c->args->n_kw)
        jinja_raise(j, "cycler has no argument \"%s\"", string_label(c->args->kw[0].name).text);
    for (size_t i = 0; i < c->args->n; i++)
        list_add(j, cycler->items, c->args->pos[i]);
    return (struct value){.type = V_CYCLER, .as.cycler = cycler};
}

static struct value joiner(struct jinja *j, struct call *c)
{
    struct cycler *joiner = mem_alloc(j, 1, sizeof(*joiner));
    joiner->items = list_create(j);
    list_add(j, joiner->items, given(c->a[0]) ? c->a[0] : text_value(j, ", "));
    return (struct value){.type = V_JOINER, .as.cycler = joiner};
}

static struct value raise_exception(struct jinja *j, struct call *c)
{
    const struct string *text = value_string(j, c->a[0]);
    size_t n = text->n < 300 ? text->n : 300;
    while (n < text->n && ((unsigned char)text->data[n] & 0xc0) == 0x80)
        n--;
    jinja_raise(j, "the template says: %.*s", (int)n, text->data);
}

static struct value strftime_now(struct jinja *j, struct call *c)
{
    const struct string *format = want_string(j, c->a[0], "strftime_now: format");
    char pattern[202], text[2000];
    time_t now = j->limits.now ? (time_t)j->limits.now : time(NULL);
    struct tm parts;
    if (format->n > 200 || (format->n && memchr(format->data, 0, format->n)))
        jinja_raise(j, "strftime_now: the format is too long or holds a zero byte");
    if (!format->n || !localtime_r(&now, &parts))
        return text_value(j, "");
    memcpy(pattern, format->data, format->n);
    pattern[format->n] = 0;
    size_t n = strftime(text, sizeof(text), pattern, &parts);
    if (utf8_check(text, n) < n)
        jinja_raise(j, "strftime_now: the time is not valid UTF-8");
    return string_value(string_create(j, text, n));
}

const struct builtin jinja_global_rows[] = {
    {"cycler", "*", cycler},
    {"dict", "*", dict},
    {"joiner", "sep?", joiner},
    {"namespace", "*", namespace},
    {"raise_exception", "message", raise_exception},
    {"range", "/ start stop? step?", range},
    {"strftime_now", "format", strftime_now},
    {0},
};

void jinja_add_globals(struct jinja *j)
{
    for (const struct builtin *row = jinja_global_rows; row->name; row++) {
        struct function *f = mem_alloc(j, 1, sizeof(*f));
        *f = (struct function){.row = row, .self = NONE};
        scope_set(j, j->globals, string_intern(j, row->name, strlen(row->name)),
            (struct value){.type = V_FUNCTION, .as.function = f});
    }
}
