/* The room's entry: every call of the engine is made from here, where jinja_raise ends. */
#include "jinja/internal.h"

#include <stdlib.h>

struct jinja *jinja_create(const char *name, const struct jinja_limits *limits)
{
    struct jinja *j = calloc(1, sizeof(*j));
    if (!j)
        return NULL;
    if (limits)
        j->limits = *limits;
    if (!j->limits.steps)
        j->limits.steps = 50000000;
    if (!j->limits.bytes)
        j->limits.bytes = (size_t)512 << 20;
    if (!j->limits.depth)
        j->limits.depth = 1000;
    j->name = name;
    return j;
}

void jinja_destroy(struct jinja *j)
{
    if (!j)
        return;
    arena_destroy(&j->arena);
    free(j);
}

static hekla_status fail(struct jinja *j, struct hekla_error *err)
{
    j->depth = 0;
    if (j->line)
        return hekla_fail(err, j->status, "%s, line %u: %s", j->name, j->line, j->message);
    return hekla_fail(err, j->status, "%s: %s", j->name, j->message);
}

static void begin(struct jinja *j)
{
    if (j->globals)
        return;
    j->names = dict_create(j);
    j->globals = scope_create(j, NULL);
    jinja_add_globals(j);
}

static void set(struct jinja *j, const char *variable, struct value v)
{
    scope_set(j, j->globals, string_intern(j, variable, strlen(variable)), v);
}

hekla_status jinja_set_text(
    struct jinja *j, const char *variable, const char *text, size_t n, struct hekla_error *err)
{
    if (setjmp(j->leave))
        return fail(j, err);
    begin(j);
    set(j, variable, string_value(string_create(j, text, n)));
    return HEKLA_OK;
}

hekla_status jinja_set_bool(
    struct jinja *j, const char *variable, bool value, struct hekla_error *err)
{
    if (setjmp(j->leave))
        return fail(j, err);
    begin(j);
    set(j, variable, bool_value(value));
    return HEKLA_OK;
}

hekla_status jinja_set_json(struct jinja *j, const char *variable, const char *what,
    const char *json, size_t n, struct hekla_error *err)
{
    if (setjmp(j->leave))
        return hekla_fail(
            err, j->status == HEKLA_FORMAT ? HEKLA_ARGUMENT : j->status, "%s", j->message);
    begin(j);
    set(j, variable, json_read(j, what, json, n));
    return HEKLA_OK;
}

hekla_status jinja_set_all(
    struct jinja *j, const char *what, const char *json, size_t n, struct hekla_error *err)
{
    if (setjmp(j->leave))
        return hekla_fail(
            err, j->status == HEKLA_FORMAT ? HEKLA_ARGUMENT : j->status, "%s", j->message);
    begin(j);
    struct value all = json_read(j, what, json, n);
    if (all.type != V_DICT)
        jinja_raise(j, "%s: expected a JSON object", what);
    for (size_t i = 0; i < all.as.dict->n; i++) {
        const struct string *name = all.as.dict->entries[i].key.as.s;
        scope_set(
            j, j->globals, string_intern(j, name->data, name->n), all.as.dict->entries[i].value);
    }
    return HEKLA_OK;
}

static struct node *parse(struct jinja *j, const char *source, size_t n)
{
    size_t bad = utf8_check(source, n);
    if (bad < n)
        jinja_raise(j, "it is not valid UTF-8: byte 0x%02x at offset %llu",
            (unsigned char)source[bad], (ull)bad);
    struct tokens tokens = lex_template(j, source, n);
    return parse_template(j, &tokens);
}

hekla_status jinja_render(struct jinja *j, const char *source, size_t n, char **out, size_t *n_out,
    struct hekla_error *err)
{
    struct buffer *output;
    if (setjmp(j->leave))
        return fail(j, err);
    begin(j);
    struct node *tree = parse(j, source, n);
    j->line = 1;
    output = mem_alloc(j, 1, sizeof(*output));
    j->out = output;
    exec_list(j, scope_create(j, j->globals), tree);
    j->line = 0;
    char *copy = malloc(output->n + 1);
    if (!copy)
        jinja_raise_status(j, HEKLA_MEMORY, "there is no memory for the text");
    if (output->n)
        memcpy(copy, output->data, output->n);
    copy[output->n] = 0;
    *out = copy;
    *n_out = output->n;
    return HEKLA_OK;
}
