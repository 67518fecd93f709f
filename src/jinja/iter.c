/* Iteration over everything that has items. */
#include "jinja/internal.h"

struct iter *iter_create(struct jinja *j,
    bool (*next)(struct jinja *j, struct iter *it, struct value *out), struct value source)
{
    struct iter *it = mem_alloc(j, 1, sizeof(*it));
    it->next = next;
    it->source = source;
    return it;
}

static bool next_item(struct jinja *j, struct iter *it, struct value *out)
{
    (void)j;
    if (it->pos >= it->source.as.list->n)
        return false;
    *out = it->source.as.list->items[it->pos++];
    return true;
}

static bool next_char(struct jinja *j, struct iter *it, struct value *out)
{
    const struct string *s = it->source.as.s;
    size_t begin = it->pos;
    if (begin >= s->n)
        return false;
    string_code(s, &it->pos);
    *out = string_value(string_borrow(j, s->data + begin, it->pos - begin, 1));
    return true;
}

struct value view_item(struct jinja *j, const struct view *view, size_t i)
{
    const struct dict_entry *e = &view->dict->entries[i];
    if (view->kind != VIEW_ITEMS)
        return view->kind == VIEW_KEYS ? e->key : e->value;
    struct list *pair = list_create(j);
    list_add(j, pair, e->key);
    list_add(j, pair, e->value);
    return tuple_value(pair);
}

static bool next_key(struct jinja *j, struct iter *it, struct value *out)
{
    (void)j;
    if (it->pos >= it->source.as.dict->n)
        return false;
    *out = it->source.as.dict->entries[it->pos++].key;
    return true;
}

static bool next_view(struct jinja *j, struct iter *it, struct value *out)
{
    if (it->pos >= it->source.as.view->dict->n)
        return false;
    *out = view_item(j, it->source.as.view, it->pos++);
    return true;
}

static bool next_number(struct jinja *j, struct iter *it, struct value *out)
{
    (void)j;
    const struct range *r = it->source.as.range;
    if (it->pos >= r->n)
        return false;
    *out = int_value(r->start + (int64_t)it->pos++ * r->step);
    return true;
}

static bool next_nothing(struct jinja *j, struct iter *it, struct value *out)
{
    (void)j;
    (void)it;
    (void)out;
    return false;
}

static bool next_of_loop(struct jinja *j, struct iter *it, struct value *out)
{
    struct loop *loop = it->source.as.loop;
    return loop->iter->next(j, loop->iter, out);
}

bool can_iterate(struct value v)
{
    switch (v.type) {
    case V_UNDEFINED:
    case V_STRING:
    case V_LIST:
    case V_TUPLE:
    case V_DICT:
    case V_VIEW:
    case V_RANGE:
    case V_ITER:
    case V_LOOP:
        return true;
    default:
        return false;
    }
}

struct iter *iter_of(struct jinja *j, struct value v)
{
    switch (v.type) {
    case V_UNDEFINED:
        return iter_create(j, next_nothing, v);
    case V_STRING:
        return iter_create(j, next_char, v);
    case V_LIST:
    case V_TUPLE:
        return iter_create(j, next_item, v);
    case V_DICT:
        return iter_create(j, next_key, v);
    case V_VIEW:
        return iter_create(j, next_view, v);
    case V_RANGE:
        return iter_create(j, next_number, v);
    case V_LOOP:
        return iter_create(j, next_of_loop, v);
    case V_ITER:
        return v.as.iter;
    default:
        jinja_raise(j, "%s has no items to go through", value_type_name(v));
    }
}

struct list *list_of(struct jinja *j, struct value v)
{
    struct list *list = list_create(j);
    struct iter *it = iter_of(j, v);
    struct value item;
    while (iter_next(j, it, &item))
        list_add(j, list, item);
    return list;
}
