/* Runs statements. */
#include "jinja/internal.h"

struct scope *scope_create(struct jinja *j, struct scope *parent)
{
    struct scope *scope = mem_alloc(j, 1, sizeof(*scope));
    scope->parent = parent;
    return scope;
}

void scope_set(struct jinja *j, struct scope *scope, const struct string *name, struct value v)
{
    for (size_t i = 0; i < scope->n; i++) {
        if (scope->variables[i].name == name) {
            scope->variables[i].value = v;
            return;
        }
    }
    if (scope->n == scope->cap) {
        size_t cap = scope->cap ? 2 * scope->cap : 4;
        struct variable *grown = mem_alloc(j, cap, sizeof(*grown));
        if (scope->n)
            memcpy(grown, scope->variables, scope->n * sizeof(*grown));
        scope->variables = grown;
        scope->cap = cap;
    }
    scope->variables[scope->n++] = (struct variable){.name = name, .value = v};
}

struct value *scope_find(struct scope *scope, const struct string *name)
{
    for (; scope; scope = scope->parent)
        for (size_t i = 0; i < scope->n; i++)
            if (scope->variables[i].name == name)
                return &scope->variables[i].value;
    return NULL;
}

static void assign_tuple(
    struct jinja *j, struct scope *scope, const struct node *target, struct value v)
{
    struct list *items = list_of(j, v);
    size_t n = 0;
    for (const struct node *t = target->list; t; t = t->next)
        n++;
    if (n != items->n)
        jinja_raise(j, "%llu values cannot be assigned to %llu names", (ull)items->n, (ull)n);
    n = 0;
    for (const struct node *t = target->list; t; t = t->next)
        exec_assign(j, scope, t, items->items[n++]);
}

void exec_assign(struct jinja *j, struct scope *scope, const struct node *target, struct value v)
{
    if (target->type == N_NAME) {
        scope_set(j, scope, target->name, v);
    } else if (target->type == N_TUPLE) {
        assign_tuple(j, scope, target, v);
    } else {
        struct value *object = scope_find(scope, target->a->name);
        if (!object || object->type != V_NAMESPACE)
            jinja_raise(j, "\"%s\" is no namespace, so \"%s\" cannot be set in it",
                string_label(target->a->name).text, string_label(target->name).text);
        dict_set(j, object->as.dict, string_value(target->name), v);
    }
}

const struct string *exec_capture(struct jinja *j, struct scope *scope, const struct node *list)
{
    struct buffer *outer = j->out, inner = {0};
    j->out = &inner;
    exec_list(j, scope, list);
    j->out = outer;
    return string_buffer(j, &inner);
}

static enum flow exec_if(struct jinja *j, struct scope *scope, const struct node *node)
{
    while (node && node->type == N_IF && !value_true(j, eval_node(j, scope, node->a))) {
        node = node->other;
        jinja_work(j, 1);
        if (!node || node->type != N_IF)
            return exec_list(j, scope, node);
        /* An "elif" is the only node of its list; an "else" that begins with an if is not one. */
        if (node->next)
            return exec_list(j, scope, node);
    }
    return node ? exec_list(j, scope, node->list) : FLOW_ON;
}

static void exec_set_block(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct value v = string_value(exec_capture(j, scope_create(j, scope), node->list));
    if (node->b)
        v = eval_filter(j, scope, node->b, v);
    exec_assign(j, scope, node->a, v);
}

static void exec_filter_block(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct scope *inner = scope_create(j, scope);
    struct value v = string_value(exec_capture(j, inner, node->list));
    print_value(j, j->out, eval_filter(j, inner, node->b, v));
}

static void exec_with(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct scope *inner = scope_create(j, scope);
    const struct node *v = node->defaults;
    for (const struct node *t = node->params; t; t = t->next, v = v->next)
        exec_assign(j, inner, t, eval_node(j, scope, v));
    exec_list(j, inner, node->list);
}

static struct value macro_value(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct macro *macro = mem_alloc(j, 1, sizeof(*macro));
    *macro = (struct macro){.node = node, .scope = scope};
    return (struct value){.type = V_MACRO, .as.macro = macro};
}

static void exec_call_block(struct jinja *j, struct scope *scope, const struct node *node)
{
    /* The call gets one more named argument: what is between the tags. */
    struct scope *inner = scope_create(j, scope);
    const struct string *caller = string_intern(j, "caller", 6);
    struct node name = {.type = N_CONST, .line = node->line};
    struct node keyword = {.type = N_KEYWORD, .line = node->line, .name = caller, .a = &name};
    struct node call = *node->a, *copy = NULL, **last = &copy;
    name.value = macro_value(j, scope, node);
    for (const struct node *n = call.list; n; n = n->next) {
        *last = mem_alloc(j, 1, sizeof(**last));
        **last = *n;
        last = &(*last)->next;
    }
    *last = &keyword;
    call.list = copy;
    print_value(j, j->out, eval_node(j, inner, &call));
}

/* Blocks see the variables of the template's top level, and of loops around them if "scoped". */
static void exec_block(struct jinja *j, struct scope *scope, const struct node *node)
{
    while (!node->flag && scope->parent && scope->parent != j->globals)
        scope = scope->parent;
    exec_list(j, scope_create(j, scope), node->list);
}

static enum flow exec_node(struct jinja *j, struct scope *scope, const struct node *node)
{
    switch (node->type) {
    case N_OUTPUT:
        print_value(j, j->out, eval_node(j, scope, node->a));
        return FLOW_ON;
    case N_IF:
        return exec_if(j, scope, node);
    case N_FOR:
        return exec_for(j, scope, node);
    case N_SET:
        exec_assign(j, scope, node->a, eval_node(j, scope, node->b));
        return FLOW_ON;
    case N_SET_BLOCK:
        exec_set_block(j, scope, node);
        return FLOW_ON;
    case N_MACRO:
        scope_set(j, scope, node->name, macro_value(j, scope, node));
        return FLOW_ON;
    case N_CALL_BLOCK:
        exec_call_block(j, scope, node);
        return FLOW_ON;
    case N_FILTER_BLOCK:
        exec_filter_block(j, scope, node);
        return FLOW_ON;
    case N_WITH:
        exec_with(j, scope, node);
        return FLOW_ON;
    case N_BLOCK:
        exec_block(j, scope, node);
        return FLOW_ON;
    case N_SCOPE:
        return exec_list(j, scope_create(j, scope), node->list);
    case N_BREAK:
        return FLOW_BREAK;
    case N_CONTINUE:
        return FLOW_CONTINUE;
    default:
        jinja_raise(j, "other templates cannot be included, imported or extended");
    }
}

enum flow exec_list(struct jinja *j, struct scope *scope, const struct node *list)
{
    enum flow flow = FLOW_ON;
    jinja_enter(j);
    for (; list && flow == FLOW_ON; list = list->next) {
        j->line = list->line;
        jinja_work(j, 1);
        flow = exec_node(j, scope, list);
    }
    jinja_leave(j);
    return flow;
}
