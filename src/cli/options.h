/*
 * options: one table-driven flag parser for all subcommands. A row names a flag, its aliases, the
 * kind of value, the default and the help line; parsing, checks, --help and the "did you mean"
 * sentences all come from the rows.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_option_type {
    CLI_OPTION_TEXT,     /* const char * */
    CLI_OPTION_INTEGER,  /* int64_t, from min to max */
    CLI_OPTION_REAL,     /* double, from min to max */
    CLI_OPTION_LIST,     /* struct cli_list: the flag may be given several times */
    CLI_OPTION_CHOICE,   /* int: index in choices */
    CLI_OPTION_SET,      /* bool, becomes true */
    CLI_OPTION_UNSET,    /* bool, becomes false */
    CLI_OPTION_HEADING,  /* no flag: starts a group in --help */
    CLI_OPTION_OPERAND,  /* const char *: the next argument that is no flag; its name is for --help
                          */
    CLI_OPTION_OPERANDS, /* struct cli_list: all further ones */
};

enum { CLI_LIST_MOST = 64 };
struct cli_list {
    const char *items[CLI_LIST_MOST];
    size_t n;
};

struct cli_option {
    enum cli_option_type type;
    const char *names;    /* "-n|--predict": what help and messages show is all of it */
    size_t offset;        /* of the member in the command's struct */
    const char *fallback; /* default, parsed like a value; NULL: zero */
    double min, max;
    const char *value; /* what --help calls the value */
    const char *help;
    const char *choices; /* "auto|f32|f16" */
};

struct cli_options {
    const char *command;
    const char *usage; /* the part after "hekla COMMAND" */
    const char *about; /* sentences below the usage line */
    const char *notes; /* printed at the end of the help; may be NULL */
    const struct cli_option *rows;
    size_t n_rows;
};

/* Of flags that several commands have. at: offset of the member. */
#define CLI_HELP_NUMERICS                                                                          \
    "exact: the same bits on every device; fast: prompts go through half-precision matrix units "  \
    "where the device has them, and results differ in their last digits"

#define CLI_ROW_MODEL(at)                                                                          \
    {                                                                                              \
        .type = CLI_OPTION_TEXT, .names = "-m|--model", .offset = (at), .value = "FILE",           \
        .help = "GGUF file, or the first of a split model; default: the built-in model"            \
    }
#define CLI_ROW_NUMERICS(at)                                                                       \
    {                                                                                              \
        .type = CLI_OPTION_CHOICE, .names = "--numerics", .offset = (at), .choices = "exact|fast", \
        .fallback = "exact", .help = CLI_HELP_NUMERICS                                             \
    }
#define CLI_ROW_ESCAPE(at)                                                                         \
    {                                                                                              \
        .type = CLI_OPTION_SET, .names = "-e|--escape", .offset = (at), .fallback = "on",          \
        .help = "turn \\n, \\r, \\t, \\\", \\' and \\\\ in -p into what they mean"                 \
    }
#define CLI_ROW_NO_ESCAPE(at)                                                                      \
    {                                                                                              \
        .type = CLI_OPTION_UNSET, .names = "--no-escape", .offset = (at),                          \
        .help = "take -p as it is"                                                                 \
    }

enum cli_parse { CLI_PARSE_OK, CLI_PARSE_HELP, CLI_PARSE_ERROR };

/* Fills `values` (the command's struct, zeroed by the caller) with defaults and then with the
 * flags. Prints the help or the error itself. `-h` and `--help` are always understood. */
enum cli_parse cli_options_parse(
    const struct cli_options *options, int argc, char **argv, void *values);
/* The --help text, on stdout. */
void cli_options_help(const struct cli_options *options);

/* Goes through "a|b|c": returns the next name's length and moves *names behind it; 0 at the end. */
size_t cli_option_next_name(const char **names, const char **name);

/* Strict number parsing: the whole text, decimal, finite. */
bool cli_parse_integer(const char *text, int64_t *out);
bool cli_parse_real(const char *text, double *out);

#endif
