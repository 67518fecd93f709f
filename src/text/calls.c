/*
 * Calls of tools as models write them. Each form becomes a JSON list of {"name", "arguments",
 * "id"}, as text, so that numbers stay as they were written; normal_calls makes OpenAI's form of
 * that.
 */
#include "text/answer.h"

#include "jinja/jinja.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct list {
    char *text;
    size_t n;
    bool failed; /* no memory, or not what the form wants */
};

static void add(struct list *l, const char *more, size_t n)
{
    char *grown = l->failed ? NULL : realloc(l->text, l->n + n + 1);
    if (!grown) {
        l->failed = true;
        return;
    }
    memcpy(grown + l->n, more, n);
    l->n += n;
    grown[l->n] = 0;
    l->text = grown;
}

static void add_text(struct list *l, const char *more)
{
    add(l, more, strlen(more));
}

static void add_string(struct list *l, struct piece p)
{
    json_t *string = json_stringn(p.text, p.n);
    char *text = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    if (text)
        add_text(l, text);
    l->failed |= !text;
    free(text);
    json_decref(string);
}

/* A value written out plainly: what is JSON but no string is that, all else is a string. */
static void add_value(struct list *l, struct piece p)
{
    struct piece bare = piece_trimmed(p.text, p.text + p.n);
    json_t *value = json_loadb(bare.text, bare.n, JSON_DECODE_ANY, NULL);
    if (value && !json_is_string(value))
        add(l, bare.text, bare.n);
    else
        add_string(l, p);
    json_decref(value);
}

static void add_name(struct list *l, struct piece name)
{
    l->failed |= !name.n;
    add_text(l, "{\"name\": ");
    add_string(l, name);
}

/* The next text between two marks, behind which *at moves; text NULL: there is none. A text that is
 * not ended goes to the end. */
static struct piece take_between(
    const char **at, const char *end, const char *open, const char *close)
{
    struct piece none = {0}, rest = {*at, (size_t)(end - *at)};
    const char *first = piece_find(rest, open);
    if (!first)
        return none;
    first += strlen(open);
    const char *last = piece_find((struct piece){first, (size_t)(end - first)}, close);
    *at = last ? last + strlen(close) : end;
    return (struct piece){first, (size_t)((last ? last : end) - first)};
}

/* The line breaks next to the marks are the form's. */
static struct piece without_breaks(struct piece p)
{
    if (p.n && p.text[0] == '\n')
        p = (struct piece){p.text + 1, p.n - 1};
    p.n -= p.n && p.text[p.n - 1] == '\n';
    return p;
}

/* <function=NAME> <parameter=KEY> VALUE </parameter> ... </function> */
static void add_function(struct list *l, struct piece body)
{
    const char *at = body.text, *end = body.text + body.n;
    add_name(l, take_between(&at, end, "<function=", ">"));
    add_text(l, ", \"arguments\": {");
    for (bool more = false;; more = true) {
        struct piece p = take_between(&at, end, "<parameter=", "</parameter>");
        const char *close = p.text ? piece_find(p, ">") : NULL;
        if (!close)
            break;
        add_text(l, more ? ", " : "");
        add_string(l, (struct piece){p.text, (size_t)(close - p.text)});
        add_text(l, ": ");
        close++;
        add_value(l, without_breaks((struct piece){close, (size_t)(p.text + p.n - close)}));
    }
    add_text(l, "}}");
}

/* NAME <arg_key>KEY</arg_key> <arg_value>VALUE</arg_value> ... */
static void add_keys_and_values(struct list *l, struct piece body)
{
    const char *at = piece_find(body, "<arg_key>"), *end = body.text + body.n;
    at = at ? at : end;
    add_name(l, piece_trimmed(body.text, at));
    add_text(l, ", \"arguments\": {");
    for (bool more = false;; more = true) {
        struct piece key = take_between(&at, end, "<arg_key>", "</arg_key>");
        struct piece value = take_between(&at, end, "<arg_value>", "</arg_value>");
        if (!value.text)
            break;
        add_text(l, more ? ", " : "");
        add_string(l, key);
        add_text(l, ": ");
        add_value(l, value);
    }
    add_text(l, "}}");
}

/* call:NAME{KEY:VALUE,...}: JSON, but for marks around strings and keys without any. */
static void add_marked_strings(struct list *l, struct piece body)
{
    static const char quote[] = "<|\"|>", marks[] = "{}[],:<";
    const char *at = body.text, *end = body.text + body.n;
    add_name(l, take_between(&at, end, "call:", "{"));
    add_text(l, ", \"arguments\": {");
    while (at < end && !l->failed) {
        struct piece left = {at, (size_t)(end - at)};
        size_t n = 0;
        while (n < left.n && !strchr(marks, at[n]))
            n++;
        if (piece_begins(left, quote)) {
            add_string(l, take_between(&at, end, quote, quote));
            continue;
        }
        struct piece word = piece_trimmed(at, at + n);
        if (!n)
            add(l, at, 1);
        else if (n < left.n && at[n] == ':')
            add_string(l, word);
        else if (word.n)
            add_value(l, word);
        at += n ? n : 1;
    }
    add_text(l, "}");
}

/* A name of the form functions.NAME:COUNT is the call's id, too. */
static void add_named(struct list *l, struct piece name, struct piece arguments)
{
    static const char space[] = "functions.";
    struct piece id = name;
    size_t n = sizeof(space) - 1;
    if (name.n > n && piece_begins(name, space)) {
        name = (struct piece){name.text + n, name.n - n};
        const char *count = piece_find(name, ":");
        name.n = count ? (size_t)(count - name.text) : name.n;
    }
    add_name(l, name);
    if (id.text + id.n != name.text + name.n) {
        add_text(l, ", \"id\": ");
        add_string(l, id);
    }
    add_text(l, ", \"arguments\": ");
    add(l, arguments.text, arguments.n);
    add_text(l, "}");
}

/* A list in OpenAI's form, or NULL: it is none. */
static char *normal_calls(const char *calls, size_t n)
{
    static const char form[] =
        "{%- set all = namespace(calls=[]) -%}"
        "{%- for call in (calls if calls is sequence and calls is not mapping else [calls]) -%}"
        "{%- set f = call.function or call -%}"
        "{%- if f.name is not string %}{{ raise_exception('no name') }}{% endif -%}"
        "{%- set arguments = f.arguments if f.arguments is defined else f.parameters -%}"
        "{%- set id = {'id': call.id} if call.id else {} -%}"
        "{%- set all.calls = all.calls + [dict(type='function', function={'name': f.name, "
        "'arguments': arguments if arguments is defined else {}}, **id)] -%}"
        "{%- endfor -%}"
        "{{ all.calls|tojson }}";
    char *out = NULL;
    size_t n_out;
    struct jinja *j = jinja_create("the calls", NULL);
    if (j && (jinja_set_json(j, "calls", "the calls", calls, n, NULL) ||
                 jinja_render(j, form, sizeof(form) - 1, &out, &n_out, NULL)))
        out = NULL;
    jinja_destroy(j);
    return out;
}

static char *end_list(struct list *l)
{
    add_text(l, "]");
    char *calls = l->failed ? NULL : normal_calls(l->text, l->n);
    free(l->text);
    return calls;
}

char *calls_of_one(struct piece name, struct piece arguments)
{
    struct list l = {0};
    add_text(&l, "[");
    add_named(&l, name, arguments);
    return end_list(&l);
}

/* ---- calls between marks ---------------------------------------------------------------------
 */

static const struct form {
    const char *open, *close; /* close NULL: the next call */
    const char *parts;        /* between name and arguments; NULL: the body says by itself */
    const char *before;       /* what opens all of them, or NULL */
} forms[] = {
    {"<tool_call>", "</tool_call>", NULL, NULL},
    {"<seed:tool_call>", "</seed:tool_call>", NULL, NULL},
    {"<|tool_call>", "<tool_call|>", NULL, NULL},
    {"<|tool_call_begin|>", "<|tool_call_end|>", "<|tool_call_argument_begin|>",
        "<|tool_calls_section_begin|>"},
    {"<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>", "<｜tool▁calls▁begin｜>"},
    {"[TOOL_CALLS]", NULL, "[ARGS]", NULL},
};

static void add_body(struct list *l, const struct form *f, struct piece body)
{
    const char *parts = f->parts ? piece_find(body, f->parts) : NULL;
    struct piece bare = piece_trimmed(body.text, body.text + body.n);
    if (parts)
        add_named(l, piece_trimmed(body.text, parts),
            piece_trimmed(parts + strlen(f->parts), body.text + body.n));
    else if (f->parts)
        l->failed = true;
    else if (piece_begins(bare, "<function="))
        add_function(l, bare);
    else if (piece_begins(bare, "call:"))
        add_marked_strings(l, bare);
    else if (piece_find(bare, "<arg_key>"))
        add_keys_and_values(l, bare);
    else
        add(l, body.text, body.n);
}

static char *marked_calls(const struct form *f, struct piece *rest)
{
    const char *first = piece_find(*rest, f->open), *at = first, *end = rest->text + rest->n;
    struct list l = {0};
    if (!first)
        return NULL;
    for (const char *comma = "["; at; comma = ",") {
        const char *body = at + strlen(f->open);
        struct piece left = {body, (size_t)(end - body)};
        const char *next = piece_find(left, f->close ? f->close : f->open);
        add_text(&l, comma);
        add_body(&l, f, (struct piece){body, (size_t)((next ? next : end) - body)});
        at = next ? piece_find((struct piece){next, (size_t)(end - next)}, f->open) : NULL;
    }
    char *calls = end_list(&l);
    const char *before = calls && f->before ? piece_find(*rest, f->before) : NULL;
    if (calls)
        *rest = piece_trimmed(rest->text, before && before < first ? before : first);
    return calls;
}

/* A call, or a list of them, that is all of the answer, perhaps after a mark. */
static char *bare_calls(struct piece *rest)
{
    static const char *const marks[] = {"[TOOL_CALLS]", "<|python_tag|>", ""};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        size_t n = strlen(marks[i]);
        if (!piece_begins(*rest, marks[i]))
            continue;
        struct piece body = piece_trimmed(rest->text + n, rest->text + rest->n);
        bool json = body.n && (body.text[0] == '{' || (n && body.text[0] == '['));
        char *calls = json ? normal_calls(body.text, body.n) : NULL;
        if (calls) {
            rest->n = 0;
            return calls;
        }
    }
    return NULL;
}

char *calls_take(struct piece *rest)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char *calls = marked_calls(&forms[i], rest);
        if (calls)
            return calls;
    }
    return bare_calls(rest);
}
