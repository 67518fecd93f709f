#include "cli/options.h"

#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64 };

size_t cli_option_next_name(const char **names, const char **name)
{
    *name = *names;
    size_t n = strcspn(*names, "|");
    *names += n;
    if (**names == '|')
        (*names)++;
    return n;
}

bool cli_parse_integer(const char *text, int64_t *out)
{
    char *end;
    const char *digits = text + (*text == '-' || *text == '+');
    if (*digits < '0' || *digits > '9') /* strtoll would skip blanks */
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end || errno)
        return false;
    *out = value;
    return true;
}

bool cli_parse_real(const char *text, double *out)
{
    char *end;
    if (!*text || !strchr("+-.0123456789", *text) || strpbrk(text, "xXpPnN")) /* no hex, inf, nan */
        return false;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value))
        return false;
    *out = value;
    return true;
}

static bool takes_value(const struct cli_option *row)
{
    return row->type <= CLI_OPTION_CHOICE;
}

static bool is_flag(const struct cli_option *row)
{
    return row->type < CLI_OPTION_HEADING;
}

/* Copies a flag without its "=value"; '_' inside a long name counts as '-'. */
static void flag_name(char out[NAME_MAX_BYTES], const char *text)
{
    size_t n = strcspn(text, "=");
    if (n >= NAME_MAX_BYTES)
        n = NAME_MAX_BYTES - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = i > 1 && text[i] == '_' ? '-' : text[i];
    out[n] = 0;
}

static bool has_name(const char *names, const char *flag)
{
    const char *name;
    size_t n;
    while ((n = cli_option_next_name(&names, &name)) > 0)
        if (strlen(flag) == n && memcmp(name, flag, n) == 0)
            return true;
    return false;
}

static const struct cli_option *find(const struct cli_options *options, const char *flag)
{
    for (size_t i = 0; i < options->n_rows; i++)
        if (is_flag(&options->rows[i]) && has_name(options->rows[i].names, flag))
            return &options->rows[i];
    return NULL;
}

static bool is_help(const char *flag)
{
    return strcmp(flag, "-h") == 0 || strcmp(flag, "--help") == 0;
}

/* Says that a flag does not exist, with the nearest one that does. */
static void fail_unknown(const struct cli_options *options, const char *flag)
{
    char best[NAME_MAX_BYTES] = "";
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < options->n_rows; i++) {
        const char *names = options->rows[i].names, *name;
        size_t n;
        if (!is_flag(&options->rows[i]))
            continue;
        while ((n = cli_option_next_name(&names, &name)) > 0) {
            char candidate[NAME_MAX_BYTES];
            snprintf(candidate, sizeof(candidate), "%.*s", (int)n, name);
            size_t distance = cli_edit_distance(flag, candidate);
            if (distance < best_distance) {
                best_distance = distance;
                memcpy(best, candidate, sizeof(best));
            }
        }
    }
    if (cli_edit_distance(flag, "--help") < best_distance) {
        strcpy(best, "--help");
        best_distance = 0;
    }
    if (best_distance <= strlen(flag) / 2)
        cli_fail(CLI_USAGE, "unknown flag %s for \"hekla %s\"; did you mean %s?", flag,
            options->command, best);
    else
        cli_fail(CLI_USAGE,
            "unknown flag %s for \"hekla %s\"; the nearest is %s, and "
            "\"hekla %s --help\" lists all",
            flag, options->command, best, options->command);
}

/* What a row's value must look like, for messages. */
static void expectation(const struct cli_option *row, char *out, size_t cap)
{
    size_t used = 0;
    const char *choices = row->choices, *name;
    size_t n;

    switch (row->type) {
    case CLI_OPTION_INTEGER:
        snprintf(out, cap, "a whole number from %" PRId64 " to %" PRId64, (int64_t)row->min,
            (int64_t)row->max);
        break;
    case CLI_OPTION_REAL:
        snprintf(out, cap, "a number from %g to %g", row->min, row->max);
        break;
    case CLI_OPTION_LIST:
        snprintf(out, cap, "%s, at most %d times", row->value, CLI_LIST_MOST);
        break;
    case CLI_OPTION_CHOICE:
        used = (size_t)snprintf(out, cap, "one of");
        while ((n = cli_option_next_name(&choices, &name)) > 0 && used < cap)
            used += (size_t)snprintf(out + used, cap - used, " %.*s", (int)n, name);
        break;
    default:
        snprintf(out, cap, "%s", row->value ? row->value : "a value");
        break;
    }
}

static bool set_choice(const struct cli_option *row, const char *text, int *out)
{
    const char *choices = row->choices, *name;
    size_t n;
    for (int i = 0; (n = cli_option_next_name(&choices, &name)) > 0; i++) {
        if (strlen(text) == n && memcmp(name, text, n) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool add_item(struct cli_list *list, const char *text)
{
    if (list->n == CLI_LIST_MOST)
        return false;
    list->items[list->n++] = text;
    return true;
}

/* Stores a value; false if it is not one, or out of range. */
static bool set_value(const struct cli_option *row, const char *text, void *values)
{
    void *member = (char *)values + row->offset;
    int64_t integer;
    double real;

    switch (row->type) {
    case CLI_OPTION_TEXT:
        *(const char **)member = text;
        return true;
    case CLI_OPTION_INTEGER:
        if (!cli_parse_integer(text, &integer) || (double)integer < row->min ||
            (double)integer > row->max)
            return false;
        *(int64_t *)member = integer;
        return true;
    case CLI_OPTION_REAL:
        if (!cli_parse_real(text, &real) || real < row->min || real > row->max)
            return false;
        *(double *)member = real;
        return true;
    case CLI_OPTION_LIST:
        return add_item(member, text);
    case CLI_OPTION_CHOICE:
        return set_choice(row, text, member);
    default:
        *(bool *)member = row->type == CLI_OPTION_SET;
        return true;
    }
}

static void set_defaults(const struct cli_options *options, void *values)
{
    for (size_t i = 0; i < options->n_rows; i++)
        if (options->rows[i].fallback)
            set_value(&options->rows[i], options->rows[i].fallback, values);
}

/* Finds the value of argv[*i] ("--flag=value", or the next argument) and stores it. */
static bool take_value(const struct cli_options *options, const struct cli_option *row,
    const char *flag, int argc, char **argv, int *i, void *values)
{
    char expected[160], next[NAME_MAX_BYTES];
    const char *equals = strchr(argv[*i], '=');
    const char *text = equals ? equals + 1 : NULL;

    expectation(row, expected, sizeof(expected));
    if (!text && *i + 1 < argc) {
        /* A flag in the value's place is far more often a forgotten value than a text. */
        flag_name(next, argv[*i + 1]);
        if (find(options, next) || is_help(next)) {
            cli_fail(CLI_USAGE,
                "%s needs a value, %s, but %s follows (write %s=%s if that is the value)", flag,
                expected, next, flag, argv[*i + 1]);
            return false;
        }
        text = argv[++*i];
    }
    if (!text) {
        cli_fail(CLI_USAGE, "%s needs a value: %s", flag, expected);
        return false;
    }
    if (!set_value(row, text, values)) {
        cli_fail(CLI_USAGE, "%s cannot be \"%s\": expected %s", flag, text, expected);
        return false;
    }
    return true;
}

/* Stores an argument in the first operand that has none; false: all have. */
static bool take_operand(const struct cli_options *options, const char *text, void *values)
{
    for (size_t i = 0; i < options->n_rows; i++) {
        const char **member = (const char **)((char *)values + options->rows[i].offset);
        struct cli_list *all = (struct cli_list *)(void *)member;
        if (options->rows[i].type == CLI_OPTION_OPERANDS && all->n < CLI_LIST_MOST) {
            all->items[all->n++] = text;
            return true;
        }
        if (options->rows[i].type == CLI_OPTION_OPERAND && !*member) {
            *member = text;
            return true;
        }
    }
    return false;
}

static bool take_argument(
    const struct cli_options *options, int argc, char **argv, int *i, void *values)
{
    char flag[NAME_MAX_BYTES];

    if (argv[*i][0] != '-' || !argv[*i][1]) {
        if (take_operand(options, argv[*i], values))
            return true;
        cli_fail(CLI_USAGE, "\"hekla %s\" does not know what to do with \"%s\"; usage: hekla %s %s",
            options->command, argv[*i], options->command, options->usage);
        return false;
    }
    flag_name(flag, argv[*i]);
    const struct cli_option *row = find(options, flag);
    if (!row) {
        fail_unknown(options, flag);
        return false;
    }
    if (takes_value(row))
        return take_value(options, row, flag, argc, argv, i, values);
    if (strchr(argv[*i], '=')) {
        cli_fail(CLI_USAGE, "%s takes no value", flag);
        return false;
    }
    return set_value(row, NULL, values);
}

enum cli_parse cli_options_parse(
    const struct cli_options *options, int argc, char **argv, void *values)
{
    set_defaults(options, values);
    for (int i = 1; i < argc; i++) {
        if (is_help(argv[i])) {
            cli_options_help(options);
            return CLI_PARSE_HELP;
        }
        if (!take_argument(options, argc, argv, &i, values))
            return CLI_PARSE_ERROR;
    }
    return CLI_PARSE_OK;
}
