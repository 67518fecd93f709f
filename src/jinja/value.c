/* What values are: truth, equality, order, membership, length. */
#include "jinja/internal.h"

#include "base/hash.h"

#include <math.h>
#include <stdio.h>

const char *value_type_name(struct value v)
{
    static const char *const names[] = {
        [V_MISSING] = "nothing",
        [V_UNDEFINED] = "undefined",
        [V_NONE] = "none",
        [V_BOOL] = "a bool",
        [V_INT] = "an integer",
        [V_FLOAT] = "a float",
        [V_STRING] = "a string",
        [V_LIST] = "a list",
        [V_TUPLE] = "a tuple",
        [V_DICT] = "a dict",
        [V_VIEW] = "a dict's view",
        [V_RANGE] = "a range",
        [V_ITER] = "a generator",
        [V_NAMESPACE] = "a namespace",
        [V_FUNCTION] = "a function",
        [V_MACRO] = "a macro",
        [V_LOOP] = "a loop",
        [V_CYCLER] = "a cycler",
        [V_JOINER] = "a joiner",
    };
    return names[v.type];
}

struct value undefined_name(struct jinja *j, const char *what, const struct string *name)
{
    char *text = mem_alloc(j, 200, 1);
    snprintf(text, 200, what, string_label(name).text);
    return undefined_value(text);
}

bool value_true(struct jinja *j, struct value v)
{
    (void)j;
    switch (v.type) {
    case V_MISSING:
    case V_UNDEFINED:
    case V_NONE:
        return false;
    case V_BOOL:
        return v.as.b;
    case V_FLOAT:
        return v.as.f != 0;
    case V_INT:
        return v.as.i != 0;
    default:
        return value_length(v) != 0; /* what has none is true */
    }
}

int64_t value_length(struct value v)
{
    switch (v.type) {
    case V_UNDEFINED:
        return 0;
    case V_STRING:
        return (int64_t)v.as.s->chars;
    case V_LIST:
    case V_TUPLE:
        return (int64_t)v.as.list->n;
    case V_DICT:
        return (int64_t)v.as.dict->n;
    case V_VIEW:
        return (int64_t)v.as.view->dict->n;
    case V_RANGE:
        return (int64_t)v.as.range->n;
    default:
        return -1;
    }
}

static bool lists_equal(struct jinja *j, const struct list *a, const struct list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!value_equal(j, a->items[i], b->items[i]))
            return false;
    return true;
}

static bool dicts_equal(struct jinja *j, const struct dict *a, const struct dict *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        struct value *other = dict_find(j, b, a->entries[i].key);
        if (!other || !value_equal(j, a->entries[i].value, *other))
            return false;
    }
    return true;
}

static bool ranges_equal(const struct range *a, const struct range *b)
{
    return a->n == b->n &&
           (a->n == 0 || (a->start == b->start && (a->n == 1 || a->step == b->step)));
}

bool value_same(struct value a, struct value b)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case V_UNDEFINED:
    case V_NONE:
        return a.type == V_NONE || a.as.why == b.as.why;
    case V_BOOL:
        return a.as.b == b.as.b;
    case V_INT: /* as small integers are */
        return a.as.i == b.as.i && a.as.i >= -5 && a.as.i <= 256;
    case V_FLOAT:
        return false;
    case V_STRING:
        return string_equal(a.as.s, b.as.s);
    default:
        return a.as.list == b.as.list;
    }
}

bool value_equal(struct jinja *j, struct value a, struct value b)
{
    jinja_work(j, 1);
    if (is_integer(a) && is_integer(b))
        return integer_of(a) == integer_of(b);
    if (is_number(a) && is_number(b))
        return number_of(a) == number_of(b);
    if (a.type != b.type)
        return false;
    bool equal;
    jinja_enter(j);
    switch (a.type) {
    case V_UNDEFINED:
    case V_NONE:
        equal = true;
        break;
    case V_STRING:
        jinja_work(j, a.as.s->n / 64);
        equal = string_equal(a.as.s, b.as.s);
        break;
    case V_LIST:
    case V_TUPLE:
        equal = a.as.list == b.as.list || lists_equal(j, a.as.list, b.as.list);
        break;
    case V_DICT:
        equal = a.as.dict == b.as.dict || dicts_equal(j, a.as.dict, b.as.dict);
        break;
    case V_RANGE:
        equal = ranges_equal(a.as.range, b.as.range);
        break;
    case V_FUNCTION:
        equal = a.as.function == b.as.function ||
                (a.as.function->row == b.as.function->row &&
                    value_same(a.as.function->self, b.as.function->self));
        break;
    default:
        equal = a.as.list == b.as.list;
    }
    jinja_leave(j);
    return equal;
}

static int compare_lists(
    struct jinja *j, const struct list *a, const struct list *b, const char *op)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (!value_equal(j, a->items[i], b->items[i]))
            return value_compare(j, a->items[i], b->items[i], op);
    return (a->n > b->n) - (a->n < b->n);
}

int value_compare(struct jinja *j, struct value a, struct value b, const char *op)
{
    jinja_work(j, 1);
    if (is_integer(a) && is_integer(b))
        return (integer_of(a) > integer_of(b)) - (integer_of(a) < integer_of(b));
    if (is_number(a) && is_number(b)) {
        double x = number_of(a), y = number_of(b);
        return x > y ? 1 : x < y ? -1 : x == y ? 0 : 2; /* 2: not a number; no order holds */
    }
    if (a.type == V_STRING && b.type == V_STRING) {
        jinja_work(j, a.as.s->n / 64);
        return string_compare(a.as.s, b.as.s);
    }
    if (is_sequence_type(a) && a.type == b.type) {
        jinja_enter(j);
        int order = compare_lists(j, a.as.list, b.as.list, op);
        jinja_leave(j);
        return order;
    }
    if (a.type == V_UNDEFINED || b.type == V_UNDEFINED)
        jinja_raise(j, "%s", a.type == V_UNDEFINED ? a.as.why : b.as.why);
    jinja_raise(j, "%s and %s cannot be ordered by %s", value_type_name(a), value_type_name(b), op);
}

static bool range_contains(const struct range *r, struct value item)
{
    double f = item.type == V_FLOAT ? item.as.f : 0;
    if (item.type == V_FLOAT && (f != floor(f) || fabs(f) > 9e15))
        return false;
    if (!is_number(item) || !r->n)
        return false;
    int64_t i = item.type == V_FLOAT ? (int64_t)f : integer_of(item);
    int64_t last = r->start + (int64_t)(r->n - 1) * r->step;
    int64_t low = r->step > 0 ? r->start : last, high = r->step > 0 ? last : r->start;
    return i >= low && i <= high && (i - r->start) % r->step == 0;
}

bool value_contains(struct jinja *j, struct value container, struct value item)
{
    struct value v;
    if (container.type == V_STRING) {
        if (item.type != V_STRING)
            jinja_raise(
                j, "\"in\" a string needs a string before it, not %s", value_type_name(item));
        return string_find(j, container.as.s, item.as.s, 0) != SIZE_MAX;
    }
    if (container.type == V_DICT)
        return dict_find(j, container.as.dict, item) != NULL;
    if (container.type == V_VIEW && container.as.view->kind == VIEW_KEYS)
        return dict_find(j, container.as.view->dict, item) != NULL;
    if (container.type == V_RANGE)
        return range_contains(container.as.range, item);
    struct iter *it = iter_of(j, container);
    while (iter_next(j, it, &v))
        if (value_equal(j, v, item))
            return true;
    return false;
}

static uint64_t hash_number(double f)
{
    if (f == floor(f) && fabs(f) < 9e15)
        return hash_u64((uint64_t)(int64_t)f);
    return hash_bytes(&f, sizeof(f));
}

uint64_t value_hash(struct jinja *j, struct value v)
{
    uint64_t h = 7;
    switch (v.type) {
    case V_STRING:
        jinja_work(j, v.as.s->n / 64);
        return v.as.s->n ? hash_bytes(v.as.s->data, v.as.s->n) : 0;
    case V_BOOL:
    case V_INT:
        return hash_u64((uint64_t)integer_of(v));
    case V_FLOAT:
        return hash_number(v.as.f);
    case V_NONE:
    case V_UNDEFINED:
        return v.type;
    case V_TUPLE:
        jinja_enter(j);
        for (size_t i = 0; i < v.as.list->n; i++)
            h = hash_u64(h ^ value_hash(j, v.as.list->items[i]));
        jinja_leave(j);
        return h;
    case V_LIST:
    case V_DICT:
    case V_VIEW:
        jinja_raise(j, "%s cannot be the key of a dict", value_type_name(v));
    default:
        return hash_u64((uint64_t)(uintptr_t)v.as.list);
    }
}
