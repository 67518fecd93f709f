/* What an answer consists of: what was thought, what is said, and calls of tools. */
#include "jinja/jinja.h"
#include "text/internal.h"

#include <stdlib.h>
#include <string.h>

/* A piece of the answer. */
struct piece {
    const char *text;
    size_t n;
};

static struct piece trimmed(const char *begin, const char *end)
{
    struct piece p = {begin, (size_t)(end - begin)};
    utf8_trim(&p.text, &p.n);
    return p;
}

static bool ends_with(struct piece p, const char *what)
{
    size_t n = strlen(what);
    return p.n >= n && !memcmp(p.text + p.n - n, what, n);
}

/* Moves *answer behind what was thought. */
static struct piece take_reasoning(const char *prompt, const char **answer)
{
    static const char *const tags[][2] = {{"<think>", "</think>"}, {"[THINK]", "[/THINK]"},
        {"<|START_THINKING|>", "<|END_THINKING|>"}, {"<seed:think>", "</seed:think>"}};
    struct piece before = trimmed(prompt, prompt + strlen(prompt));
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
        return trimmed(begin, end ? end : *answer);
    }
    return (struct piece){0};
}

/* ---- calls ------------------------------------------------------------------------------------
 */

static bool add(char **text, size_t *n, const char *more, size_t n_more)
{
    char *grown = realloc(*text, *n + n_more + 1);
    if (!grown)
        return false;
    memcpy(grown + *n, more, n_more);
    *n += n_more;
    grown[*n] = 0;
    *text = grown;
    return true;
}

/* Calls as models write them, a JSON list, in OpenAI's form. NULL: they are none. */
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

/* <tool_call>{...}</tool_call>, as often as it comes. *rest: the answer before the first. */
static char *tagged_calls(struct piece *rest)
{
    static const char begin_tag[] = "<tool_call>", end_tag[] = "</tool_call>";
    char *list = NULL, *calls = NULL;
    size_t n = 0;
    const char *first = strstr(rest->text, begin_tag), *at = first;
    bool good = first != NULL;
    while (good && at) {
        const char *begin = at + strlen(begin_tag), *end = strstr(begin, end_tag);
        end = end ? end : begin + strlen(begin);
        good = add(&list, &n, n ? "," : "[", 1) && add(&list, &n, begin, (size_t)(end - begin));
        at = strstr(end, begin_tag);
    }
    if (good && add(&list, &n, "]", 1))
        calls = normal_calls(list, n);
    free(list);
    if (calls)
        *rest = trimmed(rest->text, first);
    return calls;
}

/* A call, or a list of them, that is all of the answer, perhaps after a mark. */
static char *bare_calls(struct piece *rest)
{
    static const char *const marks[] = {"[TOOL_CALLS]", "<|python_tag|>", ""};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        size_t n = strlen(marks[i]);
        if (rest->n < n || memcmp(rest->text, marks[i], n))
            continue;
        struct piece body = trimmed(rest->text + n, rest->text + rest->n);
        bool json = body.n && (body.text[0] == '{' || (n && body.text[0] == '['));
        char *calls = json ? normal_calls(body.text, body.n) : NULL;
        if (calls) {
            rest->n = 0;
            return calls;
        }
    }
    return NULL;
}

static char *copy(struct piece p)
{
    char *text = malloc(p.n + 1);
    if (!text)
        return NULL;
    if (p.n)
        memcpy(text, p.text, p.n);
    text[p.n] = 0;
    return text;
}

hekla_status hekla_answer_parse(const char *prompt, const char *answer, bool tools,
    struct hekla_answer *out, struct hekla_error *err)
{
    const char *at = answer;
    hekla_error_clear(err);
    struct piece reasoning = take_reasoning(prompt ? prompt : "", &at);
    struct piece rest = {at, strlen(at)};
    if (at != answer || tools)
        rest = trimmed(at, at + rest.n);
    struct hekla_answer parts = {0};
    if (tools)
        parts.tool_calls = tagged_calls(&rest);
    if (tools && !parts.tool_calls)
        parts.tool_calls = bare_calls(&rest);
    parts.content = copy(rest);
    if (reasoning.n)
        parts.reasoning = copy(reasoning);
    if (!parts.content || (reasoning.n && !parts.reasoning)) {
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
