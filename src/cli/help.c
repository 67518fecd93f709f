#include "cli/options.h"

#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 34, HELP_WIDTH = 100 };

/* Writes words from `column` on, broken before the width, further lines indented to the column. */
static void write_wrapped(const char *text, size_t column)
{
    size_t at = column;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (at > column && at + 1 + word > HELP_WIDTH) {
            cli_writef("\n%*s", (int)column, "");
            at = column;
        }
        if (at > column) {
            cli_writef(" ");
            at++;
        }
        cli_writef("%.*s", (int)word, text);
        at += word;
        text += word + strspn(text + word, " ");
    }
    cli_writef("\n");
}

/* "  -n, --predict N" */
static size_t format_left(const struct cli_option *row, char *out, size_t cap)
{
    const char *names = row->names, *name;
    size_t n, used = (size_t)snprintf(out, cap, "  ");
    for (bool first = true; (n = cli_option_next_name(&names, &name)) > 0; first = false)
        used += (size_t)snprintf(out + used, cap - used, "%s%.*s", first ? "" : ", ", (int)n, name);
    if (row->value)
        used += (size_t)snprintf(out + used, cap - used, " %s", row->value);
    return used;
}

static void help_row(const struct cli_option *row)
{
    char left[160], right[400];
    size_t n = format_left(row, left, sizeof(left));

    snprintf(right, sizeof(right), row->fallback ? "%s (%s)" : "%s", row->help,
        row->fallback ? row->fallback : "");
    cli_writef("%s", left);
    if (n + 2 > HELP_COLUMN)
        cli_writef("\n%*s", HELP_COLUMN, "");
    else
        cli_writef("%*s", (int)(HELP_COLUMN - n), "");
    write_wrapped(right, HELP_COLUMN);
}

void cli_options_help(const struct cli_options *options)
{
    static const struct cli_option help = {
        .names = "-h|--help", .help = "show this text", .type = CLI_OPTION_SET};

    cli_writef("usage: hekla %s %s\n\n", options->command, options->usage);
    write_wrapped(options->about, 0);
    cli_writef("\n");
    for (size_t i = 0; i < options->n_rows; i++) {
        const struct cli_option *row = &options->rows[i];
        if (row->type == CLI_OPTION_HEADING)
            cli_writef("%s%s:\n", i > 0 ? "\n" : "", row->help);
        else
            help_row(row);
    }
    help_row(&help);
    if (options->notes)
        cli_writef("\n%s", options->notes);
}
