/* libFuzzer: any bytes as a chat template, after a first line that may be a JSON text. Each failure
 * is one sentence; time, memory and depth stay within the limits. Seeds: tests/fuzz/corpus/jinja.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "jinja/jinja.h"

#include <string.h>

static const char usual[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"Be kind.\"}, {\"role\": \"user\", "
    "\"content\": \"Hi \\u00e9\\ud83d\\ude00\\n\"}, {\"role\": \"assistant\", \"content\": null, "
    "\"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": {\"x\": 1.5, \"y\": [1, "
    "true]}}}]}], \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\"}}], "
    "\"add_generation_prompt\": true, \"bos_token\": \"<s>\", \"n\": 3, \"list\": [3, 1, 2]}";

static void check_error(hekla_status status, struct hekla_error *err)
{
    size_t n = strlen(err->text);
    require(status == err->code, "status and error disagree");
    require((status == HEKLA_OK) == (n == 0), "an error without a sentence");
    require(utf8_check(err->text, n) == n, "a sentence that is not UTF-8");
    hekla_error_clear(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *line = size ? memchr(data, '\n', size) : NULL;
    size_t n_line = line ? (size_t)(line - text) : 0, n_out = 0;
    struct hekla_error err = {0};
    char *out = NULL;
    struct jinja *j = jinja_create("the chat template",
        &(struct jinja_limits){.steps = 200000, .bytes = 32 << 20, .now = 1770091506});
    require(j != NULL, "no memory");
    check_error(jinja_set_all(j, "the variables", usual, sizeof(usual) - 1, &err), &err);
    hekla_status status = jinja_set_json(j, "value", "the value", text, n_line, &err);
    check_error(status, &err);
    size_t begin = status || !line ? 0 : n_line + 1;
    status = jinja_render(j, text + begin, size - begin, &out, &n_out, &err);
    check_error(status, &err);
    if (!status)
        require(utf8_check(out, n_out) == n_out, "text that is not UTF-8");
    free(out);
    jinja_destroy(j);
    return 0;
}
