/* Statements, and the template as a whole. */
#include "jinja/internal.h"

struct node *node_create(struct parser *p, enum node_type type)
{
    struct node *node = mem_alloc(p->j, 1, sizeof(*node));
    jinja_work(p->j, 1);
    node->type = type;
    node->line = p->at->line;
    return node;
}

void parse_fail(struct parser *p, const char *expected)
{
    const struct token *t = p->at;
    p->j->line = t->line;
    if (t->type == T_NAME)
        jinja_raise(p->j, "\"%s\", expected %s", string_label(t->text).text, expected);
    jinja_raise(p->j, "%s, expected %s", token_name(t->type), expected);
}

bool parse_is_name(const struct token *t, const char *name)
{
    return t->type == T_NAME && string_is(t->text, name);
}

bool parse_skip_name(struct parser *p, const char *name)
{
    bool found = parse_is_name(p->at, name);
    p->at += found;
    return found;
}

bool parse_skip(struct parser *p, enum token_type type)
{
    bool found = p->at->type == type;
    p->at += found;
    return found;
}

void parse_expect(struct parser *p, enum token_type type)
{
    if (!parse_skip(p, type))
        parse_fail(p, token_name(type));
}

const struct string *parse_name(struct parser *p)
{
    if (p->at->type != T_NAME)
        parse_fail(p, "a name");
    return p->at++->text;
}

/* ---- targets of assignments ------------------------------------------------------------------ */

static struct node *name_node(struct parser *p)
{
    static const char *const reserved[] = {"true", "false", "none", "True", "False", "None"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (parse_is_name(p->at, reserved[i]))
            parse_fail(p, "a name that can be assigned to");
    struct node *node = node_create(p, N_NAME);
    node->name = parse_name(p);
    return node;
}

static struct node *parse_target_item(struct parser *p)
{
    if (p->at->type != T_LPAREN)
        return name_node(p);
    jinja_enter(p->j);
    p->at++;
    struct node *node = parse_target(p, NULL, false);
    parse_expect(p, T_RPAREN);
    jinja_leave(p->j);
    return node;
}

/* One name, or several. end: a name that ends them, or NULL. */
struct node *parse_target(struct parser *p, const char *end, bool with_namespace)
{
    if (with_namespace && p->at->type == T_NAME && p->at[1].type == T_DOT) {
        struct node *node = node_create(p, N_NSREF);
        node->a = name_node(p);
        p->at++;
        node->name = parse_name(p);
        return node;
    }
    struct node *first = parse_target_item(p), **last = &first->next;
    if (p->at->type != T_COMMA)
        return first;
    struct node *tuple = node_create(p, N_TUPLE);
    tuple->list = first;
    while (parse_skip(p, T_COMMA)) {
        enum token_type t = p->at->type;
        if (t == T_RPAREN || t == T_BLOCK_END || t == T_ASSIGN ||
            (end && parse_is_name(p->at, end)))
            break;
        *last = parse_target_item(p);
        last = &(*last)->next;
    }
    return tuple;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

/* Names that end a body, separated by blanks; NULL: the end of the template does. */
static bool ends_body(const struct token *t, const char *ends)
{
    while (ends && *ends) {
        size_t n = strcspn(ends, " ");
        if (t->type == T_NAME && t->text->n == n && !memcmp(t->text->data, ends, n))
            return true;
        ends += n + (ends[n] == ' ');
    }
    return false;
}

static struct node *parse_statement(struct parser *p);

static struct node *output(struct parser *p, struct node *expression)
{
    struct node *node = node_create(p, N_OUTPUT);
    node->a = expression;
    return node;
}

static struct node *data_node(struct parser *p)
{
    struct node *node = node_create(p, N_CONST);
    node->value = string_value(p->at++->text);
    return output(p, node);
}

static struct node *parse_list_until(struct parser *p, const char *ends)
{
    struct node *first = NULL, **last = &first;
    while (p->at->type != T_END) {
        if (p->at->type == T_DATA) {
            *last = data_node(p);
        } else if (parse_skip(p, T_VARIABLE_BEGIN)) {
            struct node *node = output(p, NULL);
            node->a = parse_tuple(p, true, NULL, false);
            *last = node;
            parse_expect(p, T_VARIABLE_END);
        } else {
            p->at++; /* T_BLOCK_BEGIN */
            if (ends_body(p->at, ends))
                return first;
            *last = parse_statement(p);
            parse_expect(p, T_BLOCK_END);
        }
        while (*last) /* a statement may be none, or several */
            last = &(*last)->next;
    }
    if (ends)
        parse_fail(p, ends);
    return first;
}

/* Up to one of the ends, which is the current token then. soft: see struct parser. */
static struct node *parse_body(struct parser *p, const char *ends, bool soft)
{
    bool outer = p->soft;
    jinja_enter(p->j);
    p->soft = soft;
    parse_skip(p, T_COLON);
    parse_expect(p, T_BLOCK_END);
    struct node *first = parse_list_until(p, ends);
    p->soft = outer;
    jinja_leave(p->j);
    return first;
}

static struct node *parse_whole_body(struct parser *p, const char *end)
{
    struct node *first = parse_body(p, end, false);
    p->at++;
    return first;
}

/* A body that is a function of its own: no loop around it can be left from inside. */
static struct node *parse_macro_body(struct parser *p, struct node *macro, const char *end)
{
    uint32_t loops = p->loops;
    if (p->n_macros == p->cap_macros) {
        size_t cap = p->cap_macros ? 2 * p->cap_macros : 8;
        struct node **grown = mem_alloc(p->j, cap, sizeof(struct node *));
        for (size_t i = 0; i < p->n_macros; i++)
            grown[i] = p->macros[i];
        p->macros = grown;
        p->cap_macros = cap;
    }
    p->macros[p->n_macros++] = macro;
    p->loops = 0;
    struct node *body = parse_whole_body(p, end);
    p->loops = loops;
    p->n_macros--;
    return body;
}

/* ---- statements ------------------------------------------------------------------------------ */

static struct node *parse_if(struct parser *p)
{
    struct node *first = NULL, **place = &first;
    bool soft = p->soft;
    for (;;) {
        struct node *node = node_create(p, N_IF);
        *place = node;
        p->soft = true;
        node->a = parse_tuple(p, false, NULL, false);
        p->soft = soft;
        node->list = parse_body(p, "elif else endif", true);
        place = &node->other;
        if (parse_skip_name(p, "elif"))
            continue;
        if (parse_skip_name(p, "else")) {
            *place = parse_body(p, "endif", true);
        }
        p->at++;
        return first;
    }
}

static struct node *parse_for(struct parser *p)
{
    struct node *node = node_create(p, N_FOR);
    node->a = parse_target(p, "in", false);
    for (const struct node *n = node->a->type == N_TUPLE ? node->a->list : node->a; n; n = n->next)
        if (n->type == N_NAME && string_is(n->name, "loop"))
            jinja_raise(p->j, "a loop's variable cannot be called \"loop\"");
    if (!parse_skip_name(p, "in"))
        parse_fail(p, "in");
    node->b = parse_tuple(p, false, "recursive", false);
    if (parse_skip_name(p, "if"))
        node->c = parse_expression(p, true);
    node->flag = parse_skip_name(p, "recursive");
    p->loops++;
    node->list = parse_body(p, "endfor else", false);
    p->loops--;
    if (parse_skip_name(p, "else"))
        node->other = parse_body(p, "endfor", false);
    p->at++;
    return node;
}

static struct node *parse_set(struct parser *p)
{
    struct node *target = parse_target(p, NULL, true), *node;
    if (parse_skip(p, T_ASSIGN)) {
        node = node_create(p, N_SET);
        node->a = target;
        node->b = parse_tuple(p, true, NULL, false);
        return node;
    }
    node = node_create(p, N_SET_BLOCK);
    node->a = target;
    node->b = parse_filters(p, NULL, false);
    node->list = parse_whole_body(p, "endset");
    return node;
}

/* The parameters in parentheses of a macro or a call block. */
static void parse_signature(struct parser *p, struct node *node)
{
    struct node **last = &node->params, **last_default = &node->defaults;
    parse_expect(p, T_LPAREN);
    while (p->at->type != T_RPAREN) {
        if (node->params)
            parse_expect(p, T_COMMA);
        *last = name_node(p);
        last = &(*last)->next;
        if (parse_skip(p, T_ASSIGN)) {
            *last_default = parse_expression(p, true);
            last_default = &(*last_default)->next;
        } else if (node->defaults) {
            parse_fail(p, "a default, as the parameter before has one");
        }
    }
    p->at++;
}

static struct node *parse_macro(struct parser *p)
{
    struct node *node = node_create(p, N_MACRO);
    node->a = name_node(p);
    node->name = node->a->name;
    parse_signature(p, node);
    node->list = parse_macro_body(p, node, "endmacro");
    return node;
}

static struct node *parse_call_block(struct parser *p)
{
    struct node *node = node_create(p, N_CALL_BLOCK);
    if (p->at->type == T_LPAREN)
        parse_signature(p, node);
    node->a = parse_expression(p, true);
    if (node->a->type != N_CALL)
        parse_fail(p, "a call");
    node->list = parse_macro_body(p, node, "endcall");
    return node;
}

/* What training marks: as a call block whose caller is called once. */
static struct node *parse_generation(struct parser *p)
{
    struct node *node = node_create(p, N_SCOPE);
    node->list = parse_macro_body(p, node, "endgeneration");
    return node;
}

static struct node *parse_filter_block(struct parser *p)
{
    struct node *node = node_create(p, N_FILTER_BLOCK);
    node->b = parse_filters(p, NULL, true);
    node->list = parse_whole_body(p, "endfilter");
    return node;
}

static struct node *parse_with(struct parser *p)
{
    struct node *node = node_create(p, N_WITH);
    struct node **last = &node->params, **last_value = &node->defaults;
    while (p->at->type != T_BLOCK_END) {
        if (node->params)
            parse_expect(p, T_COMMA);
        *last = parse_target_item(p);
        last = &(*last)->next;
        parse_expect(p, T_ASSIGN);
        *last_value = parse_expression(p, true);
        last_value = &(*last_value)->next;
    }
    node->list = parse_whole_body(p, "endwith");
    return node;
}

/* Without inheritance a block is what it holds. */
static struct node *parse_block(struct parser *p)
{
    struct node *node = node_create(p, N_BLOCK);
    node->name = parse_name(p);
    node->flag = parse_skip_name(p, "scoped");
    if (parse_skip_name(p, "required"))
        jinja_raise(p->j, "a required block needs a template that extends this one");
    node->list = parse_macro_body(p, node, "endblock");
    if (p->at->type == T_NAME && p->at->text == node->name)
        p->at++;
    return node;
}

static struct node *parse_print(struct parser *p)
{
    struct node *first = NULL, **last = &first;
    do {
        if (first && p->at->type == T_BLOCK_END)
            break;
        struct node *node = output(p, NULL);
        node->a = parse_expression(p, true);
        *last = node;
        last = &node->next;
    } while (parse_skip(p, T_COMMA));
    return first;
}

static struct node *parse_autoescape(struct parser *p)
{
    struct node *node = node_create(p, N_SCOPE);
    if (!parse_skip_name(p, "false") && !parse_skip_name(p, "False"))
        parse_fail(p, "false: escaping is not for chats");
    node->list = parse_whole_body(p, "endautoescape");
    return node;
}

/* Other templates cannot be reached: an error once it is run, as in Python. */
static struct node *parse_import(struct parser *p)
{
    struct node *node = node_create(p, N_FAIL);
    while (p->at->type != T_BLOCK_END)
        if (p->at++->type == T_END) {
            p->at--;
            parse_fail(p, "%}");
        }
    return node;
}

static struct node *parse_jump(struct parser *p, enum node_type type)
{
    if (!p->loops)
        jinja_raise(p->j, "there is no loop around this");
    return node_create(p, type);
}

static struct node *parse_break(struct parser *p)
{
    return parse_jump(p, N_BREAK);
}

static struct node *parse_continue(struct parser *p)
{
    return parse_jump(p, N_CONTINUE);
}

static struct node *parse_statement(struct parser *p)
{
    static const struct {
        const char *name;
        struct node *(*parse)(struct parser *p);
    } statements[] = {{"if", parse_if}, {"for", parse_for}, {"set", parse_set},
        {"macro", parse_macro}, {"call", parse_call_block}, {"filter", parse_filter_block},
        {"generation", parse_generation}, {"with", parse_with}, {"block", parse_block},
        {"print", parse_print}, {"autoescape", parse_autoescape}, {"include", parse_import},
        {"import", parse_import}, {"from", parse_import}, {"extends", parse_import},
        {"break", parse_break}, {"continue", parse_continue}};
    p->j->line = p->at->line;
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        if (parse_skip_name(p, statements[i].name))
            return statements[i].parse(p);
    parse_fail(p, "a statement such as if, for, set or macro");
}

struct node *parse_template(struct jinja *j, const struct tokens *tokens)
{
    struct parser p = {.j = j, .at = tokens->items};
    struct node *tree = parse_list_until(&p, NULL);
    for (; p.unknown; p.unknown = p.unknown->other) {
        if (p.unknown->other)
            continue; /* the first of them */
        j->line = p.unknown->line;
        jinja_raise(j, "there is no %s \"%s\"", p.unknown->type == N_FILTER ? "filter" : "test",
            string_label(p.unknown->name).text);
    }
    return tree;
}
