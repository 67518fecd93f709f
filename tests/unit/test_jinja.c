/* Chat templates render as Python's Jinja2 does: our own over every statement, filter, test and
 * method, and those of real models where they are at hand. Where Python raises, so must we. */
#include "base/utf8.h"
#include "jinja/jinja.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW = 1770091506, MAX_REPORTS = 40 };

struct reference {
    char *name, *template, *variables, *output;
    size_t n[4];
    int rendered;
};

static char *take(FILE *f, size_t n)
{
    char *text = malloc(n + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, n, f), n);
    text[n] = 0;
    return text;
}

static bool next_case(FILE *f, struct reference *r)
{
    if (fscanf(f, "%zu %zu %zu %zu %d", &r->n[0], &r->n[1], &r->n[2], &r->n[3], &r->rendered) != 5)
        return false;
    assert_int_equal(fgetc(f), '\n');
    r->name = take(f, r->n[0]);
    r->template = take(f, r->n[1]);
    r->variables = take(f, r->n[2]);
    r->output = take(f, r->n[3]);
    return true;
}

static void free_case(struct reference *r)
{
    free(r->name);
    free(r->template);
    free(r->variables);
    free(r->output);
}

static hekla_status render(const char *template, size_t n, const char *variables,
    size_t n_variables, const struct jinja_limits *limits, char **out, size_t *n_out,
    struct hekla_error *err)
{
    struct jinja *j = jinja_create("chat template", limits);
    assert_non_null(j);
    hekla_status status = jinja_set_all(j, "the variables", variables, n_variables, err);
    if (!status)
        status = jinja_render(j, template, n, out, n_out, err);
    jinja_destroy(j);
    return status;
}

/* Prints the first difference. */
static void report(const struct reference *r, const char *out, size_t n, const char *error)
{
    size_t at = 0;
    if (error) {
        print_message("%s: %s\n  Python: %s\n", r->name, error, r->output);
        return;
    }
    if (!r->rendered) {
        print_message("%s: renders, but in Python: %s\n", r->name, r->output);
        return;
    }
    while (at < n && at < r->n[3] && out[at] == r->output[at])
        at++;
    size_t from = at > 40 ? at - 40 : 0;
    print_message("%s: differs at byte %zu\n  ours:   %.120s\n  Python: %.120s\n", r->name, at,
        out + from, r->output + from);
}

static bool same(const struct reference *r, bool quiet)
{
    char *out = NULL;
    size_t n = 0;
    struct hekla_error err = {0};
    hekla_status status = render(r->template, r->n[1], r->variables, r->n[2],
        &(struct jinja_limits){.now = NOW}, &out, &n, &err);
    bool equal = r->rendered ? !status && n == r->n[3] && !memcmp(out, r->output, n)
                             : status == HEKLA_FORMAT && err.text[0];
    if (!equal && !quiet)
        report(r, out, n, status ? err.text : NULL);
    free(out);
    return equal;
}

/* python3 is the system's first, as python3-jinja2 is installed for that one. */
static void as_python(void **state)
{
    (void)state;
    struct reference r;
    char command[4096];
    size_t n = 0, failed = 0, raised = 0;
    const char *folder = HEKLA_SOURCE_DIR "/../shared/chat-templates";
    bool shared = access(folder, R_OK) == 0;
    snprintf(command, sizeof(command),
        "for p in /usr/bin/python3 python3; do $p -c 'import jinja2' 2>/dev/null && break; done; "
        "PYTHONDONTWRITEBYTECODE=1 exec $p '%s/tests/unit/jinja_reference.py' "
        "'%s/tests/unit/data/jinja_cases.txt' %s%s%s",
        HEKLA_SOURCE_DIR, HEKLA_SOURCE_DIR, shared ? "'" : "", shared ? folder : "",
        shared ? "'" : "");
    FILE *f = popen(command, "r");
    assert_non_null(f);
    for (; next_case(f, &r); n++) {
        raised += !r.rendered;
        failed += !same(&r, failed >= MAX_REPORTS);
        free_case(&r);
    }
    int status = pclose(f);
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) {
        print_message("not compared with Python: python3-jinja2 is missing\n");
        skip();
    }
    print_message("%zu renderings compared with Python, of which it refuses %zu%s\n", n, raised,
        shared ? "" : "; the templates of real models are not at hand (../shared/chat-templates)");
    assert_int_equal(status, 0);
    assert_true(n > 100);
    assert_int_equal(failed, 0);
}

/* ---- hostile templates ------------------------------------------------------------------------
 */

static void expect_failure(const char *template, size_t n, const char *says)
{
    char *out = NULL;
    size_t n_out = 0;
    struct hekla_error err = {0};
    hekla_status status = render(template, n, "{}", 2, NULL, &out, &n_out, &err);
    if (status != HEKLA_FORMAT || !strstr(err.text, says))
        fail_msg("%.60s: status %d, \"%s\" should say \"%s\"", template, status, err.text, says);
    free(out);
}

static void limits(void **state)
{
    (void)state;
    static const struct {
        const char *template, *says;
    } cases[] = {
        {"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "the most a template may"},
        {"{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}"
         "{% endfor %}",
            "the most a template may"},
        {"{{ 'x' * 9000000000 }}", "the most a template may"},
        {"{{ ([0] * 99999) * 99999 }}", "the most a template may"},
        {"{{ '%99999999d' % 1 }}", "width"},
        {"{{ '{:99999999}'.format(1) }}", "width"},
        {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deep"},
        {"{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}"
         "{% endfor %}{{ ns.l }}",
            "deep"},
        {"{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}"
         "{% endfor %}{{ ns.l|tojson }}",
            "deep"},
        {"{% set ns = namespace(l=(1,)) %}{% for i in range(9999) %}{% set ns.l = (ns.l,) %}"
         "{% endfor %}{{ {ns.l: 1} }}",
            "deep"},
        {"{% set ns = namespace(a=[], b=[]) %}{% for i in range(9999) %}{% set ns.a = [ns.a] %}"
         "{% set ns.b = [ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
            "deep"},
        {"{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", "deep"},
        {"{% for x in [[]] recursive %}{{ loop([[]]) }}{% endfor %}", "deep"},
        {"{{ 9223372036854775807 + 1 }}", "64 bits"},
        {"{{ range(9223372036854775807) }}", "items"},
        {"{{ 2 ** 9223372036854775807 }}", "64 bits"},
        {"{{ x.y", "no end"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_failure(cases[i].template, strlen(cases[i].template), cases[i].says);
    expect_failure("a\xff", 2, "byte 0xff at offset 1");
}

/* Deep in the source: brackets, unary operators, blocks, and long chains. */
static void nesting(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *again, *end, *says;
    } cases[] = {{"{{ ", "(", "", "nested"}, {"{{ ", "[", "", "nested"},
        {"{{ ", "{1:", "", "nested"}, {"{{ ", "not ", "x }}", "nested"},
        {"{{ ", "- ", "x }}", "nested"}, {"", "{% if x %}", "", "nested"},
        {"", "{% for x in y %}", "", "nested"}, {"{{ 1", " if 1 else 1", " }}", "nested"},
        {"{{ 1", "+1", " }}", "nested"}, {"{{ x", "|upper", " }}", "nested"},
        {"{{ x", ".x", " }}", "nested"}, {"{% set ", "(", " %}", "nested"},
        {"", "{% macro m() %}", "", "nested"}, {"{{ '", "{ ", "'.format() }}", "no \"}\""},
        {"{{ 1", " < 1", " or 1", "tag has no end"}, {"{{ '", "a", "", "string has no end"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t begin = strlen(cases[i].begin), again = strlen(cases[i].again), n = 20000;
        size_t end = strlen(cases[i].end);
        char *text = malloc(begin + n * again + end);
        assert_non_null(text);
        memcpy(text, cases[i].begin, begin);
        for (size_t k = 0; k < n; k++)
            memcpy(text + begin + k * again, cases[i].again, again);
        memcpy(text + begin + n * again, cases[i].end, end);
        expect_failure(text, begin + n * again + end, cases[i].says);
        free(text);
    }
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Changes a few bytes, cuts pieces out, repeats them, or writes pieces of the language. */
static size_t mutate(char *text, size_t n, size_t cap, uint64_t *random)
{
    static const char *const pieces[] = {"{%", "%}", "{{", "}}", "-%}", "(", ")", "[", "]", "|",
        ".", "if", "else", "endif", "endfor", "loop(", "**", "'", "\\", "\xff", "not ",
        "namespace(", "range(9999)", "|tojson", "is ", ",", "9e9", "~"};
    for (uint64_t k = 1 + next_random(random) % 4; k > 0 && n > 0; k--) {
        size_t at = next_random(random) % n, length = next_random(random) % 40;
        length = length < n - at ? length : n - at;
        const char *piece = pieces[next_random(random) % (sizeof(pieces) / sizeof(pieces[0]))];
        switch (next_random(random) % 4) {
        case 0:
            text[at] = (char)next_random(random);
            break;
        case 1:
            memmove(text + at, text + at + length, n - at - length);
            n -= length;
            break;
        case 2:
            if (n + length > cap)
                break;
            memmove(text + at + length, text + at, n - at);
            n += length;
            break;
        default:
            length = strlen(piece);
            if (n + length > cap)
                break;
            memmove(text + at + length, text + at, n - at);
            memcpy(text + at, piece, length);
            n += length;
        }
    }
    return n;
}

static void check_mutant(const char *text, size_t n, const char *variables)
{
    static const struct jinja_limits few = {.steps = 1000000, .bytes = 64 << 20, .now = NOW};
    char *out = NULL;
    size_t n_out = 0;
    struct hekla_error err = {0};
    hekla_status status = render(text, n, variables, strlen(variables), &few, &out, &n_out, &err);
    size_t n_text = strlen(err.text);
    assert_true(status == HEKLA_OK || status == HEKLA_FORMAT);
    assert_int_equal(status, err.code);
    assert_int_equal(status == HEKLA_OK, n_text == 0);
    assert_int_equal(utf8_check(err.text, n_text), n_text);
    free(out);
}

static void mutants(void **state)
{
    (void)state;
    static const char variables[] =
        "{\"messages\": [{\"role\": \"system\", \"content\": \"Be kind.\"}, {\"role\": \"user\", "
        "\"content\": \"Hi\"}], \"list\": [3, 1, 2], \"n\": 3, \"s\": \"text\", \"d\": {\"a\": 1}, "
        "\"add_generation_prompt\": true, \"bos_token\": \"<s>\", \"words\": [\"b\", \"A\"]}";
    static char source[200000], text[4096];
    FILE *f = fopen(HEKLA_SOURCE_DIR "/tests/unit/data/jinja_cases.txt", "rb");
    assert_non_null(f);
    size_t n_source = fread(source, 1, sizeof(source), f);
    fclose(f);
    uint64_t random = 7;
    for (size_t i = 0; i < 8000; i++) {
        /* A few lines of the cases, from the beginning of one on. */
        size_t at = next_random(&random) % (n_source - 1), n = 1 + next_random(&random) % 1000;
        while (at > 0 && source[at - 1] != '\n')
            at--;
        n = n < n_source - at ? n : n_source - at;
        memcpy(text, source + at, n);
        check_mutant(text, mutate(text, n, sizeof(text), &random), variables);
    }
}

/* JSON that is not valid, with what is said. */
static void bad_json(void **state)
{
    (void)state;
    static const struct {
        const char *json, *says;
    } cases[] = {{"", "it ends where a JSON value is expected"}, {"{", "it ends"},
        {"{\"a\"}", "expected \":\""}, {"{\"a\": 1,}", "expected a string"},
        {"{\"a\": [1 2]}", "expected \",\" or \"]\""}, {"{\"a\": 01}", "expected a number"},
        {"{\"a\": 1.}", "expected a digit"}, {"{\"a\": nul}", "expected a JSON value"},
        {"{\"a\": \"\\x\"}", "an escape"}, {"{\"a\": \"\\ud800\"}", "surrogate"},
        {"{\"a\": 99999999999999999999}", "64 bits"}, {"{} x", "expected the end"},
        {"[1]", "expected a JSON object"}, {"{\"a\": \"\n\"}", "the end of a string"},
        {"{\"a\": \"\xff\"}", "byte 0xff at offset 7"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *out = NULL;
        size_t n = 0;
        struct hekla_error err = {0};
        const char *json = cases[i].json;
        hekla_status status = render("x", 1, json, strlen(json), NULL, &out, &n, &err);
        if (status != HEKLA_ARGUMENT || !strstr(err.text, cases[i].says))
            fail_msg(
                "%s: status %d, \"%s\" should say \"%s\"", json, status, err.text, cases[i].says);
    }
    static char deep[10001];
    memset(deep, '[', sizeof(deep) - 1);
    struct hekla_error err = {0};
    char *out = NULL;
    size_t n = 0;
    assert_int_equal(render("x", 1, deep, strlen(deep), NULL, &out, &n, &err), HEKLA_ARGUMENT);
    assert_non_null(strstr(err.text, "nested more than 200 deep"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_python),
        cmocka_unit_test(limits),
        cmocka_unit_test(nesting),
        cmocka_unit_test(mutants),
        cmocka_unit_test(bad_json),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
