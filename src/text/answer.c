/* What an answer consists of: what was thought, what is said, and calls of tools. */
#include "text/answer.h"

#include "text/internal.h"

#include <stdlib.h>
#include <string.h>

struct piece piece_trimmed(const char *begin, const char *end)
{
    struct piece p = {begin, (size_t)(end - begin)};
    utf8_trim(&p.text, &p.n);
    return p;
}

const char *piece_find(struct piece p, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= p.n; i++)
        if (p.text[i] == what[0] && !memcmp(p.text + i, what, n))
            return p.text + i;
    return NULL;
}

bool piece_begins(struct piece p, const char *what)
{
    size_t n = strlen(what);
    return p.n >= n && !memcmp(p.text, what, n);
}

static bool ends_with(struct piece p, const char *what)
{
    size_t n = strlen(what);
    return p.n >= n && !memcmp(p.text + p.n - n, what, n);
}

static struct piece behind(struct piece p, const char *at)
{
    return (struct piece){at, p.n - (size_t)(at - p.text)};
}

/* Moves *answer behind what was thought. */
static struct piece take_reasoning(const char *prompt, const char **answer)
{
    static const char *const tags[][2] = {{"<think>", "</think>"}, {"[THINK]", "[/THINK]"},
        {"<|START_THINKING|>", "<|END_THINKING|>"}, {"<seed:think>", "</seed:think>"},
        {"<|channel>thought", "<channel|>"}};
    struct piece before = piece_trimmed(prompt, prompt + strlen(prompt));
    const char *begin = *answer + strspn(*answer, " \t\r\n");
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        size_t n = strlen(tags[i][0]);
        bool opened = ends_with(before, tags[i][0]); /* by the template */
        if (strncmp(begin, tags[i][0], n) == 0)
            begin += n;
        else if (!opened)
            continue;
        const char *end = strstr(begin, tags[i][1]);
        *answer = end ? end + strlen(tags[i][1]) : begin + strlen(begin);
        return piece_trimmed(begin, end ? end : *answer);
    }
    return (struct piece){0};
}

/* ---- parts ------------------------------------------------------------------------------------
 */

/* Adds to a text, on a line of its own. */
static bool append(char **text, struct piece p)
{
    size_t n = *text ? strlen(*text) : 0, between = n && p.n;
    char *grown = realloc(*text, n + between + p.n + 1);
    if (!grown)
        return false;
    if (between)
        grown[n] = '\n';
    if (p.n)
        memcpy(grown + n + between, p.text, p.n);
    grown[n + between + p.n] = 0;
    *text = grown;
    return true;
}

/* Harmony, the form of gpt-oss (https://github.com/openai/harmony): messages, each with a header
 * that names a channel or who is called. */
static bool is_harmony(const char *prompt, struct piece answer)
{
    struct piece before = {prompt, strlen(prompt)};
    return piece_begins(answer, "<|channel|>") ||
           (ends_with(before, "<|start|>assistant") && piece_find(answer, "<|message|>"));
}

static bool take_message(
    struct piece header, struct piece body, bool tools, struct hekla_answer *parts)
{
    const char *to = piece_find(header, "to=functions.");
    if (piece_find(header, "<|channel|>analysis"))
        return append(&parts->reasoning, body);
    if (tools && to && !parts->tool_calls) {
        struct piece name = behind(header, to + strlen("to=functions."));
        for (size_t i = 0; i < name.n; i++)
            if (name.text[i] == ' ' || name.text[i] == '<')
                name.n = i;
        parts->tool_calls = calls_of_one(name, body);
        if (parts->tool_calls)
            return true;
    }
    return append(&parts->content, body);
}

/* The first of the marks that end a message, or NULL: it ends with the answer. *n: the mark's
 * length. */
static const char *find_end(struct piece p, size_t *n)
{
    static const char *const marks[] = {"<|end|>", "<|call|>", "<|return|>"};
    const char *first = NULL;
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        const char *at = piece_find(p, marks[i]);
        if (!at || (first && first < at))
            continue;
        first = at;
        *n = strlen(marks[i]);
    }
    return first;
}

static bool take_harmony(struct piece rest, bool tools, struct hekla_answer *parts)
{
    static const char open[] = "<|message|>";
    size_t n_end = 0;
    bool good = append(&parts->content, (struct piece){0});
    const char *text;
    while (good && (text = piece_find(rest, open)) != NULL) {
        struct piece header = {rest.text, (size_t)(text - rest.text)};
        rest = behind(rest, text + sizeof(open) - 1);
        const char *end = find_end(rest, &n_end);
        struct piece body = {rest.text, end ? (size_t)(end - rest.text) : rest.n};
        good = take_message(header, body, tools, parts);
        rest = behind(rest, end ? end + n_end : rest.text + rest.n);
    }
    return good;
}

static bool take_tagged(
    const char *prompt, const char *answer, bool tools, struct hekla_answer *parts)
{
    const char *at = answer;
    struct piece reasoning = take_reasoning(prompt, &at), rest = {at, strlen(at)};
    if (at != answer || tools)
        rest = piece_trimmed(at, at + rest.n);
    if (tools)
        parts->tool_calls = calls_take(&rest);
    return append(&parts->content, rest) && (!reasoning.n || append(&parts->reasoning, reasoning));
}

hekla_status hekla_answer_parse(const char *prompt, const char *answer, bool tools,
    struct hekla_answer *out, struct hekla_error *err)
{
    struct hekla_answer parts = {0};
    struct piece all = {answer, strlen(answer)};
    hekla_error_clear(err);
    prompt = prompt ? prompt : "";
    if (!(is_harmony(prompt, all) ? take_harmony(all, tools, &parts)
                                  : take_tagged(prompt, answer, tools, &parts))) {
        hekla_answer_free(&parts);
        return hekla_fail(err, HEKLA_MEMORY, "no memory for the parts of an answer");
    }
    *out = parts;
    return HEKLA_OK;
}

void hekla_answer_free(struct hekla_answer *answer)
{
    free(answer->content);
    free(answer->reasoning);
    free(answer->tool_calls);
    *answer = (struct hekla_answer){0};
}
