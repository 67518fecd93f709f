#include "cli/run.h"

#include "cli/cli.h"
#include "cli/hash.h"
#include "cli/interrupt.h"

#include <inttypes.h>
#include <stdio.h>

struct stream {
    struct cli_run *run;
    struct hekla_text_stream text;
    struct cli_text *collected;
    double began, first; /* seconds; first 0: no token yet */
    uint64_t n;
    bool ended, newline;
};

/* Answers keep their control tokens: in some formats these tell thoughts and calls of tools. */
static void write_piece(struct stream *stream, hekla_token token)
{
    char piece[HEKLA_PIECE_MAX];
    size_t n = hekla_text_stream_add(
        stream->run->model, &stream->text, token, stream->collected != NULL, piece, sizeof(piece));
    if (n == 0)
        return;
    cli_write(piece, n);
    stream->newline = piece[n - 1] == '\n';
    if (stream->collected)
        cli_text_append(stream->collected, piece, n);
}

static bool take_token(void *user, hekla_token token)
{
    struct stream *stream = user;
    struct cli_run *run = stream->run;
    unsigned char bytes[4];

    if (!stream->first)
        stream->first = cli_seconds();
    cli_store_le32(bytes, (uint32_t)token);
    run->tokens_hash = cli_hash_bytes(run->tokens_hash, bytes, 4);
    run->n_tokens++;
    stream->n++;
    if (hekla_token_is_end(run->model, token))
        stream->ended = !run->options.ignore_eos;
    else
        write_piece(stream, token);
    return cli_interrupt_count() == 0 && cli_write("", 0) && !run->logits.error;
}

static enum cli_stop find_stop(const struct stream *stream)
{
    if (!cli_write("", 0) || stream->run->logits.error)
        return CLI_STOP_OUTPUT;
    if (cli_interrupt_count() > 0)
        return CLI_STOP_INTERRUPTED;
    if (stream->ended)
        return CLI_STOP_END;
    int64_t wanted = stream->run->options.predict;
    return wanted >= 0 && stream->n >= (uint64_t)wanted ? CLI_STOP_LENGTH : CLI_STOP_FULL;
}

/* The text goes on where the prompt ended, whose own incomplete character was shown as such. */
static void begin_after(struct stream *stream, hekla_token last)
{
    char piece[HEKLA_PIECE_MAX];
    hekla_text_stream_add(stream->run->model, &stream->text, last, false, piece, sizeof(piece));
    stream->text.n_pending = 0;
}

/* What a full context keeps: --keep counts tokens of the prompt after the one that begins it. */
static hekla_status set_shift(
    const struct cli_run *run, const hekla_token *tokens, size_t n, struct hekla_error *err)
{
    const struct cli_run_options *o = &run->options;
    bool begins = n > 0 && tokens[0] == run->info.bos;
    size_t keep = (size_t)o->keep + begins;
    return hekla_session_set_shift(
        run->session, o->context_shift, (uint32_t)(o->keep < 0 || keep > n ? n : keep), err);
}

int cli_generate(struct cli_run *run, const hekla_token *tokens, size_t n,
    struct cli_text *collected, enum cli_stop *stop)
{
    struct hekla_error err = {0};
    struct stream stream = {.run = run, .collected = collected, .began = cli_seconds()};

    if (n > 0)
        begin_after(&stream, tokens[n - 1]);
    run->session_changed = true;
    hekla_status status = set_shift(run, tokens, n, &err);
    if (status == HEKLA_OK)
        status = hekla_session_sync(run->session, tokens, n, NULL, &err);
    if (status == HEKLA_OK && run->options.predict != 0 && cli_interrupt_count() == 0)
        status = hekla_session_generate(run->session, &run->sampling, run->options.predict,
            run->options.ignore_eos, take_token, &stream, NULL, &err);
    write_piece(&stream, -1);
    if (stream.n > 0 && !stream.newline)
        cli_write("\n", 1);
    if (stream.first) {
        run->first_token_seconds += stream.first - stream.began;
        run->n_answers++;
    }
    *stop = find_stop(&stream);
    return status == HEKLA_OK ? CLI_OK : cli_fail_status(status, &err);
}

static void report_counters(const struct cli_run *run, const struct hekla_stats *stats)
{
    char weights[32], session[32];
    cli_note("submits: %" PRIu64 " | dispatches: %" PRIu64 " | allocations: %" PRIu64
             " | pipelines: %" PRIu64 " | descriptor writes: %" PRIu64 " | recordings: %" PRIu64,
        stats->submits, stats->dispatches, stats->allocations, stats->pipelines,
        stats->descriptor_writes, stats->recordings);
    cli_note("device memory: %s weights, %s cache and scratch",
        cli_format_bytes(weights, sizeof(weights), run->info.device_bytes),
        cli_format_bytes(session, sizeof(session), stats->device_bytes));
}

void cli_generate_report(const struct cli_run *run)
{
    struct hekla_stats stats;

    hekla_session_get_stats(run->session, &stats);
    fprintf(stderr, "load: %.2f s | prompt: %" PRIu64 " tokens", run->load_seconds,
        stats.prompt.tokens);
    if (stats.prompt.seconds > 0)
        fprintf(stderr, ", %.1f tokens/s", (double)stats.prompt.tokens / stats.prompt.seconds);
    fprintf(stderr, " | generation: %" PRIu64 " tokens", stats.generation.tokens);
    if (stats.generation.seconds > 0) {
        double rate = (double)stats.generation.tokens / stats.generation.seconds;
        fprintf(stderr, ", %.1f tokens/s, %.1f GB/s", rate,
            rate * (double)run->info.decode_bytes * 1e-9);
    }
    if (run->n_answers > 0) {
        double first = run->first_token_seconds / (double)run->n_answers;
        fprintf(stderr, " | first token after %.*f %s%s", first < 0.1 ? 1 : 2,
            first < 0.1 ? first * 1e3 : first, first < 0.1 ? "ms" : "s",
            run->n_answers > 1 ? " on average" : "");
    }
    fputc('\n', stderr);
    if (run->options.verbose)
        report_counters(run, &stats);
}
