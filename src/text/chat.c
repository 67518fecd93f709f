/* Conversations as text. One format so far: that of Llama 3. */
#include "text/internal.h"

#include <stdlib.h>
#include <string.h>

#define BEGIN "<|begin_of_text|>"
#define HEADER "<|start_header_id|>"
#define HEADER_END "<|end_header_id|>"
#define TURN_END "<|eot_id|>"

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

static void put_header(struct writer *w, const char *role)
{
    put_text(w, HEADER);
    put_text(w, role);
    put_text(w, HEADER_END "\n\n");
}

static void render(
    struct writer *w, const struct hekla_message *messages, size_t n, bool add_assistant)
{
    put_text(w, BEGIN);
    for (size_t i = 0; i < n; i++) {
        const char *content = messages[i].content;
        size_t n_content = strlen(content);
        utf8_trim(&content, &n_content);
        put_header(w, messages[i].role);
        put(w, content, n_content);
        put_text(w, TURN_END);
    }
    if (add_assistant)
        put_header(w, "assistant");
}

static hekla_status check_messages(
    const struct hekla_message *messages, size_t n, struct hekla_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const char *role = messages[i].role, *content = messages[i].content;
        if (!role || !content)
            return hekla_fail(
                err, HEKLA_ARGUMENT, "message %llu has no role or no content", (ull)i);
        /* A role goes between special tokens, where other characters could end the header. */
        size_t n_role = strspn(role, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789_-");
        if (n_role == 0 || role[n_role])
            return hekla_fail(err, HEKLA_ARGUMENT,
                "message %llu has the role \"%s\", expected letters, digits, - and _", (ull)i,
                utf8_label(role, strlen(role)).text);
        size_t n_content = strlen(content), bad = utf8_check(content, n_content);
        if (bad < n_content)
            return hekla_fail(err, HEKLA_ARGUMENT,
                "message %llu is not valid UTF-8: byte 0x%02x at offset %llu", (ull)i,
                (unsigned char)content[bad], (ull)bad);
    }
    return HEKLA_OK;
}

hekla_status chat_format(const struct tokenizer *t, const struct hekla_message *messages, size_t n,
    bool add_assistant, char **text, struct hekla_error *err)
{
    static const char *const needed[] = {BEGIN, HEADER, HEADER_END, TURN_END};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (vocab_find_special(&t->vocab, needed[i], strlen(needed[i])) == NO_TOKEN)
            return hekla_fail(err, HEKLA_UNSUPPORTED,
                "%s: has no special token %s: only the chat format of Llama 3 is supported so far, "
                "and this model does not use it",
                t->name, needed[i]);
    hekla_status status = check_messages(messages, n, err);
    if (status)
        return status;
    struct writer w = {0};
    render(&w, messages, n, add_assistant);
    char *out = malloc(w.n + 1);
    if (!out)
        return hekla_fail(
            err, HEKLA_MEMORY, "no memory for a conversation of %llu bytes", (ull)w.n);
    w = (struct writer){.out = out};
    render(&w, messages, n, add_assistant);
    out[w.n] = 0;
    *text = out;
    return HEKLA_OK;
}
