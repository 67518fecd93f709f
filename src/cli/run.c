#define _POSIX_C_SOURCE 200809L
#include "cli/run.h"

#include "cli/cli.h"
#include "cli/hash.h"
#include "cli/open.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void describe_model(struct cli_run *run)
{
    struct hekla_model_info *info = &run->info;
    char count[32];

    hekla_model_get_info(run->model, info);
    cli_note("model %s (%s, %s, %s parameters) on %s", cli_printable(info->name),
        cli_printable(info->architecture), info->type_name,
        cli_format_count(count, sizeof(count), info->n_params), cli_printable(info->device));
    if (run->options.numerics == HEKLA_NUMERICS_FAST)
        cli_note("numerics: fast, so results are this device's and driver's own");
    if (run->options.ctx_size > info->n_ctx_train)
        cli_note(
            "note: the model was trained for a context of %" PRIu32 " tokens", info->n_ctx_train);
}

static int open_run(struct cli_run *run)
{
    const struct cli_run_options *o = &run->options;
    struct hekla_error err = {0};
    bool rows_wanted = o->hash || o->logits_out;

    cli_notice_details(o->verbose);
    int code = cli_open_model(&run->model, o->model, o->device, &run->load_seconds);
    if (code != CLI_OK)
        return code;
    describe_model(run);
    hekla_status status = hekla_session_open(&run->session, run->model,
        &(struct hekla_session_options){
            .n_ctx = (uint32_t)o->ctx_size,
            .n_batch = (uint32_t)(o->batch < o->ubatch ? o->batch : o->ubatch),
            .kv_type = (enum hekla_kv_type)(o->cache_k ? o->cache_k : o->cache_v),
            .all_logits = rows_wanted,
            .profile = o->profile,
            .numerics = (enum hekla_numerics)o->numerics,
        },
        &err);
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    code = cli_session_restore(run);
    if (code == CLI_OK)
        code = cli_sampling_set(run);
    if (code != CLI_OK)
        return code;
    run->tokens_hash = CLI_HASH_START;
    code = cli_logits_open(&run->logits, run->info.n_vocab, o->logits_out);
    if (code == CLI_OK && rows_wanted)
        hekla_session_on_logits(run->session, cli_logits_add, &run->logits);
    return code;
}

static void report(struct cli_run *run)
{
    struct hekla_stats stats;

    hekla_session_get_stats(run->session, &stats);
    if (stats.prompt.tokens == 0 || !cli_write("", 0))
        return;
    if (run->options.hash) {
        cli_writef(
            "logits %016" PRIx64 " (%" PRIu64 " positions)\n", run->logits.hash, run->logits.rows);
        cli_writef("tokens %016" PRIx64 " (%" PRIu64 " tokens)\n", run->tokens_hash, run->n_tokens);
    }
    if (!run->options.no_perf)
        cli_generate_report(run);
    if (run->options.profile)
        cli_profile_report(run);
}

/* Reads the prompt before a model is loaded, which may take long. */
static int read_prompt(struct cli_run *run)
{
    const struct cli_run_options *o = &run->options;

    if (o->prompt_ids)
        return cli_input_ids(o->prompt_ids, &run->ids, &run->n_ids);
    /* A chat takes stdin line by line, unless there is to be one message only. */
    if (cli_wants_chat(o) && !o->prompt && !o->file && !(o->single_turn && !isatty(STDIN_FILENO)))
        return CLI_OK;
    run->has_text = true;
    int code = cli_input_text(&run->text, o->prompt, o->file, o->escape);
    if (code == CLI_OK && !o->prompt)
        cli_text_drop_newline(&run->text);
    return code;
}

static void close_run(struct cli_run *run)
{
    hekla_session_close(run->session);
    hekla_model_close(run->model);
    hekla_grammar_close(run->grammar);
    cli_text_free(&run->text);
    cli_text_free(&run->chat_template);
    cli_text_free(&run->tools);
    cli_text_free(&run->conversation);
    free(run->ids);
}

int cli_run(int argc, char **argv)
{
    struct cli_run run = {0};

    cli_sampling_clear(&run.options);
    enum cli_parse parsed = cli_options_parse(&cli_options_of_run, argc, argv, &run.options);
    if (parsed != CLI_PARSE_OK)
        return parsed == CLI_PARSE_HELP ? CLI_OK : CLI_USAGE;
    int code = cli_check_options(&run.options);
    if (code == CLI_OK)
        code = cli_sampling_open_grammar(&run);
    if (code == CLI_OK)
        code = cli_chat_open(&run);
    if (code == CLI_OK)
        code = read_prompt(&run);
    if (code == CLI_OK)
        code = open_run(&run);
    if (code == CLI_OK) {
        code = cli_wants_chat(&run.options) ? cli_repl(&run) : cli_complete(&run);
        report(&run);
        code = cli_session_save(&run, code);
    }
    int kept = cli_logits_close(&run.logits, code == CLI_OK);
    close_run(&run);
    return code != CLI_OK ? code : kept;
}
