#include "cli/cli.h"
#include "cli/input.h"
#include "cli/open.h"
#include "cli/options.h"

#include <inttypes.h>
#include <stdlib.h>

struct tokenize_options {
    const char *model, *prompt, *file;
    bool ids, no_bos, no_parse_special, escape;
};

#define AT(member) offsetof(struct tokenize_options, member)

static const struct cli_option rows[] = {
    {.type = CLI_OPTION_TEXT,
        .names = "-m|--model",
        .offset = AT(model),
        .value = "FILE",
        .help = "GGUF file; default: the built-in model"},
    {.type = CLI_OPTION_TEXT,
        .names = "-p|--prompt",
        .offset = AT(prompt),
        .value = "TEXT",
        .help = "the text"},
    {.type = CLI_OPTION_TEXT,
        .names = "-f|--file",
        .offset = AT(file),
        .value = "FILE",
        .help = "the text from a file, byte for byte; default: stdin"},
    {.type = CLI_OPTION_SET,
        .names = "--ids",
        .offset = AT(ids),
        .help = "only the ids, as a list such as [1, 2, 3]"},
    {.type = CLI_OPTION_SET,
        .names = "--no-bos",
        .offset = AT(no_bos),
        .help = "never add the begin-of-text token"},
    {.type = CLI_OPTION_SET,
        .names = "--no-parse-special",
        .offset = AT(no_parse_special),
        .help = "take special tokens written out as plain text"},
    CLI_ROW_ESCAPE(AT(escape)),
    CLI_ROW_NO_ESCAPE(AT(escape)),
};

static const struct cli_options options_of_tokenize = {
    .command = "tokenize",
    .usage = "[-m FILE] [-p TEXT | -f FILE] [flags]",
    .about = "Shows the tokens of a text, one on a line. No device is needed.",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};

static void write_ids(const hekla_token *tokens, size_t n)
{
    cli_writef("[");
    for (size_t i = 0; i < n; i++)
        cli_writef("%s%" PRId32, i > 0 ? ", " : "", tokens[i]);
    cli_writef("]\n");
}

static void write_pieces(const hekla_model *model, const hekla_token *tokens, size_t n)
{
    char piece[HEKLA_PIECE_MAX];
    for (size_t i = 0; i < n; i++) {
        size_t length = hekla_token_bytes(model, tokens[i], true, piece, sizeof(piece));
        cli_writef("%6" PRId32 " -> '", tokens[i]);
        cli_write(piece, length < sizeof(piece) ? length : sizeof(piece));
        cli_writef("'\n");
    }
}

static int tokenize(
    const struct tokenize_options *options, const hekla_model *model, struct cli_text *text)
{
    hekla_token *tokens = NULL;
    size_t n = 0;
    uint32_t flags = 0;

    int code = cli_input_text(text, options->prompt, options->file, options->escape);
    if (code != CLI_OK)
        return code;
    if (!options->no_bos)
        flags |= HEKLA_TOKENIZE_BOS;
    if (!options->no_parse_special)
        flags |= HEKLA_TOKENIZE_SPECIAL;
    code = cli_input_tokenize(model, text->data, text->n, flags, &tokens, &n);
    if (code != CLI_OK)
        return code;
    if (options->ids)
        write_ids(tokens, n);
    else
        write_pieces(model, tokens, n);
    free(tokens);
    return CLI_OK;
}

int cli_tokenize(int argc, char **argv)
{
    struct tokenize_options options = {0};
    struct cli_text text = {0};
    hekla_model *model = NULL;

    enum cli_parse parsed = cli_options_parse(&options_of_tokenize, argc, argv, &options);
    if (parsed != CLI_PARSE_OK)
        return parsed == CLI_PARSE_HELP ? CLI_OK : CLI_USAGE;
    if (options.prompt && options.file)
        return cli_fail(CLI_USAGE, "only one of -p and -f can give the text");
    int code = cli_open_vocabulary(&model, options.model);
    if (code == CLI_OK)
        code = tokenize(&options, model, &text);
    cli_text_free(&text);
    hekla_model_close(model);
    return code;
}
