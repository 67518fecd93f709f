#include "cli/cli.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/options.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct perplexity_options {
    const char *model, *file, *device;
    int64_t n_ctx, n_batch;
    int numerics;
};

static const struct cli_option rows[] = {
    CLI_ROW_MODEL(offsetof(struct perplexity_options, model)),
    {.type = CLI_OPTION_TEXT,
        .names = "-f|--file",
        .offset = offsetof(struct perplexity_options, file),
        .value = "FILE",
        .help = "the text"},
    {.type = CLI_OPTION_INTEGER,
        .names = "-c|--ctx-size",
        .offset = offsetof(struct perplexity_options, n_ctx),
        .value = "N",
        .fallback = "512",
        .min = 4,
        .max = 16777216,
        .help = "tokens of a chunk; the second half of each is scored"},
    {.type = CLI_OPTION_INTEGER,
        .names = "-ub|--ubatch-size",
        .offset = offsetof(struct perplexity_options, n_batch),
        .value = "N",
        .fallback = "512",
        .min = 1,
        .max = 8192,
        .help = "most tokens evaluated at once"},
    CLI_ROW_NUMERICS(offsetof(struct perplexity_options, numerics)),
    {.type = CLI_OPTION_TEXT,
        .names = "-dev|--device",
        .offset = offsetof(struct perplexity_options, device),
        .value = "ID",
        .help = "as in \"hekla run\""},
};

static const struct cli_options options_of_perplexity = {
    .command = "perplexity",
    .usage = "-f FILE [-m FILE] [-c N]",
    .about = "Measures how well a model predicts a text: exp of the mean surprise of its tokens. "
             "The text is cut into chunks of -c tokens, each evaluated alone with the "
             "begin-of-text token in its first place; the second half of a chunk is scored, "
             "as llama-perplexity does. Computed on the device, exactly: every device gives the "
             "same figure, but with --numerics fast.",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};

struct estimate {
    double sum, squares;
    uint64_t n;
};

static double perplexity(const struct estimate *e)
{
    return exp(e->sum / (double)e->n);
}

/* The error of the mean, carried through exp. */
static double uncertainty(const struct estimate *e)
{
    double mean = e->sum / (double)e->n, square = e->squares / (double)e->n - mean * mean;
    return e->n > 1 && square > 0 ? sqrt(square / (double)(e->n - 1)) * exp(mean) : 0;
}

static int score_chunk(hekla_session *session, hekla_token *tokens, uint32_t n_ctx, hekla_token bos,
    float *nll, struct estimate *e)
{
    struct hekla_error err = {0};
    hekla_token first = tokens[0];
    if (bos >= 0)
        tokens[0] = bos;
    hekla_session_rewind(session, 0);
    hekla_status status = hekla_session_score(session, tokens, n_ctx, nll, &err);
    tokens[0] = first;
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    for (uint32_t i = n_ctx / 2; i + 1 < n_ctx; i++) {
        e->sum += nll[i];
        e->squares += (double)nll[i] * nll[i];
        e->n++;
    }
    return CLI_OK;
}

static int score_all(hekla_session *session, const hekla_model *model, hekla_token *tokens,
    size_t n_tokens, uint32_t n_ctx)
{
    struct hekla_model_info info;
    struct estimate e = {0};
    size_t n_chunks = n_tokens / n_ctx;
    float *nll = malloc(n_ctx * sizeof(*nll));
    if (!nll)
        return cli_fail(CLI_MEMORY, "not enough memory for the scores of a chunk");
    hekla_model_get_info(model, &info);
    int code = CLI_OK;
    for (size_t i = 0; i < n_chunks && code == CLI_OK; i++) {
        code =
            score_chunk(session, tokens + i * n_ctx, n_ctx, info.add_bos ? info.bos : -1, nll, &e);
        if (code == CLI_OK && cli_interrupt_count() > 0)
            code = CLI_INTERRUPTED;
        if (code == CLI_OK) {
            cli_writef("[%zu]%.4f%s", i + 1, perplexity(&e), i + 1 < n_chunks ? "," : "\n");
            fflush(stdout);
        }
    }
    free(nll);
    if (code == CLI_OK)
        cli_writef("Final estimate: PPL = %.4f +/- %.5f\n", perplexity(&e), uncertainty(&e));
    return code;
}

static int with_model(const struct perplexity_options *o, hekla_model *model)
{
    struct hekla_error err = {0};
    struct cli_text text = {0};
    hekla_token *tokens = NULL;
    hekla_session *session = NULL;
    size_t n = 0;
    uint32_t n_ctx = (uint32_t)o->n_ctx;
    int code = cli_input_text(&text, NULL, o->file, false);
    if (code == CLI_OK)
        code = cli_input_tokenize(model, text.data, text.n, HEKLA_TOKENIZE_BOS, &tokens, &n);
    if (code == CLI_OK && n < 2 * (size_t)n_ctx)
        code = cli_fail(CLI_USAGE,
            "the text has %zu tokens, and two chunks of %" PRIu32
            " are needed; -c makes them smaller",
            n, n_ctx);
    if (code == CLI_OK) {
        hekla_status status = hekla_session_open(&session, model,
            &(struct hekla_session_options){.n_ctx = n_ctx,
                .n_batch = (uint32_t)o->n_batch,
                .all_logits = true,
                .numerics = (enum hekla_numerics)o->numerics},
            &err);
        code = status == HEKLA_OK ? score_all(session, model, tokens, n, n_ctx)
                                  : cli_fail_status(status, &err);
    }
    hekla_session_close(session);
    free(tokens);
    cli_text_free(&text);
    return code;
}

int cli_perplexity(int argc, char **argv)
{
    struct perplexity_options options = {0};
    hekla_model *model;
    enum cli_parse parsed = cli_options_parse(&options_of_perplexity, argc, argv, &options);
    if (parsed != CLI_PARSE_OK)
        return parsed == CLI_PARSE_HELP ? CLI_OK : CLI_USAGE;
    if (!options.file)
        return cli_fail(CLI_USAGE, "perplexity needs a text: -f FILE");
    int code = cli_open_model(&model, options.model, options.device, NULL);
    if (code != CLI_OK)
        return code;
    code = with_model(&options, model);
    hekla_model_close(model);
    return code;
}
