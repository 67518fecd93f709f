/* libFuzzer: any text as an answer. What comes out is text, and calls are JSON in OpenAI's form.
 * Seeds: tests/fuzz/corpus/answer. */
#include "fuzz.h"

#include <hekla/hekla.h>

#include <jansson.h>
#include <string.h>

static void check_calls(const char *text)
{
    json_t *calls = json_loads(text, 0, NULL), *call;
    size_t i;
    require(json_is_array(calls), "calls that are no list");
    json_array_foreach(calls, i, call)
    {
        json_t *function = json_object_get(call, "function");
        require(json_is_string(json_object_get(function, "name")), "a call without a name");
        require(json_object_get(function, "arguments") != NULL, "a call without arguments");
    }
    json_decref(calls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const prompts[] = {NULL, "<think>\n", "<|start|>assistant"};
    char *text = malloc(size + 1);
    require(text != NULL, "no memory");
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    for (int i = 0; i < 6; i++) {
        struct hekla_answer parts = {0};
        require(hekla_answer_parse(prompts[i % 3], text, i >= 3, &parts, NULL) == HEKLA_OK,
            "an answer that is refused");
        require(parts.content != NULL, "no content");
        require(i >= 3 || !parts.tool_calls, "calls without tools");
        if (parts.tool_calls)
            check_calls(parts.tool_calls);
        hekla_answer_free(&parts);
    }
    free(text);
    return 0;
}
