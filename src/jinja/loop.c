/* For loops and the variable "loop". */
#include "jinja/internal.h"

/* The condition of a loop, as an iterator over what meets it. */
struct condition {
    const struct node *node; /* N_FOR */
    struct scope *scope;
};

static bool next_met(struct jinja *j, struct iter *it, struct value *out)
{
    const struct condition *c = it->data;
    while (iter_next(j, it->inner, out)) {
        struct scope *inner = scope_create(j, c->scope);
        exec_assign(j, inner, c->node->a, *out);
        if (value_true(j, eval_node(j, inner, c->node->c)))
            return true;
    }
    return false;
}

static struct loop *loop_create(struct jinja *j, struct scope *scope, const struct node *node,
    struct value items, uint32_t depth)
{
    struct loop *loop = mem_alloc(j, 1, sizeof(*loop));
    *loop = (struct loop){.node = node, .scope = scope, .depth = depth};
    if (items.type == V_UNDEFINED && node->flag && depth > 0)
        jinja_raise(j, "%s", items.as.why);
    loop->iter = iter_of(j, items);
    int64_t length = value_length(items);
    loop->has_length = length >= 0 && !node->c;
    loop->length = loop->has_length ? (size_t)length : 0;
    if (node->c) {
        struct condition *c = mem_alloc(j, 1, sizeof(*c));
        *c = (struct condition){.node = node, .scope = scope};
        struct iter *met = iter_create(j, next_met, items);
        met->inner = loop->iter;
        met->data = c;
        loop->iter = met;
    }
    return loop;
}

static bool look_ahead(struct jinja *j, struct loop *loop)
{
    if (!loop->has_after)
        loop->has_after = iter_next(j, loop->iter, &loop->after);
    return loop->has_after;
}

static bool next_round(struct jinja *j, struct loop *loop, bool first, struct value *out)
{
    if (!look_ahead(j, loop))
        return false;
    loop->has_after = false;
    loop->has_before = !first;
    loop->before = loop->current;
    loop->current = loop->after;
    loop->index += !first;
    *out = loop->current;
    return true;
}

static void run(struct jinja *j, struct loop *loop)
{
    struct value item;
    const struct string *name = string_intern(j, "loop", 4);
    bool completed = false, first = true;
    enum flow flow = FLOW_ON;
    while (flow != FLOW_BREAK && next_round(j, loop, first, &item)) {
        struct scope *scope = scope_create(j, loop->scope);
        first = false;
        scope_set(j, scope, name, (struct value){.type = V_LOOP, .as.loop = loop});
        exec_assign(j, scope, loop->node->a, item);
        flow = exec_list(j, scope, loop->node->list);
        completed |= flow == FLOW_ON;
    }
    /* As in Jinja, rounds that were broken off or continued early do not count. */
    if (!completed && loop->node->other)
        exec_list(j, scope_create(j, loop->scope), loop->node->other);
}

enum flow exec_for(struct jinja *j, struct scope *scope, const struct node *node)
{
    run(j, loop_create(j, scope, node, eval_node(j, scope, node->b), 0));
    return FLOW_ON;
}

const struct string *loop_recurse(struct jinja *j, struct loop *loop, struct value items)
{
    if (!loop->node->flag)
        jinja_raise(j, "a loop must be marked \"recursive\" to be called");
    struct buffer *outer = j->out, inner = {0};
    jinja_enter(j);
    j->out = &inner;
    run(j, loop_create(j, loop->scope, loop->node, items, loop->depth + 1));
    j->out = outer;
    jinja_leave(j);
    return string_buffer(j, &inner);
}

static int64_t length_of(struct jinja *j, struct loop *loop)
{
    if (!loop->has_length) {
        struct list *items = list_create(j);
        struct value v;
        while (iter_next(j, loop->iter, &v))
            list_add(j, items, v);
        loop->iter = iter_of(j, list_value(items));
        loop->length = items->n + loop->index + 1 + loop->has_after;
        loop->has_length = true;
    }
    return (int64_t)loop->length;
}

static struct value cycle(struct jinja *j, struct call *c)
{
    const struct args *args = c->args;
    if (!args->n)
        jinja_raise(j, "loop.cycle needs something to cycle through");
    return args->pos[c->self.as.loop->index % args->n];
}

static struct value changed(struct jinja *j, struct call *c)
{
    struct loop *loop = c->self.as.loop;
    struct list *list = list_create(j);
    for (size_t i = 0; i < c->args->n; i++)
        list_add(j, list, c->args->pos[i]);
    struct value now = tuple_value(list);
    bool same = given(loop->changed) && value_equal(j, loop->changed, now);
    loop->changed = now;
    return bool_value(!same);
}

static struct value loop_method(struct jinja *j, struct loop *loop, const struct string *name)
{
    static const struct builtin rows[] = {{"cycle", "*", cycle}, {"changed", "*", changed}};
    for (size_t i = 0; i < 2; i++) {
        if (!string_is(name, rows[i].name))
            continue;
        struct function *f = mem_alloc(j, 1, sizeof(*f));
        *f = (struct function){.row = &rows[i], .self = {.type = V_LOOP, .as.loop = loop}};
        return (struct value){.type = V_FUNCTION, .as.function = f};
    }
    return undefined_name(j, "a loop has no \"%s\"", name);
}

struct value loop_attribute(struct jinja *j, struct loop *loop, const struct string *name)
{
    int64_t index = (int64_t)loop->index;
    if (string_is(name, "index"))
        return int_value(index + 1);
    if (string_is(name, "index0"))
        return int_value(index);
    if (string_is(name, "first"))
        return bool_value(index == 0);
    if (string_is(name, "last"))
        return bool_value(!look_ahead(j, loop));
    if (string_is(name, "length"))
        return int_value(length_of(j, loop));
    if (string_is(name, "revindex"))
        return int_value(length_of(j, loop) - index);
    if (string_is(name, "revindex0"))
        return int_value(length_of(j, loop) - index - 1);
    if (string_is(name, "depth"))
        return int_value((int64_t)loop->depth + 1);
    if (string_is(name, "depth0"))
        return int_value(loop->depth);
    if (string_is(name, "previtem"))
        return loop->has_before ? loop->before : undefined_value("there is no previous item");
    if (string_is(name, "nextitem"))
        return look_ahead(j, loop) ? loop->after : undefined_value("there is no next item");
    return loop_method(j, loop, name);
}
