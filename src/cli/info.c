#include "cli/cli.h"
#include "cli/fit.h"
#include "cli/open.h"
#include "cli/options.h"

#include <inttypes.h>
#include <stdlib.h>

struct info_options {
    struct cli_fit_options fit;
    bool wants_fit, wants_prediction;
};

#define AT(member) offsetof(struct info_options, member)

static const struct cli_option rows[] = {
    CLI_ROW_MODEL(AT(fit.model)),
    {.type = CLI_OPTION_SET,
        .names = "--predict",
        .offset = AT(wants_prediction),
        .help = "instead: will it fit, with which context, and how fast will it be: from what a "
                "layer like its own takes on the device, without loading it"},
    {.type = CLI_OPTION_SET,
        .names = "--fit",
        .offset = AT(wants_fit),
        .help =
            "instead: what the model takes on a device, and which contexts fit; weights are not "
            "read"},
    {.type = CLI_OPTION_TEXT,
        .names = "--synthetic",
        .offset = AT(fit.shape),
        .value = "SHAPE:TYPE",
        .help = "with --fit or --predict: no file, but a known shape, such as llama3.1-8b:q4_k_m"},
    {.type = CLI_OPTION_TEXT,
        .names = "-dev|--device",
        .offset = AT(fit.device),
        .value = "ID",
        .help = "with --fit or --predict: id or part of a name; default: the best"},
    {.type = CLI_OPTION_INTEGER,
        .names = "-c|--ctx-size",
        .offset = AT(fit.ctx_size),
        .fallback = "0",
        .min = 0,
        .max = INT32_MAX,
        .value = "N",
        .help = "with --fit: context in tokens; 0: what the model was trained for"},
    {.type = CLI_OPTION_REAL,
        .names = "--memory",
        .offset = AT(fit.memory),
        .fallback = "0",
        .min = 0,
        .max = 1e6,
        .value = "GIB",
        .help = "with --fit: for a device like this one with so much memory free; 0: what is free "
                "now"},
};

static const struct cli_options options_of_info = {
    .command = "info",
    .usage = "[-m FILE] [--fit | --predict [--synthetic SHAPE:TYPE] [flags]]",
    .about = "Shows a model file's metadata and tensors, and a summary. No device is needed but "
             "for --fit and --predict.",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};

static void write_text(void *user, const char *text, size_t n)
{
    (void)user;
    cli_write(text, n);
}

static void write_token(const char *name, hekla_token id, const hekla_model *model)
{
    char text[HEKLA_PIECE_MAX];
    if (id < 0)
        return;
    size_t n = hekla_token_bytes(model, id, true, text, sizeof(text) - 1);
    text[n < sizeof(text) ? n : sizeof(text) - 1] = 0;
    cli_writef("%-16s %" PRId32 " %s\n", name, id, cli_printable(text));
}

static void write_shape(const struct hekla_model_info *info)
{
    cli_writef("%-16s %" PRIu32 " layers, width %" PRIu32 ", feed-forward %" PRIu32 "\n", "shape",
        info->n_layer, info->n_embd, info->n_ff);
    cli_writef("%-16s %" PRIu32 " heads of %" PRIu32 ", %" PRIu32 " for keys and values\n",
        "attention", info->n_head, info->head_dim, info->n_head_kv);
    cli_writef("%-16s %" PRIu32 " tokens\n", "context", info->n_ctx_train);
    if (info->embeds_only)
        cli_writef("%-16s embeddings, and no text (hekla embed)\n", "makes");
}

static void write_summary(const hekla_model *model)
{
    struct hekla_model_info info;
    char params[32], bytes[32];

    hekla_model_get_info(model, &info);
    cli_writef("\n%-16s %s\n", "model", cli_printable(info.name));
    cli_writef("%-16s %s, %s\n", "architecture", cli_printable(info.architecture), info.type_name);
    cli_writef("%-16s %s parameters, %s of tensors\n", "size",
        cli_format_count(params, sizeof(params), info.n_params),
        cli_format_bytes(bytes, sizeof(bytes), info.file_bytes));
    if (info.n_layer > 0)
        write_shape(&info);
    cli_writef("%-16s %" PRIu32 " tokens%s\n", "vocabulary", info.n_vocab,
        info.add_bos ? ", begin-of-text is added" : "");
    write_token("begin of text", info.bos, model);
    write_token("end of text", info.eos, model);
    write_token("end of turn", info.eot, model);
}

int cli_info(int argc, char **argv)
{
    struct info_options options = {0};
    hekla_model *model = NULL;

    enum cli_parse parsed = cli_options_parse(&options_of_info, argc, argv, &options);
    if (parsed != CLI_PARSE_OK)
        return parsed == CLI_PARSE_HELP ? CLI_OK : CLI_USAGE;
    if (options.fit.shape && options.fit.model)
        return cli_fail(CLI_USAGE, "only one of -m and --synthetic can name the model");
    if (options.wants_fit && options.wants_prediction)
        return cli_fail(CLI_USAGE, "--fit and --predict cannot be used together");
    if (options.wants_fit)
        return cli_fit(&options.fit);
    if (options.wants_prediction)
        return cli_predict(options.fit.model, options.fit.shape, options.fit.device);
    if (options.fit.shape || options.fit.device)
        return cli_fail(CLI_USAGE, "--synthetic and --device go with --fit or --predict");
    int code = cli_open_vocabulary(&model, options.fit.model);
    if (code != CLI_OK)
        return code;
    hekla_model_describe(model, write_text, NULL);
    write_summary(model);
    hekla_model_close(model);
    return CLI_OK;
}
