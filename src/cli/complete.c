#include "cli/run.h"

#include "cli/cli.h"

#include <inttypes.h>
#include <string.h>

/* True if the text opens with the begin-of-text token written out: then no second one is added. */
static bool begins_with_bos(const struct cli_run *run, const struct cli_text *text)
{
    char bos[HEKLA_PIECE_MAX];
    if (run->info.bos < 0)
        return false;
    size_t n = hekla_token_bytes(run->model, run->info.bos, true, bos, sizeof(bos));
    return n > 0 && n <= sizeof(bos) && text->n >= n && memcmp(text->data, bos, n) == 0;
}

static int check_ids(const struct cli_run *run)
{
    for (size_t i = 0; i < run->n_ids; i++)
        if ((uint32_t)run->ids[i] >= run->info.n_vocab)
            return cli_fail(CLI_USAGE,
                "--prompt-ids has token %" PRId32
                ", but the vocabulary of this model ends at %" PRIu32,
                run->ids[i], run->info.n_vocab - 1);
    return CLI_OK;
}

/* Text prompts become tokens, and given tokens become text for display. */
static int prepare(struct cli_run *run)
{
    char piece[HEKLA_PIECE_MAX];
    struct hekla_text_stream stream = {0};
    uint32_t flags = HEKLA_TOKENIZE_SPECIAL;

    if (run->has_text) {
        if (!begins_with_bos(run, &run->text))
            flags |= HEKLA_TOKENIZE_BOS;
        return cli_input_tokenize(
            run->model, run->text.data, run->text.n, flags, &run->ids, &run->n_ids);
    }
    int code = check_ids(run);
    for (size_t i = 0; code == CLI_OK && i <= run->n_ids; i++) {
        hekla_token token = i < run->n_ids ? run->ids[i] : -1;
        size_t n = hekla_text_stream_add(run->model, &stream, token, true, piece, sizeof(piece));
        if (!cli_text_append(&run->text, piece, n))
            code = cli_fail(CLI_MEMORY, "not enough memory for the prompt");
    }
    return code;
}

int cli_complete(struct cli_run *run)
{
    const bool display = !run->options.no_display_prompt;
    uint32_t n_ctx = hekla_session_n_ctx(run->session);
    enum cli_stop stop;

    int code = prepare(run);
    if (code != CLI_OK)
        return code;
    if (run->n_ids == 0)
        return cli_fail(CLI_USAGE, "the prompt is empty");
    if (run->n_ids > n_ctx)
        return cli_fail(CLI_USAGE,
            "the prompt has %zu tokens, but the context holds %" PRIu32
            "; -c makes it larger (the model was trained for %" PRIu32 ")",
            run->n_ids, n_ctx, run->info.n_ctx_train);
    if (run->options.verbose)
        cli_note("prompt of %zu tokens, context of %" PRIu32, run->n_ids, n_ctx);
    if (display)
        cli_write(run->text.data, run->text.n);
    code = cli_generate(run, run->ids, run->n_ids, NULL, &stop);
    if (display && run->n_tokens == 0)
        cli_write("\n", 1);
    if (code == CLI_OK && stop == CLI_STOP_FULL)
        cli_note("The context of %" PRIu32 " tokens is full; -c makes it larger.", n_ctx);
    return code == CLI_OK && stop == CLI_STOP_INTERRUPTED ? CLI_INTERRUPTED : code;
}
