#include "cli/messages.h"

#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *const roles[] = {"system", "user", "assistant", "tool"};

bool cli_messages_add(struct cli_messages *m, const char *role, struct hekla_answer *parts)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        struct hekla_message *grown = realloc(m->list, cap * sizeof(*grown));
        if (!grown) {
            hekla_answer_free(parts);
            return false;
        }
        m->list = grown;
        m->cap = cap;
    }
    m->list[m->n++] = (struct hekla_message){.role = role,
        .content = parts->content,
        .reasoning = parts->reasoning,
        .tool_calls = parts->tool_calls};
    return true;
}

bool cli_messages_add_text(struct cli_messages *m, const char *role, const char *content)
{
    struct hekla_answer parts = {.content = strdup(content)};
    return parts.content && cli_messages_add(m, role, &parts);
}

void cli_messages_drop(struct cli_messages *m)
{
    const struct hekla_message *last = &m->list[--m->n];
    free((char *)(uintptr_t)last->content);
    free((char *)(uintptr_t)last->reasoning);
    free((char *)(uintptr_t)last->tool_calls);
}

void cli_messages_free(struct cli_messages *m)
{
    while (m->n > 0)
        cli_messages_drop(m);
    free(m->list);
    *m = (struct cli_messages){0};
}

static char *copy_member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? strdup(text) : NULL;
}

static bool read_message(struct cli_messages *out, const json_t *item)
{
    const char *role = json_string_value(json_object_get(item, "role")), *known = NULL;
    for (size_t i = 0; role && i < sizeof(roles) / sizeof(roles[0]); i++)
        if (strcmp(role, roles[i]) == 0)
            known = roles[i];
    struct hekla_answer parts = {.content = copy_member(item, "content"),
        .reasoning = copy_member(item, "reasoning"),
        .tool_calls = copy_member(item, "tool_calls")};
    if (known && parts.content)
        return cli_messages_add(out, known, &parts);
    hekla_answer_free(&parts);
    return false;
}

int cli_messages_read(struct cli_messages *out, const struct cli_text *json, const char *path)
{
    json_t *list = json_loadb(json->data, json->n, 0, NULL);
    bool good = json_is_array(list);
    for (size_t i = 0; good && i < json_array_size(list); i++)
        good = read_message(out, json_array_get(list, i));
    json_decref(list);
    if (good)
        return CLI_OK;
    cli_messages_free(out);
    return cli_fail(CLI_ERROR, "%s: what it keeps beside the tokens is no conversation", path);
}

static bool set_member(json_t *object, const char *key, const char *text)
{
    return !text || json_object_set_new(object, key, json_string(text)) == 0;
}

int cli_messages_write(const struct cli_messages *m, struct cli_text *json)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (size_t i = 0; good && i < m->n; i++) {
        json_t *item = json_object();
        good = set_member(item, "role", m->list[i].role) &&
               set_member(item, "content", m->list[i].content) &&
               set_member(item, "reasoning", m->list[i].reasoning) &&
               set_member(item, "tool_calls", m->list[i].tool_calls);
        good &= json_array_append_new(list, item) == 0;
    }
    char *text = good ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    cli_text_clear(json);
    good = text && cli_text_append(json, text, strlen(text));
    free(text);
    return good ? CLI_OK
                : cli_fail(CLI_MEMORY, "not enough memory to keep the conversation in a file");
}
