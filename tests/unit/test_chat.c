/* Conversations by a model's template: tools, variables, JSON, going on, formats by name; and
 * answers taken apart. */
#include "gguf_build.h"
#include "text/tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct tokenizer *tiny;

static int open_tiny(void **state)
{
    (void)state;
    struct gguf *g = NULL;
    assert_int_equal(
        gguf_open(&g, HEKLA_SOURCE_DIR "/models/hekla-tiny-q8_0.gguf", test_type_bytes, NULL), 0);
    assert_int_equal(tokenizer_create(&tiny, g, NULL), 0);
    gguf_close(g);
    return 0;
}

static int close_tiny(void **state)
{
    (void)state;
    tokenizer_destroy(tiny);
    return 0;
}

static void expect_json(
    const char *messages, const struct hekla_chat_options *o, const char *expected)
{
    char *text = NULL;
    struct hekla_error err = {0};
    hekla_status status = chat_format_json(tiny, messages, o, &text, &err);
    if (status || strcmp(text, expected) != 0)
        fail_msg("%s\n\"%s\" should be\n\"%s\"", err.text, text ? text : "", expected);
    free(text);
}

static void expect_error(
    const char *messages, const struct hekla_chat_options *o, hekla_status code, const char *says)
{
    char *text = NULL;
    struct hekla_error err = {0};
    hekla_status status = chat_format_json(tiny, messages, o, &text, &err);
    if (status != code || !strstr(err.text, says))
        fail_msg("status %d, \"%s\" should say \"%s\"", status, err.text, says);
    assert_null(text);
}

static void options(void **state)
{
    (void)state;
    static const char hi[] = "[{\"role\": \"user\", \"content\": \"Hi\", \"extra\": [1]}]";
    expect_json(hi,
        &(struct hekla_chat_options){.chat_template = "{{ bos_token }}{{ messages|tojson }}{{ "
                                                      "tools|tojson }}{{ x }}{{ "
                                                      "add_generation_prompt }}{{ documents }}",
            .tools = "[{\"type\": \"function\"}]",
            .variables = "{\"x\": {\"y\": 1}}"},
        "<|begin_of_text|>[{\"role\": \"user\", \"content\": \"Hi\", \"extra\": [1]}]"
        "[{\"type\": \"function\"}]{'y': 1}TrueNone");
    expect_json(hi,
        &(struct hekla_chat_options){.chat_template = "{{ tools }}{{ add_generation_prompt }}"
                                                      "{{ strftime_now('%Y') }}",
            .no_answer = true,
            .now = 1770091506},
        "NoneFalse2026");
    expect_json(hi, NULL,
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n");
    expect_error("[", NULL, HEKLA_ARGUMENT, "the messages: it ends");
    expect_error(hi, &(struct hekla_chat_options){.tools = "{]"}, HEKLA_ARGUMENT, "the tools: ");
    expect_error(
        hi, &(struct hekla_chat_options){.variables = "[]"}, HEKLA_ARGUMENT, "a JSON object");
    expect_error(hi,
        &(struct hekla_chat_options){.chat_template = "a\n{{ raise_exception('No!') }}"},
        HEKLA_FORMAT, "the chat template, line 2: the template says: No!");
    expect_error(hi, &(struct hekla_chat_options){.chat_template = "{{ '\\0' }}"}, HEKLA_FORMAT,
        "zero byte");
}

static void going_on(void **state)
{
    (void)state;
    const struct hekla_chat_options go_on = {.continue_last = true};
    const struct hekla_chat_options plain = {.continue_last = true,
        .chat_template = "{% for m in messages %}<{{ m.content }}>{% endfor %}"};
    expect_json("[{\"role\": \"assistant\", \"content\": \" One, two \"}]", &go_on,
        "<|begin_of_text|><|start_header_id|>assistant<|end_header_id|>\n\nOne, two");
    expect_json("[{\"role\": \"assistant\", \"content\": \"One, two \"}]", &plain, "<One, two ");
    expect_json("[{\"role\": \"assistant\", \"content\": \"\"}]", &plain, "<>");
    expect_error("[{\"role\": \"assistant\"}]", &go_on, HEKLA_ARGUMENT, "has no text");
    expect_error("[]", &go_on, HEKLA_ARGUMENT, "the last message has no text");
    expect_error("[{\"role\": \"assistant\", \"content\": \"abc\"}]",
        &(struct hekla_chat_options){.continue_last = true, .chat_template = "x"}, HEKLA_FORMAT,
        "changes the text of the last message");
}

static void message_fields(void **state)
{
    (void)state;
    char *text = NULL;
    const struct hekla_message messages[] = {
        {.role = "assistant",
            .reasoning = "Hm\n\"",
            .tool_calls = "[{\"function\": {\"name\": \"f\", \"arguments\": {}}}]"},
        {.role = "tool", .content = "7", .tool_call_id = "c1", .name = "f"},
    };
    const struct hekla_chat_options o = {
        .chat_template = "{% for m in messages %}{{ m.role }}:{{ m.content }}:{{ "
                         "m.reasoning_content }}:{{ m.tool_calls[0].function.name if m.tool_calls "
                         "}}:{{ m.tool_call_id }}:{{ m.name }};{% endfor %}"};
    assert_int_equal(chat_format(tiny, messages, 2, &o, &text, NULL), HEKLA_OK);
    assert_string_equal(text, "assistant::Hm\n\":f::;tool:7:::c1:f;");
    free(text);
    struct hekla_error err = {0};
    const struct hekla_message bad = {.role = "assistant", .tool_calls = "[{]"};
    assert_int_equal(chat_format(tiny, &bad, 1, NULL, &text, &err), HEKLA_ARGUMENT);
    assert_non_null(strstr(err.text, "the messages: "));
}

static void named_formats(void **state)
{
    (void)state;
    static const char messages[] = "[{\"role\": \"system\", \"content\": \"S\"}, {\"role\": "
                                   "\"user\", \"content\": \"A\"}, {\"role\": \"assistant\", "
                                   "\"content\": \"B\"}, {\"role\": \"user\", \"content\": \"C\"}]";
    static const char *const expected[][2] = {
        {"chatml", "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n"
                   "<|im_start|>assistant\nB<|im_end|>\n<|im_start|>user\nC<|im_end|>\n"
                   "<|im_start|>assistant\n"},
        {"gemma", "<|begin_of_text|><start_of_turn>user\nS\n\nA<end_of_turn>\n"
                  "<start_of_turn>model\nB<end_of_turn>\n<start_of_turn>user\nC<end_of_turn>\n"
                  "<start_of_turn>model\n"},
        {"llama2", "<|begin_of_text|>[INST] <<SYS>>\nS\n<</SYS>>\n\nA [/INST] B <|end_of_text|>"
                   "<|begin_of_text|>[INST] C [/INST]"},
        {"llama3", "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
                   "<|start_header_id|>user<|end_header_id|>\n\nA<|eot_id|>"
                   "<|start_header_id|>assistant<|end_header_id|>\n\nB<|eot_id|>"
                   "<|start_header_id|>user<|end_header_id|>\n\nC<|eot_id|>"
                   "<|start_header_id|>assistant<|end_header_id|>\n\n"},
        {"mistral-v3", "<|begin_of_text|>[INST] A[/INST] B<|end_of_text|>[INST] S\n\nC[/INST]"},
        {"mistral-v7", "<|begin_of_text|>[SYSTEM_PROMPT]S[/SYSTEM_PROMPT][INST]A[/INST]B"
                       "<|end_of_text|>[INST]C[/INST]"},
        {"phi3", "<|system|>\nS<|end|>\n<|user|>\nA<|end|>\n<|assistant|>\nB<|end|>\n<|user|>\n"
                 "C<|end|>\n<|assistant|>\n"},
        {"zephyr", "<|system|>\nS<|end_of_text|>\n<|user|>\nA<|end_of_text|>\n<|assistant|>\nB"
                   "<|end_of_text|>\n<|user|>\nC<|end_of_text|>\n<|assistant|>\n"},
    };
    size_t n = sizeof(expected) / sizeof(expected[0]);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(hekla_chat_format_name(i), expected[i][0]);
        expect_json(messages, &(struct hekla_chat_options){.chat_template = expected[i][0]},
            expected[i][1]);
    }
    assert_null(hekla_chat_format_name(n));
}

#define CALL(name, arguments)                                                                      \
    "[{\"type\": \"function\", \"function\": {\"name\": \"" name "\", \"arguments\": {" arguments  \
    "}}}]"

static void answers(void **state)
{
    (void)state;
    static const struct {
        const char *prompt, *answer;
        bool tools;
        const char *content, *reasoning, *calls;
    } cases[] = {
        {NULL, " Hello.\n", false, " Hello.\n", NULL, NULL},
        {"x", "<think>\nHm.\n</think>\n\nYes.", false, "Yes.", "Hm.", NULL},
        {"..<think>\n", "Hm.</think>Yes.", false, "Yes.", "Hm.", NULL},
        {"..<think>\n", "Hm. And", false, "", "Hm. And", NULL},
        {"x", "<think>\n\n</think>\n\nYes.", false, "Yes.", NULL, NULL},
        {"x", "It says <think> there.", false, "It says <think> there.", NULL, NULL},
        {"x",
            "Let me.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1]}}\n</tool_call>\n"
            "<tool_call>{\"name\": \"g\"}</tool_call>",
            true, "Let me.", NULL,
            "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"a\": "
            "[1]}}}, {\"type\": \"function\", \"function\": {\"name\": \"g\", \"arguments\": "
            "{}}}]"},
        {"x", "<tool_call>{\"name\": </tool_call>", true, "<tool_call>{\"name\": </tool_call>",
            NULL, NULL},
        {"x", "<tool_call>{\"name\": \"f\"}</tool_call>", false,
            "<tool_call>{\"name\": \"f\"}</tool_call>", NULL, NULL},
        {"x", "{\"name\": \"f\", \"parameters\": {\"a\": 1}}", true, "", NULL,
            "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"a\": "
            "1}}}]"},
        {"x", "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}, \"id\": \"c1\"}]", true, "", NULL,
            "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {}}, "
            "\"id\": \"c1\"}]"},
        {"x", "{\"title\": \"f\"}", true, "{\"title\": \"f\"}", NULL, NULL},
        {"x", "[1, 2]", true, "[1, 2]", NULL, NULL},
        {"x",
            "So:\n<tool_call>\n<function=f>\n<parameter=a>\ntwo\n\"lines\"\n</parameter>\n"
            "<parameter=b>\n0.1\n</parameter>\n<parameter=c>\n[1, {}]\n</parameter>\n</function>\n"
            "</tool_call>\n<tool_call>\n<function=g>\n</function>\n</tool_call>",
            true, "So:", NULL,
            "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"a\": "
            "\"two\\n\\\"lines\\\"\", \"b\": 0.1, \"c\": [1, {}]}}}, {\"type\": \"function\", "
            "\"function\": {\"name\": \"g\", \"arguments\": {}}}]"},
        {"x", "<seed:tool_call>\n<function=f>\n<parameter=a>x</parameter>\n</function>", true, "",
            NULL, CALL("f", "\"a\": \"x\"")},
        {"x", "<tool_call><function=>\n</function></tool_call>", true,
            "<tool_call><function=>\n</function></tool_call>", NULL, NULL},
        {"x",
            "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>x y</arg_value>\n<arg_key>b</arg_key>\n"
            "<arg_value>true</arg_value>\n</tool_call>",
            true, "", NULL, CALL("f", "\"a\": \"x y\", \"b\": true")},
        {"x", "Hm.[TOOL_CALLS]f[ARGS]{\"a\": 1}", true, "Hm.", NULL, CALL("f", "\"a\": 1")},
        {"x",
            "Yes.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": "
            "1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
            true, "Yes.", NULL, CALL("f", "\"a\": 1")},
        {"x",
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0"
            "<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
            true, "", NULL,
            "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {}}, "
            "\"id\": \"functions.f:0\"}]"},
        {"x", "<|tool_call_begin|>f{}<|tool_call_end|>", true,
            "<|tool_call_begin|>f{}<|tool_call_end|>", NULL, NULL},
        {"..<|start|>assistant",
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>"
            "Yes.",
            false, "Yes.", "Hm.", NULL},
        {"..<|start|>assistant", "<|channel|>analysis<|message|>Hm. And", false, "", "Hm. And",
            NULL},
        {"x",
            "<|channel>thought\nHm.<channel|><|tool_call>call:f{a:<|\"|>x: \"y\"<|\"|>,b:[1,true],"
            "c:{d:<|\"|><|\"|>}}<tool_call|><|tool_call>call:g{ }<tool_call|>",
            true, "", "Hm.",
            "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"a\": "
            "\"x: \\\"y\\\"\", \"b\": [1, true], \"c\": {\"d\": \"\"}}}}, {\"type\": "
            "\"function\", \"function\": {\"name\": \"g\", \"arguments\": {}}}]"},
        {"..<|start|>assistant", "<|channel|>ana", false, "", NULL, NULL},
        {"..<|start|>assistant",
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary "
            "to=functions.f <|constrain|>json<|message|>{\"a\": 1}",
            true, "", "Hm.", CALL("f", "\"a\": 1")},
        {"..<|start|>assistant",
            " to=functions.f<|channel|>commentary json<|message|>{\"a\": 1}<|call|>", true, "",
            NULL, CALL("f", "\"a\": 1")},
        {"..<|start|>assistant", " to=functions.f<|channel|>commentary json<|message|>{\"a\": 1}",
            true, "", NULL, CALL("f", "\"a\": 1")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hekla_answer parts = {0};
        assert_int_equal(
            hekla_answer_parse(cases[i].prompt, cases[i].answer, cases[i].tools, &parts, NULL), 0);
        assert_string_equal(parts.content, cases[i].content);
        assert_string_equal(parts.reasoning ? parts.reasoning : "(none)",
            cases[i].reasoning ? cases[i].reasoning : "(none)");
        assert_string_equal(parts.tool_calls ? parts.tool_calls : "(none)",
            cases[i].calls ? cases[i].calls : "(none)");
        hekla_answer_free(&parts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options),
        cmocka_unit_test(going_on),
        cmocka_unit_test(message_fields),
        cmocka_unit_test(named_formats),
        cmocka_unit_test(answers),
    };
    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}
