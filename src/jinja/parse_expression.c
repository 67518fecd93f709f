/* Expressions, by precedence: if, or, and, not, comparisons, + -, ~, * / // %, **, signs, postfix,
 * filters and tests. */
#include "jinja/internal.h"

static void enter_parser(struct parser *p)
{
    p->j->line = p->at->line;
    /* A level of the tree takes several calls here, so it counts more than one does when run. */
    if (p->j->depth >= p->j->limits.depth / 4)
        jinja_raise(p->j, "it is nested more than %u deep, the most an expression may be",
            p->j->limits.depth / 4);
    p->j->depth++;
}

static struct node *binary(struct parser *p, enum node_type type, struct node *a, struct node *b)
{
    struct node *node = node_create(p, type);
    node->a = a;
    node->b = b;
    return node;
}

static struct node *operation(struct parser *p, int op, struct node *a, struct node *b)
{
    struct node *node = binary(p, N_BINARY, a, b);
    node->op = op;
    return node;
}

/* ---- primaries ------------------------------------------------------------------------------- */

static struct node *constant(struct parser *p, struct value v)
{
    struct node *node = node_create(p, N_CONST);
    node->value = v;
    return node;
}

static struct node *parse_word(struct parser *p)
{
    const struct token *t = p->at++;
    if (parse_is_name(t, "true") || parse_is_name(t, "True"))
        return constant(p, bool_value(true));
    if (parse_is_name(t, "false") || parse_is_name(t, "False"))
        return constant(p, bool_value(false));
    if (parse_is_name(t, "none") || parse_is_name(t, "None"))
        return constant(p, NONE);
    struct node *node = node_create(p, N_NAME);
    node->name = t->text;
    for (size_t i = 0; i < p->n_macros; i++) {
        p->macros[i]->flag |= string_is(t->text, "caller");
        p->macros[i]->varargs |= string_is(t->text, "varargs");
        p->macros[i]->kwargs |= string_is(t->text, "kwargs");
    }
    return node;
}

/* Strings beside each other are one. */
static struct node *parse_string(struct parser *p)
{
    const struct string *s = p->at++->text;
    while (p->at->type == T_STRING)
        s = string_concat(p->j, s, p->at++->text);
    return constant(p, string_value(s));
}

static struct node *parse_list(struct parser *p)
{
    struct node *node = node_create(p, N_LIST), **end = &node->list;
    p->at++;
    while (p->at->type != T_RBRACKET) {
        if (node->list) {
            parse_expect(p, T_COMMA);
            if (p->at->type == T_RBRACKET)
                break;
        }
        *end = parse_expression(p, true);
        end = &(*end)->next;
    }
    p->at++;
    return node;
}

static struct node *parse_dict(struct parser *p)
{
    struct node *node = node_create(p, N_DICT), **end = &node->list;
    p->at++;
    while (p->at->type != T_RBRACE) {
        if (node->list) {
            parse_expect(p, T_COMMA);
            if (p->at->type == T_RBRACE)
                break;
        }
        *end = parse_expression(p, true);
        end = &(*end)->next;
        parse_expect(p, T_COLON);
        *end = parse_expression(p, true);
        end = &(*end)->next;
    }
    p->at++;
    return node;
}

struct node *parse_primary(struct parser *p)
{
    struct node *node;
    switch (p->at->type) {
    case T_NAME:
        return parse_word(p);
    case T_STRING:
        return parse_string(p);
    case T_INTEGER:
    case T_FLOAT:
        return constant(p, p->at++->number);
    case T_LPAREN:
        p->at++;
        node = parse_tuple(p, true, NULL, true);
        parse_expect(p, T_RPAREN);
        return node;
    case T_LBRACKET:
        return parse_list(p);
    case T_LBRACE:
        return parse_dict(p);
    default:
        parse_fail(p, "an expression");
    }
}

static bool ends_tuple(const struct parser *p, const char *end)
{
    enum token_type t = p->at->type;
    return t == T_VARIABLE_END || t == T_BLOCK_END || t == T_RPAREN ||
           (end && parse_is_name(p->at, end));
}

struct node *parse_tuple(struct parser *p, bool condition, const char *end, bool parentheses)
{
    struct node *first = NULL, **last = &first, *node;
    bool tuple = false;
    for (;;) {
        if (first)
            parse_expect(p, T_COMMA);
        if (ends_tuple(p, end))
            break;
        *last = parse_expression(p, condition);
        last = &(*last)->next;
        if (p->at->type != T_COMMA)
            break;
        tuple = true;
    }
    if (!tuple && first)
        return first;
    if (!tuple && !parentheses)
        parse_fail(p, "an expression");
    node = node_create(p, N_TUPLE);
    node->list = first;
    return node;
}

/* ---- postfix --------------------------------------------------------------------------------- */

/* Arguments in parentheses, into list (N_KEYWORD: by name), star and star_star. */
static void parse_arguments(struct parser *p, struct node *node)
{
    struct node **end = &node->list;
    bool named = false;
    for (p->at++; p->at->type != T_RPAREN;) {
        if (node->list || node->star || node->star_star) {
            parse_expect(p, T_COMMA);
            if (p->at->type == T_RPAREN)
                break;
        }
        if (p->at->type == T_MUL && !node->star && !node->star_star) {
            p->at++;
            node->star = parse_expression(p, true);
        } else if (p->at->type == T_POW && !node->star_star) {
            p->at++;
            node->star_star = parse_expression(p, true);
        } else if (p->at->type == T_NAME && p->at[1].type == T_ASSIGN && !node->star_star) {
            struct node *keyword = node_create(p, N_KEYWORD);
            keyword->name = p->at->text;
            p->at += 2;
            keyword->a = parse_expression(p, true);
            *end = keyword;
            end = &keyword->next;
            named = true;
        } else {
            if (named || node->star || node->star_star)
                parse_fail(p, "no argument after named or starred ones");
            *end = parse_expression(p, true);
            end = &(*end)->next;
        }
    }
    p->at++;
}

static struct node *parse_call(struct parser *p, struct node *callee)
{
    struct node *node = node_create(p, N_CALL);
    node->a = callee;
    parse_arguments(p, node);
    return node;
}

/* One of the parts of a slice; NULL where it is left out. */
static struct node *slice_part(struct parser *p)
{
    enum token_type t = p->at->type;
    return t == T_COLON || t == T_RBRACKET || t == T_COMMA ? NULL : parse_expression(p, true);
}

static struct node *parse_subscript_item(struct parser *p)
{
    struct node *first = p->at->type == T_COLON ? NULL : parse_expression(p, true);
    if (first && p->at->type != T_COLON)
        return first;
    struct node *node = node_create(p, N_SLICE);
    node->a = first;
    p->at++;
    node->b = slice_part(p);
    if (parse_skip(p, T_COLON))
        node->c = slice_part(p);
    return node;
}

static struct node *parse_subscript(struct parser *p, struct node *node)
{
    const struct token *t = p->at++;
    if (t->type == T_DOT) {
        t = p->at++;
        if (t->type == T_NAME) {
            node = binary(p, N_ATTR, node, NULL);
            node->name = t->text;
            return node;
        }
        if (t->type != T_INTEGER) {
            p->at--;
            parse_fail(p, "a name");
        }
        return binary(p, N_ITEM, node, constant(p, t->number));
    }
    struct node *key = parse_subscript_item(p);
    if (p->at->type == T_COMMA) {
        struct node *tuple = node_create(p, N_TUPLE), **end;
        tuple->list = key;
        end = &key->next;
        while (parse_skip(p, T_COMMA)) {
            *end = parse_subscript_item(p);
            end = &(*end)->next;
        }
        key = tuple;
    }
    parse_expect(p, T_RBRACKET);
    return binary(p, N_ITEM, node, key);
}

struct node *parse_postfix(struct parser *p, struct node *node)
{
    for (;; jinja_work(p->j, 1)) {
        if (p->at->type == T_DOT || p->at->type == T_LBRACKET)
            node = parse_subscript(p, node);
        else if (p->at->type == T_LPAREN)
            node = parse_call(p, node);
        else
            return node;
    }
}

static const struct string *dotted_name(struct parser *p)
{
    const struct string *name = parse_name(p);
    while (parse_skip(p, T_DOT)) {
        name = string_concat(p->j, name, string_text(p->j, "."));
        name = string_concat(p->j, name, parse_name(p));
    }
    return name;
}

/* A filter or test that does not exist fails the template, or, where it may not be reached, only
 * when it is run. */
static void note_unknown(struct parser *p, struct node *node)
{
    if (node->builtin || p->soft)
        return;
    node->other = p->unknown;
    p->unknown = node;
}

static struct node *parse_filter(struct parser *p, struct node *input)
{
    struct node *node = node_create(p, N_FILTER);
    node->a = input;
    node->name = dotted_name(p);
    node->builtin = jinja_find_filter(node->name);
    note_unknown(p, node);
    if (p->at->type == T_LPAREN)
        parse_arguments(p, node);
    return node;
}

static bool begins_argument(const struct parser *p)
{
    switch (p->at->type) {
    case T_NAME:
        return !parse_is_name(p->at, "else") && !parse_is_name(p->at, "or") &&
               !parse_is_name(p->at, "and");
    case T_STRING:
    case T_INTEGER:
    case T_FLOAT:
    case T_LPAREN:
    case T_LBRACKET:
    case T_LBRACE:
        return true;
    default:
        return false;
    }
}

static struct node *parse_test(struct parser *p, struct node *input)
{
    p->at++;
    bool negated = parse_skip_name(p, "not");
    struct node *node = node_create(p, N_TEST);
    node->a = input;
    node->name = dotted_name(p);
    node->builtin = jinja_find_test(node->name);
    note_unknown(p, node);
    if (p->at->type == T_LPAREN) {
        parse_arguments(p, node);
    } else if (begins_argument(p)) {
        if (parse_is_name(p->at, "is"))
            parse_fail(p, "no second \"is\" in a chain of tests");
        node->list = parse_postfix(p, parse_primary(p));
    }
    return negated ? binary(p, N_NOT, node, NULL) : node;
}

/* begun: the first filter's name is next, without a pipe. */
struct node *parse_filters(struct parser *p, struct node *node, bool begun)
{
    for (;; jinja_work(p->j, 1)) {
        if (begun || p->at->type == T_PIPE) {
            p->at += !begun;
            node = parse_filter(p, node);
            begun = false;
        } else if (node && parse_is_name(p->at, "is")) {
            node = parse_test(p, node);
        } else if (node && p->at->type == T_LPAREN) { /* calls also bind here */
            node = parse_call(p, node);
        } else {
            return node;
        }
    }
}

/* ---- operators ------------------------------------------------------------------------------- */

struct node *parse_unary(struct parser *p, bool filters)
{
    struct node *node;
    enter_parser(p);
    if (p->at->type == T_SUB || p->at->type == T_ADD) {
        node = node_create(p, p->at->type == T_SUB ? N_NEG : N_POS);
        p->at++;
        node->a = parse_unary(p, false);
    } else {
        node = parse_primary(p);
    }
    node = parse_postfix(p, node);
    if (filters)
        node = parse_filters(p, node, false);
    jinja_leave(p->j);
    return node;
}

static struct node *parse_power(struct parser *p)
{
    struct node *left = parse_unary(p, true);
    while (parse_skip(p, T_POW))
        left = operation(p, T_POW, left, parse_unary(p, true));
    return left;
}

static struct node *parse_product(struct parser *p)
{
    struct node *left = parse_power(p);
    for (;;) {
        enum token_type t = p->at->type;
        if (t != T_MUL && t != T_DIV && t != T_FLOORDIV && t != T_MOD)
            return left;
        p->at++;
        left = operation(p, t, left, parse_power(p));
    }
}

static struct node *parse_concat(struct parser *p)
{
    struct node *first = parse_product(p);
    if (p->at->type != T_TILDE)
        return first;
    struct node *node = node_create(p, N_CONCAT), **end = &first->next;
    node->list = first;
    while (parse_skip(p, T_TILDE)) {
        *end = parse_product(p);
        end = &(*end)->next;
    }
    return node;
}

static struct node *parse_sum(struct parser *p)
{
    struct node *left = parse_concat(p);
    for (;;) {
        enum token_type t = p->at->type;
        if (t != T_ADD && t != T_SUB)
            return left;
        p->at++;
        left = operation(p, t, left, parse_concat(p));
    }
}

static int comparison(struct parser *p)
{
    enum token_type t = p->at->type;
    if (t >= T_EQ && t <= T_LE) {
        p->at++;
        return t;
    }
    if (parse_skip_name(p, "in"))
        return T_IN;
    if (parse_is_name(p->at, "not") && parse_is_name(p->at + 1, "in")) {
        p->at += 2;
        return T_NOT_IN;
    }
    return T_END;
}

static struct node *parse_compare(struct parser *p)
{
    struct node *first = parse_sum(p), *node = NULL, **end = NULL;
    for (;;) {
        int op = comparison(p);
        if (op == T_END)
            return node ? node : first;
        if (!node) {
            node = binary(p, N_COMPARE, first, NULL);
            end = &node->list;
        }
        *end = binary(p, N_OPERAND, parse_sum(p), NULL);
        (*end)->op = op;
        end = &(*end)->next;
    }
}

static struct node *parse_not(struct parser *p)
{
    if (!parse_is_name(p->at, "not"))
        return parse_compare(p);
    enter_parser(p);
    p->at++;
    struct node *node = binary(p, N_NOT, parse_not(p), NULL);
    jinja_leave(p->j);
    return node;
}

static struct node *parse_and(struct parser *p)
{
    struct node *left = parse_not(p);
    while (parse_skip_name(p, "and"))
        left = binary(p, N_AND, left, parse_not(p));
    return left;
}

static struct node *parse_or(struct parser *p)
{
    struct node *left = parse_and(p);
    while (parse_skip_name(p, "or"))
        left = binary(p, N_OR, left, parse_and(p));
    return left;
}

struct node *parse_expression(struct parser *p, bool condition)
{
    struct node *unknown = p->unknown;
    enter_parser(p);
    struct node *node = parse_or(p);
    while (condition && parse_skip_name(p, "if")) {
        struct node *choice = binary(p, N_CONDITION, node, NULL);
        choice->b = parse_or(p);
        if (parse_skip_name(p, "else"))
            choice->c = parse_expression(p, true);
        p->unknown = unknown; /* what may not be reached fails only if it is */
        node = choice;
    }
    jinja_leave(p->j);
    return node;
}
