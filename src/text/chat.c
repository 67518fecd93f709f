/* Conversations as text: the messages become variables, and the model's template is rendered. */
#include "text/chat.h"

#include "jinja/jinja.h"
#include "text/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hekla_status chat_read_templates(struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    static const char *const keys[] = {
        "tokenizer.chat_template", "tokenizer.chat_template.tool_use"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct gguf_string text;
        hekla_status status = gguf_get_string(g, keys[i], false, &text, err);
        if (status)
            return status;
        if (!text.data)
            continue;
        t->templates[i].text = malloc((size_t)text.n + 1);
        if (!t->templates[i].text)
            return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its chat template", t->name);
        memcpy(t->templates[i].text, text.data, (size_t)text.n);
        t->templates[i].text[text.n] = 0;
        t->templates[i].n = (size_t)text.n;
    }
    return HEKLA_OK;
}

/* ---- which template ---------------------------------------------------------------------------
 */

struct source {
    const char *text;
    size_t n;
    char name[300]; /* for errors */
};

static bool has_token(const struct tokenizer *t, const char *text)
{
    return vocab_find_special(&t->vocab, text, strlen(text)) != NO_TOKEN;
}

/* A file without a template: the format whose tokens are in the vocabulary. */
static hekla_status guess(const struct tokenizer *t, struct source *out, struct hekla_error *err)
{
    size_t n, used = 0;
    char names[200] = "";
    const struct chat_named *formats = chat_list_named(&n);
    for (size_t i = 0; i < n; i++) {
        if (formats[i].token && has_token(t, formats[i].token)) {
            snprintf(out->name, sizeof(out->name), "chat format %s", formats[i].name);
            out->text = formats[i].text;
            out->n = strlen(out->text);
            return HEKLA_OK;
        }
        used += (size_t)snprintf(
            names + used, sizeof(names) - used, "%s%s", i ? ", " : "", formats[i].name);
    }
    return hekla_fail(err, HEKLA_UNSUPPORTED,
        "%s: the file has no chat template, and its special tokens are those of no known chat "
        "format; give one: %s, or a Jinja file",
        t->name, names);
}

static hekla_status choose(const struct tokenizer *t, const struct hekla_chat_options *o,
    struct source *out, struct hekla_error *err)
{
    const struct chat_named *named = o->chat_template ? chat_find_named(o->chat_template) : NULL;
    if (o->chat_template) {
        snprintf(out->name, sizeof(out->name), named ? "chat format %s" : "the chat template",
            o->chat_template);
        out->text = named ? named->text : o->chat_template;
        out->n = strlen(out->text);
        return HEKLA_OK;
    }
    bool tools = o->tools && t->templates[1].text;
    if (!t->templates[tools].text)
        return guess(t, out, err);
    snprintf(out->name, sizeof(out->name), "%s: the chat template", t->name);
    out->text = t->templates[tools].text;
    out->n = t->templates[tools].n;
    return HEKLA_OK;
}

static bool mentions(const struct source *s, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s->n; i++)
        if (s->text[i] == word[0] && !memcmp(s->text + i, word, n))
            return true;
    return false;
}

/* ---- messages as JSON -------------------------------------------------------------------------
 */

/* First counts bytes (out NULL), then writes them. */
struct writer {
    char *out;
    size_t n;
};

static void put(struct writer *w, const char *s, size_t n)
{
    if (w->out)
        memcpy(w->out + w->n, s, n);
    w->n += n;
}

static void put_text(struct writer *w, const char *s)
{
    put(w, s, strlen(s));
}

static void put_string(struct writer *w, const char *s)
{
    put_text(w, "\"");
    for (; *s; s++) {
        char escape[8];
        if ((unsigned char)*s >= 0x20 && *s != '"' && *s != '\\') {
            put(w, s, 1);
        } else {
            snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)*s);
            put_text(w, escape);
        }
    }
    put_text(w, "\"");
}

static void put_member(struct writer *w, const char *name, const char *text)
{
    if (!text)
        return;
    put_text(w, ", \"");
    put_text(w, name);
    put_text(w, "\": ");
    put_string(w, text);
}

/* Templates have three names for what was thought; all that they mention get it. */
static void put_reasoning(struct writer *w, const char *text, const struct source *s)
{
    static const char *const names[] = {"reasoning_content", "reasoning", "thinking"};
    bool inside[3];
    for (size_t i = 0; i < 3; i++)
        inside[i] = mentions(s, names[i]);
    inside[1] &= !inside[0]; /* it is part of the longer name */
    for (size_t i = 0; i < 3; i++)
        if (inside[i] && !(i == 2 && inside[0]))
            put_member(w, names[i], text);
}

static void put_messages(
    struct writer *w, const struct hekla_message *messages, size_t n, const struct source *s)
{
    put_text(w, "[");
    for (size_t i = 0; i < n; i++) {
        const struct hekla_message *m = &messages[i];
        put_text(w, i ? ", {\"role\": " : "{\"role\": ");
        put_string(w, m->role);
        put_member(w, "content", m->content ? m->content : "");
        put_reasoning(w, m->reasoning, s);
        put_member(w, "tool_call_id", m->tool_call_id);
        put_member(w, "name", m->name);
        if (m->tool_calls) {
            put_text(w, ", \"tool_calls\": ");
            put_text(w, m->tool_calls);
        }
        put_text(w, "}");
    }
    put_text(w, "]");
}

static hekla_status check_text(const char *text, size_t i, struct hekla_error *err)
{
    size_t n = text ? strlen(text) : 0, bad = utf8_check(text ? text : "", n);
    if (bad < n)
        return hekla_fail(err, HEKLA_ARGUMENT,
            "message %llu is not valid UTF-8: byte 0x%02x at offset %llu", (ull)i,
            (unsigned char)text[bad], (ull)bad);
    return HEKLA_OK;
}

static hekla_status check_messages(
    const struct hekla_message *messages, size_t n, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    for (size_t i = 0; i < n && !status; i++) {
        const struct hekla_message *m = &messages[i];
        if (!m->role || (!m->content && !m->tool_calls && !m->reasoning))
            return hekla_fail(
                err, HEKLA_ARGUMENT, "message %llu has no role or no content", (ull)i);
        /* A role goes between special tokens, where other characters could end the header. */
        size_t n_role = strspn(m->role, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789_-");
        if (n_role == 0 || m->role[n_role])
            return hekla_fail(err, HEKLA_ARGUMENT,
                "message %llu has the role \"%s\", expected letters, digits, - and _", (ull)i,
                utf8_label(m->role, strlen(m->role)).text);
        const char *const texts[] = {
            m->content, m->reasoning, m->tool_calls, m->tool_call_id, m->name};
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]) && !status; k++)
            status = check_text(texts[k], i, err);
    }
    return status;
}

/* ---- rendering --------------------------------------------------------------------------------
 */

static hekla_status set_token(struct jinja *j, const struct tokenizer *t, const char *name,
    hekla_token token, struct hekla_error *err)
{
    size_t n = 0;
    const char *bytes = "";
    if (token != NO_TOKEN)
        bytes = vocab_bytes(&t->vocab, (uint32_t)token, &n);
    return jinja_set_text(j, name, bytes, n, err);
}

static hekla_status set_variables(struct jinja *j, const struct tokenizer *t, const char *messages,
    const struct hekla_chat_options *o, struct hekla_error *err)
{
    const char *tools = o->tools ? o->tools : "null";
    bool prompt = !o->no_answer && !o->continue_last;
    hekla_status status;
    if ((status = set_token(j, t, "bos_token", t->bos, err)) ||
        (status = set_token(j, t, "eos_token", t->eos, err)) ||
        (status = set_token(j, t, "unk_token", t->unknown, err)) ||
        (status = jinja_set_bool(j, "add_generation_prompt", prompt, err)) ||
        (status = jinja_set_json(j, "documents", "no documents", "null", 4, err)) ||
        (status = jinja_set_json(j, "tools", "the tools", tools, strlen(tools), err)) ||
        (status = jinja_set_json(j, "messages", "the messages", messages, strlen(messages), err)))
        return status;
    if (o->variables)
        status =
            jinja_set_all(j, "the template's variables", o->variables, strlen(o->variables), err);
    return status;
}

/* Cuts the text behind the content of the last message, so that it goes on. As transformers does
 * it: white space at the content's end stays if the template keeps it. */
static hekla_status cut_last(
    struct jinja *j, const char *name, char *text, size_t *n, struct hekla_error *err)
{
    size_t n_content, n_inner, n_begun;
    const char *content = jinja_last_text(j, "messages", "content", &n_content), *inner = content;
    if (!content)
        return hekla_fail(
            err, HEKLA_ARGUMENT, "the last message has no text, so it cannot be continued");
    n_inner = n_content;
    utf8_trim(&inner, &n_inner);
    n_begun = n_content - (size_t)(inner - content); /* without the white space before it */
    for (size_t at = *n + 1; at-- > 0;) {
        if (*n - at < n_inner || (n_inner && memcmp(text + at, inner, n_inner)))
            continue;
        bool kept = inner == content && *n - at >= n_begun && !memcmp(text + at, content, n_begun);
        *n = at + (kept ? n_begun : n_inner);
        text[*n] = 0;
        return HEKLA_OK;
    }
    return hekla_fail(err, HEKLA_FORMAT,
        "%s changes the text of the last message, so it cannot be continued", name);
}

static hekla_status render(struct jinja *j, const struct source *s, const char *messages,
    const struct tokenizer *t, const struct hekla_chat_options *o, char **text,
    struct hekla_error *err)
{
    char *out = NULL;
    size_t n = 0;
    hekla_status status = set_variables(j, t, messages, o, err);
    if (!status)
        status = jinja_render(j, s->text, s->n, &out, &n, err);
    if (!status && o->continue_last)
        status = cut_last(j, s->name, out, &n, err);
    if (!status && memchr(out, 0, n))
        status = hekla_fail(err, HEKLA_FORMAT, "%s: its text holds a zero byte", s->name);
    if (status)
        free(out);
    else
        *text = out;
    return status;
}

static hekla_status format_json(const struct tokenizer *t, const struct source *s,
    const char *messages, const struct hekla_chat_options *o, char **text, struct hekla_error *err)
{
    struct jinja *j = jinja_create(s->name, &(struct jinja_limits){.now = o->now});
    if (!j)
        return hekla_fail(err, HEKLA_MEMORY, "no memory for a conversation");
    hekla_status status = render(j, s, messages, t, o, text, err);
    jinja_destroy(j);
    return status;
}

hekla_status chat_format_json(const struct tokenizer *t, const char *messages,
    const struct hekla_chat_options *o, char **text, struct hekla_error *err)
{
    struct source source;
    o = o ? o : &(struct hekla_chat_options){0};
    hekla_status status = choose(t, o, &source, err);
    return status ? status : format_json(t, &source, messages, o, text, err);
}

hekla_status chat_format(const struct tokenizer *t, const struct hekla_message *messages, size_t n,
    const struct hekla_chat_options *o, char **text, struct hekla_error *err)
{
    struct source source;
    struct writer w = {0};
    o = o ? o : &(struct hekla_chat_options){0};
    hekla_status status = choose(t, o, &source, err);
    if (!status)
        status = check_messages(messages, n, err);
    if (status)
        return status;
    put_messages(&w, messages, n, &source);
    char *json = malloc(w.n + 1);
    if (!json)
        return hekla_fail(
            err, HEKLA_MEMORY, "no memory for a conversation of %llu bytes", (ull)w.n);
    w = (struct writer){.out = json};
    put_messages(&w, messages, n, &source);
    json[w.n] = 0;
    status = format_json(t, &source, json, o, text, err);
    free(json);
    return status;
}
