/* Calls, attributes and items. */
#include "jinja/internal.h"

#include <stdio.h>

/* ---- functions of our own ---------------------------------------------------------------------
 */

/* The next name of a row's params: its length, 0 at the end. *optional: a "?" follows. */
static size_t next_param(const char **params, const char **name, bool *optional)
{
    *params += strspn(*params, " ");
    *name = *params;
    size_t n = strcspn(*params, " ?");
    *params += n;
    *optional = **params == '?';
    *params += *optional;
    return n;
}

static void bind(struct jinja *j, const struct builtin *row, struct call *c)
{
    const struct args *args = c->args;
    const char *params = row->params, *name;
    bool optional, by_position = *params == '/';
    size_t n, i = 0, used = 0;
    params += by_position;
    while ((n = next_param(&params, &name, &optional)) > 0) {
        c->a[i] = i < args->n ? args->pos[i] : MISSING;
        for (size_t k = 0; !by_position && k < args->n_kw; k++) {
            const struct string *s = args->kw[k].name;
            if (s->n != n || memcmp(s->data, name, n))
                continue;
            if (i < args->n)
                jinja_raise(j, "%s: the argument \"%.*s\" is given twice", row->name, (int)n, name);
            c->a[i] = args->kw[k].value;
            used++;
        }
        if (!optional && !given(c->a[i]))
            jinja_raise(j, "%s needs the argument \"%.*s\"", row->name, (int)n, name);
        i++;
    }
    if (args->n > i)
        jinja_raise(
            j, "%s takes at most %llu arguments here, not %llu", row->name, (ull)i, (ull)args->n);
    if (used < args->n_kw)
        jinja_raise(j, "%s has no such argument as \"%s\"", row->name,
            string_label(args->kw[by_position ? 0 : args->n_kw - 1].name).text);
    while (i < MAX_PARAMS)
        c->a[i++] = MISSING;
}

struct value call_builtin(
    struct jinja *j, const struct builtin *row, struct value self, const struct args *args)
{
    struct call c = {.self = self, .args = args};
    jinja_enter(j);
    jinja_work(j, 1);
    if (row->params[0] != '*')
        bind(j, row, &c);
    struct value v = row->fn(j, &c);
    jinja_leave(j);
    return v;
}

/* ---- macros ---------------------------------------------------------------------------------- */

static struct value take_named(const struct args *args, bool *taken, const struct string *name)
{
    for (size_t i = 0; i < args->n_kw; i++) {
        if (args->kw[i].name == name && !taken[i]) {
            taken[i] = true;
            return args->kw[i].value;
        }
    }
    return MISSING;
}

/* The arguments that no parameter took. */
static void bind_rest(struct jinja *j, const struct node *node, struct scope *scope,
    const struct args *args, const bool *taken, size_t n_params)
{
    struct dict *named = dict_create(j);
    struct list *rest = list_create(j);
    for (size_t i = 0; i < args->n_kw; i++) {
        if (taken[i])
            continue;
        if (!node->kwargs)
            jinja_raise(j, "the macro \"%s\" has no parameter \"%s\"",
                node->name ? string_label(node->name).text : "caller",
                string_label(args->kw[i].name).text);
        dict_set(j, named, string_value(args->kw[i].name), args->kw[i].value);
    }
    for (size_t i = n_params; i < args->n; i++)
        list_add(j, rest, args->pos[i]);
    if (rest->n && !node->varargs)
        jinja_raise(j, "the macro \"%s\" takes at most %llu arguments, not %llu",
            node->name ? string_label(node->name).text : "caller", (ull)n_params, (ull)args->n);
    if (node->kwargs)
        scope_set(j, scope, string_intern(j, "kwargs", 6), dict_value(named));
    if (node->varargs)
        scope_set(j, scope, string_intern(j, "varargs", 7), tuple_value(rest));
}

static size_t count(const struct node *list)
{
    size_t n = 0;
    for (; list; list = list->next)
        n++;
    return n;
}

static void bind_params(struct jinja *j, const struct node *node, struct scope *scope,
    const struct args *args, bool *taken)
{
    size_t n_params = count(node->params), i = 0;
    size_t n_required = n_params - count(node->defaults);
    bool has_caller = false;
    const struct string *caller = string_intern(j, "caller", 6);
    const struct node *value = node->defaults, *p;
    struct value *given_values = mem_alloc(j, n_params, sizeof(*given_values));
    for (p = node->params; p; p = p->next, i++) {
        given_values[i] = i < args->n ? args->pos[i] : take_named(args, taken, p->name);
        has_caller |= p->name == caller;
    }
    if (node->flag && !has_caller) {
        struct value v = take_named(args, taken, caller);
        scope_set(
            j, scope, caller, given_not_none(v) ? v : undefined_value("no caller is defined here"));
    }
    bind_rest(j, node, scope, args, taken, n_params);
    for (p = node->params, i = 0; p; p = p->next, i++) {
        struct value v = given_values[i];
        if (!given(v))
            v = i >= n_required ? eval_node(j, scope, value)
                                : undefined_name(j, "the parameter \"%s\" was not given", p->name);
        if (i >= n_required)
            value = value->next;
        scope_set(j, scope, p->name, v);
    }
}

struct value call_macro(struct jinja *j, struct macro *macro, const struct args *args)
{
    struct scope *scope = scope_create(j, macro->scope);
    bool *taken = mem_alloc(j, args->n_kw, sizeof(*taken));
    jinja_enter(j);
    bind_params(j, macro->node, scope, args, taken);
    const struct string *text = exec_capture(j, scope, macro->node->list);
    jinja_leave(j);
    return string_value(text);
}

static struct value call_joiner(struct jinja *j, struct cycler *joiner, const struct args *args)
{
    if (args->n || args->n_kw)
        jinja_raise(j, "a joiner takes no arguments");
    return joiner->pos++ ? joiner->items->items[0] : text_value(j, "");
}

struct value call_value(struct jinja *j, struct value callee, const struct args *args)
{
    switch (callee.type) {
    case V_FUNCTION:
        return call_builtin(j, callee.as.function->row, callee.as.function->self, args);
    case V_MACRO:
        return call_macro(j, callee.as.macro, args);
    case V_LOOP:
        if (args->n != 1 || args->n_kw)
            jinja_raise(j, "a loop is called with the items to go through");
        return string_value(loop_recurse(j, callee.as.loop, args->pos[0]));
    case V_JOINER:
        return call_joiner(j, callee.as.cycler, args);
    case V_UNDEFINED:
        jinja_raise(j, "%s", callee.as.why);
    default:
        jinja_raise(j, "%s cannot be called", value_type_name(callee));
    }
}

/* ---- attributes and items ---------------------------------------------------------------------
 */

/* Attributes that are no items; V_MISSING: there is none. */
static struct value own_attribute(struct jinja *j, struct value v, const struct string *name)
{
    const struct builtin *method;
    struct value *member;
    switch (v.type) {
    case V_UNDEFINED:
        jinja_raise(j, "%s, so it has no \"%s\"", v.as.why, string_label(name).text);
    case V_LOOP:
        return loop_attribute(j, v.as.loop, name);
    case V_NAMESPACE:
        member = dict_find_name(j, v.as.dict, name);
        return member ? *member : MISSING;
    case V_TUPLE:
        if (v.as.list->group && (string_is(name, "grouper") || string_is(name, "list")))
            return v.as.list->items[string_is(name, "list")];
        break;
    case V_CYCLER:
        if (string_is(name, "current"))
            return v.as.cycler->items->items[v.as.cycler->pos];
        break;
    case V_MACRO:
        if (string_is(name, "name"))
            return v.as.macro->node->name ? string_value(v.as.macro->node->name) : NONE;
        break;
    default:
        break;
    }
    method = jinja_find_method(v, name);
    if (!method)
        return MISSING;
    struct function *f = mem_alloc(j, 1, sizeof(*f));
    *f = (struct function){.row = method, .self = v};
    return (struct value){.type = V_FUNCTION, .as.function = f};
}

static struct value missing_item(struct jinja *j, struct value v, struct value key)
{
    char *text = mem_alloc(j, 200, 1);
    struct buffer b = {0};
    print_repr(j, &b, key);
    snprintf(text, 200, "%s has no %s", value_type_name(v), utf8_label(b.data, b.n).text);
    return undefined_value(text);
}

static struct value plain_item(struct jinja *j, struct value v, struct value key)
{
    int64_t n = value_length(v);
    if (v.type == V_DICT) {
        if (key.type == V_LIST || key.type == V_DICT)
            return MISSING;
        struct value *found = dict_find(j, v.as.dict, key);
        return found ? *found : MISSING;
    }
    if (!is_integer(key) || (!is_sequence_type(v) && v.type != V_STRING && v.type != V_RANGE))
        return MISSING;
    int64_t i = integer_of(key);
    if (i < -n || i >= n)
        return MISSING;
    i += i < 0 ? n : 0;
    if (v.type == V_STRING)
        return string_value(string_cut(j, v.as.s, (size_t)i, (size_t)i + 1));
    if (v.type == V_RANGE)
        return int_value(v.as.range->start + i * v.as.range->step);
    return v.as.list->items[i];
}

struct value value_attribute(struct jinja *j, struct value v, const struct string *name)
{
    struct value found = own_attribute(j, v, name);
    if (!given(found))
        found = plain_item(j, v, string_value(name));
    return given(found) ? found : missing_item(j, v, string_value(name));
}

struct value value_own_attribute(struct jinja *j, struct value v, const struct string *name)
{
    struct value found = own_attribute(j, v, name);
    return given(found) ? found : missing_item(j, v, string_value(name));
}

struct value value_item(struct jinja *j, struct value v, struct value key)
{
    struct value found = plain_item(j, v, key);
    if (!given(found) && v.type == V_UNDEFINED)
        jinja_raise(j, "%s, so it has no items", v.as.why);
    if (!given(found) && key.type == V_STRING)
        found = own_attribute(j, v, key.as.s);
    return given(found) ? found : missing_item(j, v, key);
}
