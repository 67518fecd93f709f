/* Methods of dicts, lists and cyclers. What would change a list or a dict does not exist in the
 * sandbox. */
#include "jinja/internal.h"

static struct value get(struct jinja *j, struct call *c)
{
    struct value *found = dict_find(j, c->self.as.dict, c->a[0]);
    return found ? *found : given(c->a[1]) ? c->a[1] : NONE;
}

static struct value view(struct jinja *j, struct call *c, enum view_kind kind)
{
    struct view *v = mem_alloc(j, 1, sizeof(*v));
    *v = (struct view){.kind = kind, .dict = c->self.as.dict};
    return (struct value){.type = V_VIEW, .as.view = v};
}

static struct value keys(struct jinja *j, struct call *c)
{
    return view(j, c, VIEW_KEYS);
}

static struct value values(struct jinja *j, struct call *c)
{
    return view(j, c, VIEW_VALUES);
}

static struct value items(struct jinja *j, struct call *c)
{
    return view(j, c, VIEW_ITEMS);
}

static struct value copy(struct jinja *j, struct call *c)
{
    (void)j; /* nothing can change it, so itself will do */
    return c->self;
}

static struct value fromkeys(struct jinja *j, struct call *c)
{
    struct iter *it = iter_of(j, c->a[0]);
    struct dict *d = dict_create(j);
    struct value v;
    while (iter_next(j, it, &v))
        dict_set(j, d, v, given(c->a[1]) ? c->a[1] : NONE);
    return dict_value(d);
}

const struct builtin jinja_method_dict_rows[] = {
    {"copy", "/", copy},
    {"fromkeys", "/ iterable value?", fromkeys},
    {"get", "/ key default?", get},
    {"items", "/", items},
    {"keys", "/", keys},
    {"values", "/", values},
    {0},
};

static struct value list_count(struct jinja *j, struct call *c)
{
    struct iter *it = iter_of(j, c->self);
    struct value v;
    int64_t n = 0;
    while (iter_next(j, it, &v))
        n += value_equal(j, v, c->a[0]);
    return int_value(n);
}

static struct value list_index(struct jinja *j, struct call *c)
{
    struct value bounds[3] = {c->a[1], c->a[2], NONE};
    int64_t start, step;
    struct list *items_list = list_of(j, c->self);
    size_t n = slice_bounds(j, bounds, items_list->n, &start, &step);
    for (size_t i = (size_t)start; i < (size_t)start + n; i++)
        if (value_equal(j, items_list->items[i], c->a[0]))
            return int_value((int64_t)i);
    jinja_raise(j, "index: the item is not in %s", value_type_name(c->self));
}

const struct builtin jinja_method_list_rows[] = {
    {"count", "/ value", list_count},
    {"index", "/ value start? stop?", list_index},
    {0},
};

static struct value next(struct jinja *j, struct call *c)
{
    struct cycler *cycler = c->self.as.cycler;
    (void)j;
    struct value v = cycler->items->items[cycler->pos];
    cycler->pos = (cycler->pos + 1) % cycler->items->n;
    return v;
}

static struct value reset(struct jinja *j, struct call *c)
{
    (void)j;
    c->self.as.cycler->pos = 0;
    return NONE;
}

const struct builtin jinja_method_cycler_rows[] = {
    {"next", "/", next},
    {"reset", "/", reset},
    {0},
};
