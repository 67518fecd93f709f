/* Grammars: texts they allow and refuse, cut at every byte; broken ones; bounds; and mutations. */
#include "sample/grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct grammar *parse(const char *text)
{
    struct grammar *g = NULL;
    struct hekla_error err = {0};
    if (grammar_parse(&g, text, strlen(text), "the grammar", &err))
        fail_msg("%s: %s", text, err.text);
    return g;
}

enum outcome { REFUSED, BEGUN, COMPLETE };

static enum outcome outcome_of(const struct grammar_matcher *m, bool allowed)
{
    return !allowed ? REFUSED : grammar_matcher_may_end(m) ? COMPLETE : BEGUN;
}

/* In two pieces, cut in every place; asking first must change nothing. */
static void expect(const struct grammar *g, const char *text, enum outcome expected)
{
    size_t n = strlen(text);
    for (size_t cut = 0; cut <= n; cut++) {
        struct grammar_matcher *m;
        assert_int_equal(grammar_matcher_create(&m, g, NULL), HEKLA_OK);
        bool asked = grammar_matcher_allows(m, text, n);
        assert_int_equal(asked, expected != REFUSED);
        bool allowed = grammar_matcher_accept(m, text, cut);
        if (allowed) {
            asked = grammar_matcher_allows(m, text + cut, n - cut);
            allowed = grammar_matcher_accept(m, text + cut, n - cut);
            assert_int_equal(asked, allowed);
        }
        if (outcome_of(m, allowed) != expected)
            fail_msg(
                "\"%s\" cut at %zu: %d instead of %d", text, cut, outcome_of(m, allowed), expected);
        grammar_matcher_destroy(m);
    }
}

static const struct {
    const char *grammar;
    const char *complete[6], *begun[6], *refused[6];
} cases[] = {
    {"root ::= \"yes\" | \"no\"", {"yes", "no"}, {"", "y", "n"}, {"x", "yess", "nn", "on"}},
    {"root ::= [a-c]+ # a comment\n", {"a", "abcabc"}, {""}, {"d", "A", "a-"}},
    {"# first\n\nroot ::=\n  x |\n  y\nx ::= \"1\"\r\ny ::= (\n \"2\"\n | \"3\" )\n",
        {"1", "2", "3"}, {""}, {"4", "12"}},
    {"root ::= [^\"\\\\\\x00-\\x1F]*", {"", "abc", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xc3", "\xe2\x82", "\xf0\x9f", "\xf0"}, {"\"", "\\", "\n", "\x80", "\xc0\x80", "\xff"}},
    {"root ::= [\xc3\xa4-\xc3\xb6] [\\u20AC] [\\U0001F600-\\U0001F610]",
        {"\xc3\xa5\xe2\x82\xac\xf0\x9f\x98\x88"}, {"\xc3", "\xc3\xa5\xe2"},
        {"\xc3\xb7", "\xc4", "a", "\xc3\xa5\xe3"}},
    {"root ::= .", {"a", "\n", "\xed\x9f\xbf"}, {"", "\xed"}, {"aa", "\xed\xa0", "\xf4\x90"}},
    {"root ::= \"a\"{2} \"b\"{1,} \"c\"{0,2} \"d\"{0}", {"aab", "aabbb", "aabcc"}, {"aa", "a"},
        {"ab", "aabccc", "aabd"}},
    {"root ::= (\"ab\" | \"c\")? (\"x\" \"y\")* \"\\n\"", {"ab\n", "xyxy\n", "c\n", "\n"},
        {"a", "x"}, {"abc", "yx", "n"}},
    /* nested, ambiguous, and with empty alternatives */
    {"root ::= \"(\" root \")\" | \"\"", {"", "()", "((()))"}, {"((", "("}, {")", "())"}},
    {"root ::= x x x\nx ::= \"a\" | \"aa\" | ", {"", "a", "aaaaaa"}, {}, {"aaaaaaa", "b"}},
    {"root ::= expr\nexpr ::= term ([-+*/] term)*\nterm ::= [0-9]+ | \"(\" expr \")\"",
        {"1", "1+2*(3-4)", "((7))"}, {"1+", "(1", ""}, {"+1", "1)", "()"}},
    {"root ::= a-b_c\na-b_c ::= \"\\\"\\\\\\[\\]\\t\"", {"\"\\[]\t"}, {"\""}, {"["}},
    {"root ::= [\\]\\-^] [a\\-z] [-x] [x-]", {"]a--", "^-xx"}, {"-"}, {"b", "]b", "]ay"}},
};

static void texts_are_allowed_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct grammar *g = parse(cases[i].grammar);
        for (int k = 0; k < 6; k++) {
            if (cases[i].complete[k])
                expect(g, cases[i].complete[k], COMPLETE);
            if (cases[i].begun[k])
                expect(g, cases[i].begun[k], BEGUN);
            if (cases[i].refused[k])
                expect(g, cases[i].refused[k], REFUSED);
        }
        grammar_destroy(g);
    }
}

static const struct {
    const char *grammar, *words;
} broken[] = {
    {"", "has no rule \"root\""},
    {"x ::= \"a\"", "has no rule \"root\""},
    {"root ::= x", "line 1: rule \"x\" is not defined"},
    {"root ::= \"a\"\nroot ::= \"b\"", "line 2, at \"root ::= \"b\"\": this rule is defined twice"},
    {"root ::= root \"a\" | \"b\"", "rule \"root\" can begin with itself"},
    {"root ::= x\nx ::= y \"1\"\ny ::= z | \"q\"\nz ::= x", "can begin with itself"},
    {"root ::= x\nx ::= e e x \"1\"\ne ::= \"\" | \"2\"", "rule \"x\" can begin with itself"},
    {"root ::= (\"a\"*)*", "rule \"root\" can begin with itself"},
    {"root ::= root", "can begin with itself"},
    {"root = \"a\"", "expected ::= after the name"},
    {"root ::= \"a", "no closing \""},
    {"root ::= \"a\n\"", "no closing \""},
    {"root ::= [a", "no closing ]"},
    {"root ::= [z-a]", "the range goes backwards"},
    {"root ::= (\"a\"", "ends too early: expected )"},
    {"root ::= \"a\")", "expected a text, a set, a rule"},
    {"root ::= *", "nothing before it to repeat"},
    {"root ::= \"a\"{", "expected a number of repetitions"},
    {"root ::= \"a\"{3,1}", "the most repetitions are fewer"},
    {"root ::= \"a\"{1,2", "expected } after"},
    {"root ::= \"a\"{2001}", "too many repetitions"},
    {"root ::= \"a\"{99999999999999999999}", "too many repetitions"},
    {"root ::= \"\\q\"", "unknown escape"},
    {"root ::= \"\\x1\"", "hexadecimal digits"},
    {"root ::= \"\\uD800\"", "no Unicode character"},
    {"root ::= \"\\U00110000\"", "no Unicode character"},
    {"root ::= \"a\\", "ends too early: unknown escape"},
    {"root ::= <think>", "tokens written as <...> are not supported"},
    {"root ::= \xff", "is not UTF-8 at byte 9"},
    {"::= \"a\"", "expected the name of a rule"},
};

static void expect_broken(const char *text, size_t n, const char *words)
{
    struct grammar *g = NULL;
    struct hekla_error err = {0};
    hekla_status status = grammar_parse(&g, text, n, "the grammar", &err);
    if (status != HEKLA_ARGUMENT || !strstr(err.text, words))
        fail_msg("\"%.80s\": \"%s\" does not say \"%s\"", text, err.text, words);
    assert_null(g);
    assert_null(strchr(err.text, '\n'));
}

static void broken_grammars_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        expect_broken(broken[i].grammar, strlen(broken[i].grammar), broken[i].words);
    expect_broken("root ::= \"\0\"", 12, "has a zero byte at 10");
}

/* What would take too much is refused, soon. */
static void sizes_are_bounded(void **state)
{
    enum { LONG = 300000 };
    char *text = malloc(LONG + 200);
    (void)state;
    /* parentheses inside each other */
    int n = sprintf(text, "root ::= ");
    memset(text + n, '(', LONG);
    expect_broken(text, (size_t)n + LONG, "more than 64 parentheses");
    /* repetitions of repetitions are shared, but ten million elements are too many */
    strcpy(text, "root ::= ((\"ab\"{2000}){2000}){2000}");
    struct grammar *g = parse(text);
    expect(g, "abababab", BEGUN);
    grammar_destroy(g);
    n = sprintf(text, "root ::= ");
    for (int i = 0; i < 200; i++)
        n += sprintf(text + n, "x{2000} ");
    sprintf(text + n, "\nx ::= \"a\"");
    expect_broken(text, strlen(text), "more than 262144 parts");
    /* a long chain of rules, backwards */
    n = sprintf(text, "root ::= r0\n");
    int last = 0;
    for (; n < LONG - 100; last++)
        n += sprintf(text + n, "r%d ::= r%d | \"\"\n", last, last + 1);
    sprintf(text + n, "r%d ::= \"a\"", last);
    g = parse(text);
    expect(g, "a", COMPLETE);
    grammar_destroy(g);
    sprintf(text + n, "r%d ::= r0 \"a\"", last);
    expect_broken(text, strlen(text), "can begin with itself");
    free(text);
}

/* Ways to read a text are kept once: exponentially many readings cost no more than their states,
 * and what does not fit is refused, while the text so far stays good. */
static void ways_are_bounded(void **state)
{
    struct grammar_matcher *m;
    char deep[1000];
    (void)state;
    struct grammar *g =
        parse("root ::= a a a a a a a a a a a a \"b\"\na ::= \"x\"* (\"x\" \"x\")* y?\n"
              "y ::= \"x\" y | \"\"");
    assert_int_equal(grammar_matcher_create(&m, g, NULL), HEKLA_OK);
    for (int i = 0; i < 500; i++)
        assert_true(grammar_matcher_accept(m, "x", 1));
    assert_true(grammar_matcher_accept(m, "b", 1));
    assert_true(grammar_matcher_may_end(m));
    grammar_matcher_destroy(m);
    grammar_destroy(g);
    g = parse("root ::= \"(\" root \")\" | \"\"");
    assert_int_equal(grammar_matcher_create(&m, g, NULL), HEKLA_OK);
    memset(deep, '(', sizeof(deep));
    int n = 0;
    while (n < 1000 && grammar_matcher_accept(m, deep, sizeof(deep)))
        n++;
    printf("%d thousand parentheses can be open\n", n);
    assert_in_range(n, 10, 999);
    assert_true(grammar_matcher_accept(m, ")))", 3));
    assert_false(grammar_matcher_may_end(m));
    grammar_matcher_destroy(m);
    /* right recursion and repetition need no memory */
    struct grammar *long_one = parse("root ::= \"a\" root | \"b\"");
    assert_int_equal(grammar_matcher_create(&m, long_one, NULL), HEKLA_OK);
    memset(deep, 'a', sizeof(deep));
    for (int i = 0; i < 300; i++)
        assert_true(grammar_matcher_accept(m, deep, sizeof(deep)));
    grammar_matcher_destroy(m);
    grammar_destroy(long_one);
    grammar_destroy(g);
}

/* Any text is a grammar or ends in one sentence. */
static void mutations_are_refused_or_work(void **state)
{
    static const char bytes[] = "\"[](){}|*+?:=#\\-^.,<x0 \n\xc3";
    uint64_t x = 5;
    uint32_t refused = 0, taken = 0;
    (void)state;
    for (uint32_t round = 0; round < 20000; round++) {
        char text[400];
        const char *from = cases[round % (sizeof(cases) / sizeof(cases[0]))].grammar;
        size_t n = strlen(from);
        memcpy(text, from, n);
        for (uint32_t i = 0; i < 1 + round % 3; i++) {
            x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            size_t at = (size_t)(x >> 33) % n, what = (size_t)(x >> 20) % 3;
            if (what == 0)
                text[at] = bytes[(x >> 40) % (sizeof(bytes) - 1)];
            else if (what == 1 && n > 2)
                memmove(text + at, text + at + 1, --n - at);
            else if (what == 2)
                text[at] = text[(x >> 45) % n];
        }
        struct grammar *g = NULL;
        struct hekla_error err = {0};
        if (grammar_parse(&g, text, n, "the grammar", &err)) {
            refused++;
            assert_int_not_equal(strlen(err.text), 0);
            assert_null(strchr(err.text, '\n'));
            continue;
        }
        taken++;
        struct grammar_matcher *m;
        if (grammar_matcher_create(&m, g, &err) == HEKLA_OK) {
            grammar_matcher_accept(m, text, n < 20 ? n : 20);
            grammar_matcher_destroy(m);
        }
        grammar_destroy(g);
    }
    printf("%u mutations refused, %u taken\n", refused, taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_allowed_or_refused),
        cmocka_unit_test(broken_grammars_are_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(ways_are_bounded),
        cmocka_unit_test(mutations_are_refused_or_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
