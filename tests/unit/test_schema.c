/* JSON schemas: every text of the grammar satisfies the schema, by a validator of its own; texts
 * that do and do not; what is refused; mutations. */
#include "schema_check.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct grammar *convert(const char *schema)
{
    struct grammar *g = NULL;
    struct hekla_error err = {0};
    char *text = NULL;
    if (schema_to_grammar(&text, schema, strlen(schema), "the JSON schema", &err) ||
        grammar_parse(&g, text, strlen(text), "its grammar", &err))
        fail_msg("%s: %s", schema, err.text);
    free(text);
    return g;
}

static bool allows(const struct grammar *g, const char *text)
{
    struct grammar_matcher *m;
    assert_int_equal(grammar_matcher_create(&m, g, NULL), HEKLA_OK);
    bool allowed = grammar_matcher_accept(m, text, strlen(text)) && grammar_matcher_may_end(m);
    grammar_matcher_destroy(m);
    return allowed;
}

static void random_texts_satisfy_their_schema(void **state)
{
    enum { ROUNDS = 300, CAP = 600 };
    uint64_t random = 1;
    (void)state;
    for (int i = 0; i < N_TEST_SCHEMAS; i++) {
        struct grammar *g = convert(test_schemas[i]);
        uint32_t complete = 0, longest = 0;
        for (int round = 0; round < ROUNDS; round++) {
            char text[CAP];
            bool is_complete;
            size_t n = random_text(g, &random, text, CAP, &is_complete);
            if (!is_complete)
                continue;
            complete++;
            longest = n > longest ? (uint32_t)n : longest;
            if (!text_is_valid(test_schemas[i], text, n))
                fail_msg("%s does not satisfy %s", (text[n < CAP ? n : CAP - 1] = 0, text),
                    test_schemas[i]);
        }
        printf("%2d: %u of %d texts complete, up to %u bytes\n", i, complete, ROUNDS, longest);
        assert_in_range(complete, ROUNDS / 4, ROUNDS);
        grammar_destroy(g);
    }
}

static const struct {
    int schema;
    const char *good[4], *bad[6];
} cases[] = {
    {0, {"{}", "[1, -2.5e3, \"\\u00e4\", null]", "true", "{\"a\": {\"b\": []}}"},
        {"", "{", "[1,]", "\"\\ud800\"", "01", "tru"}},
    {1, {"{\"name\":\"Bo\",\"age\":7}", "{ \"name\": \"x\", \"age\": 150 }"},
        {"{\"name\":\"Bo\"}", "{\"name\":\"\",\"age\":7}", "{\"name\":\"Bo\",\"age\":151}",
            "{\"name\":\"123456789\",\"age\":7}", "[]", "{\"name\":\"Bo\",\"age\":7,}"}},
    {2, {"{\"b\":{\"k\":[1,2]}}", "{\"a\":null,\"b\":{\"k\":[1,2]},\"c\":true}"},
        {"{}", "{\"b\":{\"k\":[1,3]}}", "{\"b\":{\"k\":[1,2]},\"d\":1}", "{\"a\":null}"}},
    {3, {"{}", "{\"abc\":true}", "{\"ab\":-3,\"b\":false,\"aa\":true}", "{\"\":true}"},
        {"{\"ab\":true}", "{\"ab\":8}", "{\"a\":true}", "{\"\xc3\xa4\":true}", "{\"b\":1}",
            "{\"\\u0061\":true}"}},
    {4, {"[\"red\",\"blue\"]", "[\"red\",\"red\",\"red\",\"red\"]"},
        {"[]", "[\"red\"]", "[\"red\",\"red\",\"red\",\"red\",\"red\"]", "[\"pink\",\"red\"]"}},
    {5, {"[\"abc\",1.5]", "[\"\",0,null,null]"},
        {"[]", "[\"abc\"]", "[\"\",0,1]", "[\"abcd\",1]", "[\"\",0,null,null,null]"}},
    {6, {"-11", "0", "1004", "null"}, {"-12", "1005", "\"a\"", "3.5", "00"}},
    {7, {"{\"value\":1,\"children\":[{\"value\":2,\"children\":[]}]}", "{\"value\":1}"},
        {"{\"children\":[]}", "{\"value\":1,\"children\":[1]}"}},
    {8, {"\"ab12x\xc3\xa4y\"", "\"ccc123?xzy\"", "\"ab99Axxy\""},
        {"\"ab1xzy\"", "\"ab12azxy\"", "\"ab12xy\"", "\"xab12xzy\""}},
    {9, {"\"q/\"", "\"..q\\\"www..\""}, {"\"q\"", "\"wq\""}},
    {10, {"{\"p\":1,\"q\":\"zz\"}"}, {"{\"p\":1}", "{\"q\":\"zz\"}", "{\"p\":1,\"q\":\"zzz\"}"}},
    {11, {"{\"z\":1}", "{\"z\":1,\"y\":2}"}, {"{}", "{\"z\":true}", "{\"y\":1}"}},
    {12, {"98", "99", "100", "10234"}, {"97", "10235", "-98", "10300", "9"}},
    {13, {"-7", "-10", "-99999"}, {"-6", "0", "7", "-07"}},
    {14, {"0", "1.5", "2e10", "0.25E-3"}, {"-1", "-0", "01", "1."}},
};

static void texts_are_allowed_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct grammar *g = convert(test_schemas[cases[i].schema]);
        for (int k = 0; k < 4 && cases[i].good[k]; k++) {
            const char *text = cases[i].good[k];
            assert_true(text_is_valid(test_schemas[cases[i].schema], text, strlen(text)));
            if (!allows(g, text))
                fail_msg("schema %d refuses %s", cases[i].schema, text);
        }
        for (int k = 0; k < 6 && cases[i].bad[k]; k++)
            if (allows(g, cases[i].bad[k]))
                fail_msg("schema %d allows %s", cases[i].schema, cases[i].bad[k]);
        grammar_destroy(g);
    }
}

/* All integers around the limits, of every number of digits. */
static void integer_limits_are_exact(void **state)
{
    static const long limits[][2] = {{0, 0}, {-1, 1}, {9, 11}, {-105, -98}, {7, 10012},
        {-1000, 999}, {123, 1987}, {100, 199}, {5, 5}, {-20, 305}};
    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        char schema[200], text[40];
        snprintf(schema, sizeof(schema), "{\"type\":\"integer\",\"minimum\":%ld,\"maximum\":%ld.5}",
            limits[i][0], limits[i][1]);
        if (limits[i][1] < 0)
            snprintf(schema, sizeof(schema),
                "{\"type\":\"integer\",\"minimum\":%ld.5,\"exclusiveMaximum\":%ld}", limits[i][0],
                limits[i][1] + 1);
        struct grammar *g = convert(schema);
        for (long x = -1200; x < 10300; x++) {
            if (x % 37 && labs(x - limits[i][0]) > 25 && labs(x - limits[i][1]) > 25)
                continue;
            snprintf(text, sizeof(text), "%ld", x);
            if (allows(g, text) != (x >= limits[i][0] && x <= limits[i][1]))
                fail_msg("%s: %s", schema, text);
        }
        grammar_destroy(g);
    }
}

static const struct {
    const char *schema, *words;
} broken[] = {
    {"", "the JSON schema is no JSON: line 1"},
    {"{\"type\":\"object\"", "is no JSON"},
    {"3", "at #: expected a schema, which is an object"},
    {"false", "at #: false allows no value at all"},
    {"{\"type\":\"widget\"}", "at #: unknown type \"widget\""},
    {"{\"type\":[]}", "\"type\" is neither a name nor a list"},
    {"{\"type\":[1]}", "\"type\" is neither a name nor a list"},
    {"{\"properties\":{\"a\":{\"not\":{}}}}", "at #/properties/a: \"not\" is not supported"},
    {"{\"items\":{\"multipleOf\":3}}", "at #/items: \"multipleOf\" is not supported"},
    {"{\"type\":\"array\",\"uniqueItems\":true}", "\"uniqueItems\" is not supported"},
    {"{\"patternProperties\":{}}", "\"patternProperties\" is not supported"},
    {"{\"properties\":[]}", "\"properties\" is no object"},
    {"{\"required\":\"a\"}", "\"required\" is no list"},
    {"{\"required\":[1]}", "\"required\" is no list"},
    {"{\"required\":[\"a\"],\"additionalProperties\":false}", "\"a\" is required, but not among"},
    {"{\"$ref\":\"#/nowhere\"}", "\"$ref\" to \"#/nowhere\" leads nowhere"},
    {"{\"$ref\":\"http://x/y\"}", "leads nowhere; expected #, or #/ and a path"},
    {"{\"$ref\":7}", "\"$ref\" is no text"},
    {"{\"$ref\":\"#\",\"enum\":[1]}", "\"enum\" beside \"$ref\" is not supported"},
    {"{\"enum\":[]}", "\"enum\" leaves no value"},
    {"{\"type\":\"string\",\"enum\":[1,2]}", "\"enum\" leaves no value"},
    {"{\"anyOf\":[]}", "\"anyOf\" is no list of schemas"},
    {"{\"oneOf\":[{},4]}", "at #/oneOf/1: expected a schema"},
    {"{\"allOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "\"allOf\" with several \"type\""},
    {"{\"$defs\":{\"a\":{\"allOf\":[{\"$ref\":\"#/$defs/a\"}]}},\"$ref\":\"#/$defs/a\"}",
        "\"allOf\" joins more than 1000 schemas"},
    {"{\"type\":\"string\",\"minLength\":5,\"maxLength\":4}", "\"maxLength\" is less"},
    {"{\"type\":\"string\",\"minLength\":-1}", "\"minLength\" is no whole number"},
    {"{\"type\":\"string\",\"minLength\":1.5}", "\"minLength\" is no whole number"},
    {"{\"type\":\"string\",\"minLength\":3000}", "\"minLength\" is 3000, expected 2000 at most"},
    {"{\"type\":\"array\",\"minItems\":3000}", "\"minItems\" is 3000"},
    {"{\"type\":\"array\",\"minItems\":3,\"maxItems\":2}", "more values than there may be"},
    {"{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "the limits leave no integer"},
    {"{\"type\":\"integer\",\"minimum\":\"a\"}", "\"minimum\" is no number"},
    {"{\"type\":\"integer\",\"maximum\":1e300}", "expected -1e15 to 1e15"},
    {"{\"type\":\"number\",\"maximum\":5}", "\"maximum\" of a number is not supported"},
    {"{\"type\":\"string\",\"pattern\":\"(?=x)\"}", "\"pattern\" at byte 1: groups that begin"},
    {"{\"type\":\"string\",\"pattern\":\"a**\"}", "nothing before it to repeat"},
    {"{\"type\":\"string\",\"pattern\":\"[a\"}", "the set has no closing ]"},
    {"{\"type\":\"string\",\"pattern\":\"(a\"}", "expected )"},
    {"{\"type\":\"string\",\"pattern\":\"a)\"}", "no ( for this )"},
    {"{\"type\":\"string\",\"pattern\":\"\\\\bx\"}", "this escape is not supported"},
    {"{\"type\":\"string\",\"pattern\":\"a{5,2}\"}", "the fewer first"},
    {"{\"type\":\"string\",\"pattern\":4}", "\"pattern\" is no text"},
    {"{\"a\":1,\"a\":2}", "duplicate"},
};

static void expect_broken(const char *schema, size_t n, const char *words)
{
    char *text = NULL;
    struct hekla_error err = {0};
    hekla_status status = schema_to_grammar(&text, schema, n, "the JSON schema", &err);
    if (status != HEKLA_ARGUMENT || !strstr(err.text, words))
        fail_msg("\"%.80s\": \"%s\" does not say \"%s\"", schema, err.text, words);
    assert_null(text);
    assert_null(strchr(err.text, '\n'));
}

static void broken_schemas_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        expect_broken(broken[i].schema, strlen(broken[i].schema), broken[i].words);
}

/* Schemas that would grow without end. */
static void sizes_are_bounded(void **state)
{
    enum { CAP = 100000 };
    char *text = malloc(CAP);
    size_t n = 0;
    (void)state;
    for (int i = 0; i < 100; i++)
        n += (size_t)sprintf(text + n, "{\"items\":");
    n += (size_t)sprintf(text + n, "{}");
    for (int i = 0; i < 100; i++)
        text[n++] = '}';
    expect_broken(text, n, "more than 64 schemas inside each other");
    /* each level twice, 2^60 in all */
    n = (size_t)sprintf(text, "{\"$defs\":{\"d0\":{}");
    for (int i = 1; i <= 60; i++)
        n += (size_t)sprintf(text + n,
            ",\"d%d\":{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}", i,
            i - 1, i - 1);
    n += (size_t)sprintf(text + n, "},\"$ref\":\"#/$defs/d60\"}");
    expect_broken(text, n, "\"allOf\" joins more than 1000 schemas");
    n = (size_t)sprintf(text, "{\"$defs\":{\"d0\":{}");
    for (int i = 1; i <= 25; i++)
        n += (size_t)sprintf(text + n,
            ",\"d%d\":{\"type\":[\"array\",\"object\"],\"items\":{\"$ref\":\"#/$defs/d%d\"},"
            "\"required\":[\"a\",\"b\"],\"additionalProperties\":{\"$ref\":\"#/$defs/d%d\"}}",
            i, i - 1, i - 1);
    sprintf(text + n, "},\"$ref\":\"#/$defs/d25\"}");
    grammar_destroy(convert(text)); /* shared, so small */
    free(text);
}

static void mutations_are_refused_or_satisfied(void **state)
{
    static const char bytes[] = "\"[]{}:,-.09eE$/#\\|^*+?(tn \xc3";
    uint64_t x = 3;
    uint32_t refused = 0, taken = 0, checked = 0;
    (void)state;
    for (uint32_t round = 0; round < 4000; round++) {
        char text[600];
        const char *from = round % 3 ? test_schemas[round % N_TEST_SCHEMAS]
                                     : broken[round % (sizeof(broken) / sizeof(broken[0]))].schema;
        size_t n = strlen(from);
        memcpy(text, from, n + 1);
        for (uint32_t i = 0; i < 1 + round % 2 && n > 3; i++) {
            size_t at = next_random(&x) % n;
            if (next_random(&x) % 3 == 0)
                memmove(text + at, text + at + 1, n-- - at);
            else
                text[at] = next_random(&x) % 2 ? bytes[next_random(&x) % (sizeof(bytes) - 1)]
                                               : text[next_random(&x) % n];
        }
        char *made = NULL;
        struct grammar *g = NULL;
        struct hekla_error err = {0};
        hekla_status status = schema_to_grammar(&made, text, n, "the JSON schema", &err);
        if (status == HEKLA_OK)
            status = grammar_parse(&g, made, strlen(made), "its grammar", &err);
        free(made);
        if (status) {
            refused++;
            assert_int_not_equal(strlen(err.text), 0);
            assert_null(strchr(err.text, '\n'));
            continue;
        }
        taken++;
        char out[300];
        bool complete;
        size_t length = random_text(g, &x, out, sizeof(out), &complete);
        if (complete && !strstr(text, "pattern")) {
            checked++;
            if (!text_is_valid(text, out, length))
                fail_msg("%.*s does not satisfy %s", (int)length, out, text);
        }
        grammar_destroy(g);
    }
    printf("%u mutations refused, %u taken, %u texts of these checked\n", refused, taken, checked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_texts_satisfy_their_schema),
        cmocka_unit_test(texts_are_allowed_or_refused),
        cmocka_unit_test(integer_limits_are_exact),
        cmocka_unit_test(broken_schemas_are_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(mutations_are_refused_or_satisfied),
    };
    setlocale(LC_ALL, "C.UTF-8"); /* for regcomp */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
