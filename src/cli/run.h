/*
 * run: what `hekla run` holds while it works. run.c opens and closes it, run_options.c
 * has its flags, complete.c continues a prompt, repl.c talks, generate.c streams for both.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/input.h"
#include "cli/logits.h"
#include "cli/options.h"

struct cli_run_options {
    const char *model, *device;
    const char *prompt, *file, *prompt_ids, *system, *session, *logits_out;
    const char *chat_template, *chat_variables, *tools; /* a name or file; JSON; a file */
    int64_t predict, ctx_size, keep, batch, ubatch;
    int cache_k, cache_v; /* enum hekla_kv_type */
    int numerics;         /* enum hekla_numerics */
    /* Numbers that were not given are NAN or CLI_NOT_GIVEN where the model may know better. */
    double temp, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty;
    double typical, top_n_sigma, xtc_probability, xtc_threshold, dynatemp_range, dynatemp_exp;
    double dry_multiplier, dry_base, mirostat_lr, mirostat_ent, adaptive_target, adaptive_decay;
    int64_t top_k, repeat_last_n, seed, dry_allowed_length, dry_last_n, mirostat;
    const char *samplers, *sampler_seq;
    struct cli_list dry_breakers, logit_bias;
    const char *grammar, *grammar_file, *json_schema, *json_schema_file;
    bool escape, hash, ignore_eos, context_shift;
    bool conversation, no_conversation, single_turn;
    bool no_display_prompt, verbose, no_perf, profile;
};

struct cli_run {
    struct cli_run_options options;
    bool has_text;                        /* -p, -f or stdin gave a prompt or first message: */
    struct cli_text text;                 /* as given */
    struct cli_text chat_template, tools; /* files that `chat` points to */
    struct hekla_chat_options chat;
    hekla_token *ids; /* [n_ids] of --prompt-ids, else NULL */
    size_t n_ids;
    hekla_model *model;
    hekla_session *session;
    bool session_changed;         /* since it was opened or restored */
    struct cli_text conversation; /* a chat in the file of --session, see messages.h */
    struct hekla_model_info info;
    struct hekla_sampling sampling;
    struct hekla_logit_bias logit_bias[CLI_LIST_MOST];
    hekla_grammar *grammar;
    struct cli_logits logits;
    uint64_t tokens_hash, n_tokens; /* of everything generated */
    double load_seconds;
    double first_token_seconds; /* summed over n_answers */
    uint64_t n_answers;
};

extern const struct cli_options cli_options_of_run;
/* Flags that contradict each other: a sentence and CLI_USAGE. */
int cli_check_options(const struct cli_run_options *options);
#define CLI_NOT_GIVEN INT64_MIN
/* sampling.c. Before the flags are read: nothing was given. */
void cli_sampling_clear(struct cli_run_options *options);
/* The grammar or schema that the flags give, if any. Each returns an exit code after a sentence. */
int cli_sampling_open_grammar(struct cli_run *run);
/* run->sampling, from the flags and the model. */
int cli_sampling_set(struct cli_run *run);
bool cli_wants_chat(const struct cli_run_options *options);

/* session.c: what the file of --session holds, if there is one; and the session into it, if it
 * changed. code: of the run so far, which counts if it is an error. */
int cli_session_restore(struct cli_run *run);
int cli_session_save(struct cli_run *run, int code);

int cli_complete(struct cli_run *run);
int cli_repl(struct cli_run *run);
/* chat_template.c: reads the files that say how to chat. */
int cli_chat_open(struct cli_run *run);

enum cli_stop {
    CLI_STOP_END,
    CLI_STOP_LENGTH,
    CLI_STOP_FULL,
    CLI_STOP_INTERRUPTED,
    CLI_STOP_OUTPUT
};

/* Makes the session hold these tokens and generates after them, writing the text to stdout as it
 * comes. `collected` (may be NULL) gets the text. Returns an exit code; not for Ctrl-C or lost
 * output, which *stop tells. */
int cli_generate(struct cli_run *run, const hekla_token *tokens, size_t n,
    struct cli_text *collected, enum cli_stop *stop);
/* The closing line, and with --verbose the session's counters. */
void cli_generate_report(const struct cli_run *run);
/* profile.c: what --profile asks for. */
void cli_profile_report(struct cli_run *run);

#endif
