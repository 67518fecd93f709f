/* Chat templates render as Python's Jinja2 does: our own over every statement, filter, test and
 * method, and those of real models where they are at hand. Where Python raises, so must we. */
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
        "'%s/tests/unit/jinja_cases.txt' %s%s%s",
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_python),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
