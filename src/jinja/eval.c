/* Evaluates expressions. */
#include "jinja/internal.h"

static struct value eval_list(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct list *list = list_create(j);
    for (const struct node *n = node->list; n; n = n->next)
        list_add(j, list, eval_node(j, scope, n));
    return node->type == N_LIST ? list_value(list) : tuple_value(list);
}

static struct value eval_dict(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct dict *d = dict_create(j);
    for (const struct node *n = node->list; n; n = n->next->next) {
        struct value key = eval_node(j, scope, n);
        dict_set(j, d, key, eval_node(j, scope, n->next));
    }
    return dict_value(d);
}

static struct value eval_item(struct jinja *j, struct scope *scope, const struct node *node)
{
    const struct node *key = node->b;
    struct value v = eval_node(j, scope, node->a);
    if (key->type != N_SLICE)
        return value_item(j, v, eval_node(j, scope, key));
    /* Python's Jinja works constants out when it compiles, and there this is no error. */
    if (node->a->type == N_CONST && v.type != V_STRING)
        return undefined_value("this constant has no slices");
    struct value bounds[3] = {key->a ? eval_node(j, scope, key->a) : NONE,
        key->b ? eval_node(j, scope, key->b) : NONE, key->c ? eval_node(j, scope, key->c) : NONE};
    return slice_value(j, v, bounds);
}

static bool compare(struct jinja *j, int op, struct value a, struct value b)
{
    switch (op) {
    case T_EQ:
        return value_equal(j, a, b);
    case T_NE:
        return !value_equal(j, a, b);
    case T_IN:
        return value_contains(j, b, a);
    case T_NOT_IN:
        return !value_contains(j, b, a);
    default:
        break;
    }
    int order = value_compare(j, a, b, token_name(op));
    if (order == 2)
        return false;
    return op == T_LT ? order < 0 : op == T_LE ? order <= 0 : op == T_GT ? order > 0 : order >= 0;
}

static struct value eval_compare(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct value left = eval_node(j, scope, node->a);
    for (const struct node *n = node->list; n; n = n->next) {
        struct value right = eval_node(j, scope, n->a);
        if (!compare(j, n->op, left, right))
            return bool_value(false);
        left = right;
    }
    return bool_value(true);
}

static struct value eval_concat(struct jinja *j, struct scope *scope, const struct node *node)
{
    const struct string *s = value_string(j, eval_node(j, scope, node->list));
    for (const struct node *n = node->list->next; n; n = n->next)
        s = string_concat(j, s, value_string(j, eval_node(j, scope, n)));
    return string_value(s);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void add_named(struct jinja *j, struct args *args, struct value more)
{
    if (more.type != V_DICT)
        jinja_raise(j, "\"**\" needs a dict after it, not %s", value_type_name(more));
    struct kwarg *kw = mem_alloc(j, args->n_kw + more.as.dict->n, sizeof(*kw));
    if (args->n_kw)
        memcpy(kw, args->kw, args->n_kw * sizeof(*kw));
    args->kw = kw;
    for (size_t i = 0; i < more.as.dict->n; i++) {
        struct value key = more.as.dict->entries[i].key;
        if (key.type != V_STRING)
            jinja_raise(
                j, "the name of an argument must be a string, not %s", value_type_name(key));
        const struct string *name = string_intern(j, key.as.s->data, key.as.s->n);
        for (size_t k = 0; k < args->n_kw; k++)
            if (kw[k].name == name)
                jinja_raise(j, "the argument \"%s\" is given twice", string_label(name).text);
        kw[args->n_kw++] = (struct kwarg){.name = name, .value = more.as.dict->entries[i].value};
    }
}

static struct args eval_args(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct list pos = {0};
    struct args args = {0};
    size_t n_kw = 0;
    for (const struct node *n = node->list; n; n = n->next) {
        if (n->type == N_KEYWORD)
            n_kw++;
        else
            list_add(j, &pos, eval_node(j, scope, n));
    }
    args.kw = mem_alloc(j, n_kw, sizeof(*args.kw));
    for (const struct node *n = node->list; n; n = n->next) {
        if (n->type != N_KEYWORD)
            continue;
        for (size_t i = 0; i < args.n_kw; i++)
            if (args.kw[i].name == n->name)
                jinja_raise(j, "the argument \"%s\" is given twice", string_label(n->name).text);
        args.kw[args.n_kw].name = n->name;
        args.kw[args.n_kw++].value = eval_node(j, scope, n->a);
    }
    if (node->star) {
        struct iter *it = iter_of(j, eval_node(j, scope, node->star));
        struct value v;
        while (iter_next(j, it, &v))
            list_add(j, &pos, v);
    }
    if (node->star_star)
        add_named(j, &args, eval_node(j, scope, node->star_star));
    args.pos = pos.items;
    args.n = pos.n;
    return args;
}

static struct value eval_call(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct value callee = eval_node(j, scope, node->a);
    struct args args = eval_args(j, scope, node);
    j->line = node->line;
    return call_value(j, callee, &args);
}

static struct value eval_builtin(
    struct jinja *j, struct scope *scope, const struct node *node, struct value input)
{
    if (!node->builtin)
        jinja_raise(j, "there is no %s \"%s\"", node->type == N_FILTER ? "filter" : "test",
            string_label(node->name).text);
    struct args args = eval_args(j, scope, node);
    return call_builtin(j, node->builtin, input, &args);
}

struct value eval_filter(
    struct jinja *j, struct scope *scope, const struct node *node, struct value input)
{
    jinja_enter(j);
    if (node->a)
        input = eval_filter(j, scope, node->a, input);
    jinja_leave(j);
    return eval_builtin(j, scope, node, input);
}

/* ---- all ------------------------------------------------------------------------------------- */

static struct value eval_name(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct value *v = scope_find(scope, node->name);
    return v ? *v : undefined_name(j, "\"%s\" is undefined", node->name);
}

static struct value eval_condition(struct jinja *j, struct scope *scope, const struct node *node)
{
    if (value_true(j, eval_node(j, scope, node->b)))
        return eval_node(j, scope, node->a);
    return node->c ? eval_node(j, scope, node->c)
                   : undefined_value("an if without an else was false");
}

static struct value eval_logic(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct value left = eval_node(j, scope, node->a);
    bool stop = value_true(j, left) == (node->type == N_OR);
    return stop ? left : eval_node(j, scope, node->b);
}

static struct value eval_operation(struct jinja *j, struct scope *scope, const struct node *node)
{
    struct value left = eval_node(j, scope, node->a);
    return value_operate(j, node->op, left, eval_node(j, scope, node->b));
}

static struct value eval_any(struct jinja *j, struct scope *scope, const struct node *node)
{
    switch (node->type) {
    case N_CONST:
        return node->value;
    case N_NAME:
        return eval_name(j, scope, node);
    case N_LIST:
    case N_TUPLE:
        return eval_list(j, scope, node);
    case N_DICT:
        return eval_dict(j, scope, node);
    case N_ATTR:
        return value_attribute(j, eval_node(j, scope, node->a), node->name);
    case N_ITEM:
        return eval_item(j, scope, node);
    case N_CALL:
        return eval_call(j, scope, node);
    case N_FILTER:
    case N_TEST:
        return eval_builtin(j, scope, node, eval_node(j, scope, node->a));
    case N_NOT:
        return bool_value(!value_true(j, eval_node(j, scope, node->a)));
    case N_NEG:
        return value_negate(j, eval_node(j, scope, node->a));
    case N_POS:
        return value_operate(j, T_ADD, int_value(0), eval_node(j, scope, node->a));
    case N_BINARY:
        return eval_operation(j, scope, node);
    case N_CONCAT:
        return eval_concat(j, scope, node);
    case N_COMPARE:
        return eval_compare(j, scope, node);
    case N_AND:
    case N_OR:
        return eval_logic(j, scope, node);
    case N_CONDITION:
        return eval_condition(j, scope, node);
    default:
        jinja_raise(j, "a slice is expected in brackets after one value only");
    }
}

struct value eval_node(struct jinja *j, struct scope *scope, const struct node *node)
{
    jinja_enter(j);
    jinja_work(j, 1);
    struct value v = eval_any(j, scope, node);
    jinja_leave(j);
    return v;
}
