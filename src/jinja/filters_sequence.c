/* Filters over items. */
#include "jinja/internal.h"

/* ---- what items are sorted and grouped by ------------------------------------------------------
 */

/* Strings without their case, unless it counts. */
static struct value fold(struct jinja *j, struct value v, bool case_sensitive)
{
    if (case_sensitive || v.type != V_STRING)
        return v;
    return string_value(string_case(j, v.as.s, CASE_LOWER));
}

struct value value_path(struct jinja *j, struct value v, struct value path, struct value fallback)
{
    if (!given_not_none(path))
        return v;
    if (path.type != V_STRING)
        return value_item(j, v, path);
    const struct string *s = path.as.s;
    for (size_t at = 0; at <= s->n; at++) {
        size_t begin = at, digits = 0;
        for (; at < s->n && s->data[at] != '.'; at++)
            digits += s->data[at] >= '0' && s->data[at] <= '9';
        struct value key = string_value(string_create(j, s->data + begin, at - begin));
        if (at > begin && digits == at - begin && digits < 10) {
            int64_t i = 0;
            for (size_t k = begin; k < at; k++)
                i = 10 * i + (s->data[k] - '0');
            key = int_value(i);
        }
        v = value_item(j, v, key);
        if (v.type == V_UNDEFINED && given_not_none(fallback))
            v = fallback;
    }
    return v;
}

/* The key of sort: a list of what the paths, separated by commas, lead to. */
static struct value sort_key(struct jinja *j, struct value v, struct value path, bool sensitive)
{
    struct list *key = list_create(j);
    if (!given(path) || path.type != V_STRING) {
        list_add(j, key, fold(j, value_path(j, v, path, MISSING), sensitive));
        return list_value(key);
    }
    for (size_t at = 0; at <= path.as.s->n; at++) {
        size_t begin = at;
        while (at < path.as.s->n && path.as.s->data[at] != ',')
            at++;
        struct value part = string_value(string_create(j, path.as.s->data + begin, at - begin));
        list_add(j, key, fold(j, value_path(j, v, part, MISSING), sensitive));
    }
    return list_value(key);
}

struct keyed {
    struct value key, item;
};

/* Stable; `reverse` too. */
static void merge_sort(
    struct jinja *j, struct keyed *rows, size_t n, struct keyed *spare, bool reverse)
{
    if (n < 2)
        return;
    size_t half = n / 2, a = 0, b = half, k = 0;
    merge_sort(j, rows, half, spare, reverse);
    merge_sort(j, rows + half, n - half, spare, reverse);
    while (a < half && b < n) {
        bool second = reverse ? value_compare(j, rows[a].key, rows[b].key, "<") < 0
                              : value_compare(j, rows[b].key, rows[a].key, "<") < 0;
        spare[k++] = second ? rows[b++] : rows[a++];
    }
    while (a < half)
        spare[k++] = rows[a++];
    while (b < n)
        spare[k++] = rows[b++];
    memcpy(rows, spare, n * sizeof(*rows));
}

static struct list *sorted(struct jinja *j, struct keyed *rows, size_t n, bool reverse)
{
    struct list *list = list_create(j);
    merge_sort(j, rows, n, mem_alloc(j, n, sizeof(*rows)), reverse);
    for (size_t i = 0; i < n; i++)
        list_add(j, list, rows[i].item);
    return list;
}

static struct value sort(struct jinja *j, struct call *c)
{
    struct list *items = list_of(j, c->self);
    struct keyed *rows = mem_alloc(j, items->n, sizeof(*rows));
    bool sensitive = want_bool(j, c->a[1], false);
    for (size_t i = 0; i < items->n; i++)
        rows[i] = (struct keyed){sort_key(j, items->items[i], c->a[2], sensitive), items->items[i]};
    return list_value(sorted(j, rows, items->n, want_bool(j, c->a[0], false)));
}

static struct value dictsort(struct jinja *j, struct call *c)
{
    bool by_value = false, sensitive = want_bool(j, c->a[0], false);
    if (c->self.type != V_DICT)
        jinja_raise(j, "dictsort needs a dict, not %s", value_type_name(c->self));
    if (given(c->a[1])) {
        const struct string *by = want_string(j, c->a[1], "dictsort: by");
        by_value = string_is(by, "value");
        if (!by_value && !string_is(by, "key"))
            jinja_raise(j, "dictsort: by must be \"key\" or \"value\"");
    }
    const struct dict *d = c->self.as.dict;
    struct keyed *rows = mem_alloc(j, d->n, sizeof(*rows));
    struct view view = {.kind = VIEW_ITEMS, .dict = c->self.as.dict};
    for (size_t i = 0; i < d->n; i++) {
        struct value key = by_value ? d->entries[i].value : d->entries[i].key;
        rows[i] = (struct keyed){fold(j, key, sensitive), view_item(j, &view, i)};
    }
    return list_value(sorted(j, rows, d->n, want_bool(j, c->a[2], false)));
}

static struct value unique(struct jinja *j, struct call *c)
{
    struct iter *it = iter_of(j, c->self);
    struct dict *seen = dict_create(j);
    struct list *list = list_create(j);
    struct value v;
    while (iter_next(j, it, &v)) {
        struct value key =
            fold(j, value_path(j, v, c->a[1], MISSING), want_bool(j, c->a[0], false));
        if (dict_find(j, seen, key))
            continue;
        dict_set(j, seen, key, NONE);
        list_add(j, list, v);
    }
    return iter_value(iter_of(j, list_value(list)));
}

static struct value groupby(struct jinja *j, struct call *c)
{
    struct list *items = list_of(j, c->self), *groups = list_create(j), *group = NULL;
    struct keyed *rows = mem_alloc(j, items->n, sizeof(*rows));
    bool sensitive = want_bool(j, c->a[2], false);
    for (size_t i = 0; i < items->n; i++) {
        struct value key = value_path(j, items->items[i], c->a[0], c->a[1]);
        rows[i] = (struct keyed){fold(j, key, sensitive), items->items[i]};
    }
    merge_sort(j, rows, items->n, mem_alloc(j, items->n, sizeof(*rows)), false);
    for (size_t i = 0; i < items->n; i++) {
        if (!i || !value_equal(j, rows[i].key, rows[i - 1].key)) {
            struct list *pair = list_create(j);
            group = list_create(j);
            list_add(
                j, pair, sensitive ? rows[i].key : value_path(j, rows[i].item, c->a[0], c->a[1]));
            list_add(j, pair, list_value(group));
            pair->group = true;
            list_add(j, groups, tuple_value(pair));
        }
        list_add(j, group, rows[i].item);
    }
    return list_value(groups);
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

static struct value length(struct jinja *j, struct call *c)
{
    int64_t n = value_length(c->self);
    if (c->self.type == V_LOOP)
        return loop_attribute(j, c->self.as.loop, string_text(j, "length"));
    if (n < 0)
        jinja_raise(j, "%s has no length", value_type_name(c->self));
    return int_value(n);
}

static struct value first(struct jinja *j, struct call *c)
{
    struct value v;
    return iter_next(j, iter_of(j, c->self), &v)
               ? v
               : undefined_value("there is no first item, the sequence was empty");
}

static struct value last(struct jinja *j, struct call *c)
{
    if (c->self.type == V_ITER || c->self.type == V_LOOP)
        jinja_raise(j, "%s has no last item that is known", value_type_name(c->self));
    struct list *items = list_of(j, c->self);
    return items->n ? items->items[items->n - 1]
                    : undefined_value("there is no last item, the sequence was empty");
}

static struct value list(struct jinja *j, struct call *c)
{
    return list_value(list_of(j, c->self));
}

static struct value items(struct jinja *j, struct call *c)
{
    struct view *view = mem_alloc(j, 1, sizeof(*view));
    if (c->self.type == V_UNDEFINED)
        return iter_value(iter_of(j, c->self));
    if (c->self.type != V_DICT)
        jinja_raise(j, "items needs a dict, not %s", value_type_name(c->self));
    *view = (struct view){.kind = VIEW_ITEMS, .dict = c->self.as.dict};
    return iter_value(iter_of(j, (struct value){.type = V_VIEW, .as.view = view}));
}

static struct value reverse(struct jinja *j, struct call *c)
{
    if (c->self.type == V_STRING) {
        struct value bounds[3] = {NONE, NONE, int_value(-1)};
        return slice_value(j, c->self, bounds);
    }
    struct list *forward = list_of(j, c->self), *back = list_create(j);
    for (size_t i = forward->n; i-- > 0;)
        list_add(j, back, forward->items[i]);
    if (c->self.type == V_ITER)
        return list_value(back);
    return iter_value(iter_of(j, list_value(back)));
}

static struct value join(struct jinja *j, struct call *c)
{
    struct iter *it = iter_of(j, c->self);
    const struct string *between = given(c->a[0]) ? value_string(j, c->a[0]) : string_text(j, "");
    struct buffer b = {0};
    struct value v;
    for (bool begun = false; iter_next(j, it, &v); begun = true) {
        if (begun)
            buffer_add(j, &b, between->data, between->n);
        print_value(j, &b, value_path(j, v, c->a[1], MISSING));
    }
    return string_value(string_buffer(j, &b));
}

static struct value batch(struct jinja *j, struct call *c)
{
    struct list *source = list_of(j, c->self), *all = list_create(j), *row = NULL;
    int64_t n = want_int(j, c->a[0], "batch: linecount");
    for (size_t i = 0; i < source->n; i++) {
        if (!row || (int64_t)row->n == n) {
            row = list_create(j);
            list_add(j, all, list_value(row));
        }
        list_add(j, row, source->items[i]);
    }
    if (row && given_not_none(c->a[1]))
        while ((int64_t)row->n < n)
            list_add(j, row, c->a[1]);
    return iter_value(iter_of(j, list_value(all)));
}

static struct value slice(struct jinja *j, struct call *c)
{
    struct list *source = list_of(j, c->self), *all = list_create(j);
    int64_t slices = want_int(j, c->a[0], "slice: slices"), n = (int64_t)source->n, at = 0;
    if (slices == 0)
        jinja_raise(j, "a division by zero");
    for (int64_t i = 0; i < slices; i++) {
        struct list *row = list_create(j);
        int64_t count = n / slices + (i < n % slices);
        jinja_work(j, 1);
        for (int64_t k = 0; k < count; k++)
            list_add(j, row, source->items[at++]);
        if (given_not_none(c->a[1]) && i >= n % slices)
            list_add(j, row, c->a[1]);
        list_add(j, all, list_value(row));
    }
    return iter_value(iter_of(j, list_value(all)));
}

const struct builtin jinja_filter_sequence_rows[] = {
    {"batch", "linecount fill_with?", batch},
    {"count", "", length},
    {"dictsort", "case_sensitive? by? reverse?", dictsort},
    {"first", "", first},
    {"groupby", "attribute default? case_sensitive?", groupby},
    {"items", "", items},
    {"join", "d? attribute?", join},
    {"last", "", last},
    {"length", "", length},
    {"list", "", list},
    {"reverse", "", reverse},
    {"slice", "slices fill_with?", slice},
    {"sort", "reverse? case_sensitive? attribute?", sort},
    {"unique", "case_sensitive? attribute?", unique},
    {0},
};
