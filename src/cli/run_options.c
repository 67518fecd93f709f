#define _POSIX_C_SOURCE 200809L
#include "cli/cli.h"
#include "cli/run.h"

#include <unistd.h>

#define AT(member) offsetof(struct cli_run_options, member)
#define HEADING(text)                                                                              \
    {                                                                                              \
        .type = CLI_OPTION_HEADING, .help = text                                                   \
    }
#define TEXT(member, flags, what, about)                                                           \
    {                                                                                              \
        .type = CLI_OPTION_TEXT, .names = flags, .offset = AT(member), .value = what,              \
        .help = about                                                                              \
    }
#define INTEGER(member, flags, least, most, usual, about)                                          \
    {                                                                                              \
        .type = CLI_OPTION_INTEGER, .names = flags, .offset = AT(member), .fallback = usual,       \
        .min = least, .max = most, .value = "N", .help = about                                     \
    }
#define REAL(member, flags, least, most, usual, about)                                             \
    {                                                                                              \
        .type = CLI_OPTION_REAL, .names = flags, .offset = AT(member), .fallback = usual,          \
        .min = least, .max = most, .value = "X", .help = about                                     \
    }
#define LIST(member, flags, what, about)                                                           \
    {                                                                                              \
        .type = CLI_OPTION_LIST, .names = flags, .offset = AT(member), .value = what,              \
        .help = about                                                                              \
    }
#define CHOICE(member, flags, all, usual, about)                                                   \
    {                                                                                              \
        .type = CLI_OPTION_CHOICE, .names = flags, .offset = AT(member), .fallback = usual,        \
        .choices = all, .value = "TYPE", .help = about                                             \
    }
#define SET(member, flags, about)                                                                  \
    {                                                                                              \
        .type = CLI_OPTION_SET, .names = flags, .offset = AT(member), .help = about                \
    }

static const struct cli_option rows[] = {
    HEADING("Model and device"),
    CLI_ROW_MODEL(AT(model)),
    TEXT(device, "-dev|--device", "ID",
        "id or part of a name, as \"hekla devices\" shows them; \"ref\" is the slow CPU reference; "
        "default: the best"),
    HEADING("Prompt"),
    TEXT(prompt, "-p|--prompt", "TEXT", "text to continue; with -cnv: the first message"),
    TEXT(
        file, "-f|--file", "FILE", "the same from a file (\"-\": stdin), without its last newline"),
    TEXT(prompt_ids, "--prompt-ids", "LIST",
        "token ids to continue, such as 1,2,3; nothing is added"),
    CLI_ROW_ESCAPE(AT(escape)),
    CLI_ROW_NO_ESCAPE(AT(escape)),
    TEXT(system, "-sys|--system-prompt", "TEXT", "what the conversation starts with; implies -cnv"),
    TEXT(chat_template, "--chat-template|--chat-template-file", "NAME|FILE",
        "chat format: a Jinja file, or one of chatml, gemma, llama2, llama3, mistral-v3, "
        "mistral-v7, phi3, zephyr; default: the model's own"),
    TEXT(chat_variables, "--chat-template-kwargs", "JSON",
        "more variables for the template, such as {\"enable_thinking\": false}"),
    TEXT(tools, "--tools", "FILE",
        "tools that the model may call: a JSON list as in OpenAI's API; implies -cnv"),
    SET(conversation, "-cnv|--conversation",
        "chat; this is what happens without a prompt on a terminal"),
    SET(no_conversation, "-no-cnv|--no-conversation", "never chat"),
    SET(single_turn, "-st|--single-turn", "chat, but end after the first answer"),
    HEADING("Length"),
    INTEGER(predict, "-n|--predict|--n-predict", -1, INT32_MAX, "-1",
        "most tokens to generate; -1: until the end or until the context is full; 0: only evaluate "
        "the prompt"),
    INTEGER(ctx_size, "-c|--ctx-size", 0, INT32_MAX, "0",
        "context in tokens; 0: what the model was trained for, if it fits"),
    SET(context_shift, "--context-shift",
        "when the context is full, drop half of what follows the kept tokens, evaluate the rest "
        "again, and go on"),
    INTEGER(keep, "--keep", -1, INT32_MAX, "0",
        "with --context-shift: first N tokens of the prompt to keep, besides the begin-of-text "
        "token; -1: all"),
    TEXT(session, "--session", "FILE",
        "go on from what FILE holds, if it is there, and save to it at the end and on Ctrl-C: "
        "tokens at the start of the prompt that it has are not evaluated again, and a chat goes "
        "on; model and type of cache must be the same, the device need not"),
    SET(ignore_eos, "--ignore-eos", "go on after end tokens"),
    HEADING("Sampling (without a flag, what the model's file says counts before these defaults)"),
    TEXT(samplers, "--samplers", "LIST",
        "samplers in their order, separated by ;: penalties;dry;top_n_sigma;top_k;typ_p;top_p;"
        "min_p;xtc;temperature by default; adaptive_p, if named, comes last"),
    TEXT(sampler_seq, "--sampler-seq|--sampling-seq", "LETTERS",
        "the same in letters: edskypmxt by default, a for adaptive_p"),
    INTEGER(seed, "-s|--seed", -1, UINT32_MAX, "-1",
        "of the random numbers: a seed gives the same text on every device; -1: random, shown by "
        "--verbose"),
    REAL(temp, "--temp|--temperature", -100, 100, NULL,
        "temperature; 0: always the likeliest token (0.8)"),
    INTEGER(top_k, "--top-k", 0, INT32_MAX, NULL, "keep the N likeliest tokens; 0: off (40)"),
    REAL(top_p, "--top-p", 0, 1, NULL, "keep the likeliest tokens that sum up to X; 1: off (0.95)"),
    REAL(min_p, "--min-p", 0, 1, NULL, "drop tokens below X times the likeliest; 0: off (0.05)"),
    REAL(top_n_sigma, "--top-nsigma|--top-n-sigma", -100, 100, "-1",
        "keep tokens within X standard deviations of the best logit; -1: off"),
    REAL(xtc_probability, "--xtc-probability", 0, 1, NULL,
        "how often XTC drops the likeliest tokens; 0: off (0)"),
    REAL(xtc_threshold, "--xtc-threshold", 0, 1, NULL,
        "what XTC calls likely; above 0.5: off (0.1)"),
    REAL(typical, "--typical|--typical-p", 0, 1, "1",
        "keep the most typical tokens that sum up to X; 1: off"),
    INTEGER(repeat_last_n, "--repeat-last-n", -1, INT32_MAX, NULL,
        "tokens the penalties look back on; 0: none, -1: the whole context (64)"),
    REAL(repeat_penalty, "--repeat-penalty", 0, 100, NULL,
        "divide the logits of repeated tokens by X; 1: off (1)"),
    REAL(presence_penalty, "--presence-penalty", -100, 100, "0", "subtract X from tokens seen"),
    REAL(frequency_penalty, "--frequency-penalty", -100, 100, "0",
        "subtract X for each time a token was seen"),
    REAL(dry_multiplier, "--dry-multiplier", 0, 100, "0",
        "DRY: penalty for going on with a repeated sequence; 0: off"),
    REAL(dry_base, "--dry-base", 0, 100, "1.75", "DRY: growth of the penalty with each token"),
    INTEGER(dry_allowed_length, "--dry-allowed-length", 1, INT32_MAX, "2",
        "DRY: tokens that may be repeated freely"),
    INTEGER(dry_last_n, "--dry-penalty-last-n", -1, INT32_MAX, "64",
        "DRY: tokens it looks back on; 0: off, -1: the whole context"),
    LIST(dry_breakers, "--dry-sequence-breaker", "TEXT",
        "DRY: where a sequence ends, instead of newline, colon, quote and star; may be given "
        "several times; none: nowhere"),
    REAL(adaptive_target, "--adaptive-target", -1, 1, "-1",
        "adaptive_p: probability that chosen tokens should have; -1: off"),
    REAL(adaptive_decay, "--adaptive-decay", 0, 0.99, "0.9",
        "adaptive_p: how slowly it forgets what was chosen"),
    REAL(dynatemp_range, "--dynatemp-range", 0, 100, "0",
        "the temperature goes up and down by X with the entropy; 0: off"),
    REAL(dynatemp_exp, "--dynatemp-exp", 0, 100, "1", "exponent of the dynamic temperature"),
    INTEGER(mirostat, "--mirostat", 0, 2, NULL,
        "Mirostat 1 or 2 instead of all samplers but the temperature; 0: off (0)"),
    REAL(mirostat_lr, "--mirostat-lr", 0, 1, NULL, "Mirostat: learning rate (0.1)"),
    REAL(mirostat_ent, "--mirostat-ent", 0, 100, NULL, "Mirostat: target entropy in bits (5)"),
    LIST(logit_bias, "-l|--logit-bias", "TOKEN+BIAS",
        "change a token's logit: 13+1.5, 13-2, or 13-inf for never; may be given several times"),
    HEADING("What the text must be"),
    TEXT(grammar, "--grammar", "GBNF", "a grammar in GBNF notation"),
    TEXT(grammar_file, "--grammar-file", "FILE", "the same from a file"),
    TEXT(json_schema, "-j|--json-schema", "SCHEMA",
        "JSON that satisfies this schema; {} for any JSON"),
    TEXT(json_schema_file, "-jf|--json-schema-file", "FILE", "the same from a file"),
    HEADING("Evaluation"),
    INTEGER(batch, "-b|--batch-size", 1, 1 << 20, "2048", "most prompt tokens in one batch"),
    INTEGER(ubatch, "-ub|--ubatch-size", 1, 1 << 20, "512",
        "most prompt tokens evaluated at once; the smaller of both counts"),
    CHOICE(
        cache_k, "-ctk|--cache-type-k", "auto|f32|f16|q8_0|q4_0", "auto", "type of the key cache"),
    CHOICE(cache_v, "-ctv|--cache-type-v", "auto|f32|f16|q8_0|q4_0", "auto",
        "type of the value cache; must agree with -ctk"),
    CHOICE(numerics, "--numerics", "exact|fast", "exact", CLI_HELP_NUMERICS),
    HEADING("Output"),
    SET(no_display_prompt, "--no-display-prompt", "write only what is generated"),
    TEXT(logits_out, "--logits-out", "FILE",
        "raw little-endian float32 logits, one row for every evaluated position"),
    SET(hash, "--hash",
        "end with a hash (64-bit FNV-1a) of the logits of every evaluated position and one of the "
        "generated tokens"),
    SET(no_perf, "--no-perf", "no closing line with speeds"),
    SET(profile, "--profile",
        "end with the time of every kernel and of the host; slower, as nothing is done ahead"),
    SET(verbose, "-v|--verbose", "also tell the seed, sizes and counters"),
};

const struct cli_options cli_options_of_run = {
    .command = "run",
    .usage = "[-m FILE] [-p TEXT | -f FILE | --prompt-ids LIST] [flags]",
    .about = "Continues a prompt, or chats: with -p, -f, --prompt-ids or text on stdin it writes "
             "the continuation, on a terminal without a prompt it chats. Special tokens written "
             "out in a prompt, such as <|eot_id|>, are understood; the begin-of-text token is "
             "added if the model asks for it and the prompt does not have it.",
    .notes = "In a chat: /regen, /clear, /exit, /help; a backslash at the end of a line continues "
             "the message.\nCtrl-C stops the answer, a second one the program.\n",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};

static bool has_prompt(const struct cli_run_options *o)
{
    return o->prompt || o->file || o->prompt_ids;
}

bool cli_wants_chat(const struct cli_run_options *o)
{
    if (o->no_conversation)
        return false;
    return o->conversation || o->single_turn || o->system || o->tools ||
           (!has_prompt(o) && isatty(STDIN_FILENO));
}

/* Flags that contradict each other. */
int cli_check_options(const struct cli_run_options *o)
{
    bool talks = o->conversation || o->single_turn || o->system || o->tools;
    const char *talk_flag = o->conversation  ? "-cnv"
                            : o->single_turn ? "-st"
                            : o->system      ? "-sys"
                                             : "--tools";

    if (!!o->prompt + !!o->file + !!o->prompt_ids > 1)
        return cli_fail(CLI_USAGE, "only one of -p, -f and --prompt-ids can give the prompt");
    if (talks && o->no_conversation)
        return cli_fail(CLI_USAGE, "%s asks for a chat and -no-cnv for none", talk_flag);
    if (talks && o->prompt_ids)
        return cli_fail(CLI_USAGE,
            "--prompt-ids is continued as it is and cannot be a message of a chat (%s)", talk_flag);
    if (!!o->grammar + !!o->grammar_file + !!o->json_schema + !!o->json_schema_file > 1)
        return cli_fail(CLI_USAGE, "only one of --grammar, --grammar-file, -j and -jf can say what "
                                   "the text must be");
    if (o->no_conversation && !has_prompt(o) && isatty(STDIN_FILENO))
        return cli_fail(CLI_USAGE, "-no-cnv needs a prompt: -p, -f or --prompt-ids");
    if (o->keep != 0 && !o->context_shift)
        return cli_fail(CLI_USAGE, "--keep says what --context-shift keeps, which is not given");
    if (o->cache_k && o->cache_v && o->cache_k != o->cache_v)
        return cli_fail(CLI_USAGE, "-ctk and -ctv differ, but keys and values are kept in one type "
                                   "so far: give both the same");
    return CLI_OK;
}
