#define _POSIX_C_SOURCE 200809L
#include "cli/run.h"

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/line.h"
#include "cli/messages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct chat {
    struct cli_run *run;
    struct cli_line *line;
    struct cli_messages messages;
    bool terminal;
};

/* What a command or an answer leads to. */
enum next { NEXT_MESSAGE, NEXT_EXIT };

static bool last_is(const struct chat *chat, const char *role)
{
    const struct cli_messages *m = &chat->messages;
    return m->n > 0 && strcmp(m->list[m->n - 1].role, role) == 0;
}

/* An empty conversation, with the system prompt if there is one. */
static bool reset(struct chat *chat)
{
    while (chat->messages.n > 0)
        cli_messages_drop(&chat->messages);
    const char *system = chat->run->options.system;
    return !system || cli_messages_add_text(&chat->messages, "system", system);
}

/* The conversation as text and as tokens that fit, or an exit code after a sentence. */
static int tokenize(const struct chat *chat, char **prompt, hekla_token **tokens, size_t *n)
{
    struct hekla_error err = {0};
    const struct cli_run *run = chat->run;
    uint32_t n_ctx = hekla_session_n_ctx(run->session);
    char *text = NULL;

    hekla_status status = hekla_chat_format_with(
        run->model, chat->messages.list, chat->messages.n, &run->chat, &text, &err);
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    int code =
        cli_input_tokenize(run->model, text, strlen(text), HEKLA_TOKENIZE_SPECIAL, tokens, n);
    *prompt = text;
    if (code != CLI_OK || *n < n_ctx)
        return code;
    free(*tokens);
    *tokens = NULL;
    return cli_fail(CLI_USAGE,
        "the conversation needs %zu tokens and room for an answer, but the context holds %" PRIu32
        "; %s-c makes it larger",
        *n, n_ctx, chat->terminal ? "/clear starts a new conversation, and " : "");
}

/* Somebody sits there and can go on. */
static bool is_dialogue(const struct chat *chat)
{
    return chat->terminal && !chat->run->options.single_turn;
}

static void explain_stop(const struct chat *chat, enum cli_stop stop)
{
    uint32_t n_ctx = hekla_session_n_ctx(chat->run->session);
    if (stop == CLI_STOP_FULL)
        cli_note("The context of %" PRIu32 " tokens is full; %s-c makes it larger.", n_ctx,
            is_dialogue(chat) ? "/clear starts a new conversation, and " : "");
    else if (stop == CLI_STOP_INTERRUPTED && is_dialogue(chat))
        cli_note("(stopped; Ctrl-C again leaves)");
}

static int keep_answer(struct chat *chat, const char *prompt, const char *text)
{
    struct hekla_answer parts = {0};
    struct hekla_error err = {0};
    hekla_status status =
        hekla_answer_parse(prompt, text, chat->run->chat.tools != NULL, &parts, &err);
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    bool calls = parts.tool_calls != NULL;
    if (!cli_messages_add(&chat->messages, "assistant", &parts))
        return cli_fail(CLI_MEMORY, "not enough memory for the conversation");
    if (calls && chat->terminal)
        cli_note("(a tool is called; what you write next is its result)");
    return CLI_OK;
}

/* Answers the conversation, whose last message is the user's. A message that cannot be answered
 * is taken back, so that the next one starts from what worked. */
static int answer(struct chat *chat)
{
    struct cli_text text = {0};
    hekla_token *tokens = NULL;
    char *prompt = NULL;
    size_t n = 0;
    enum cli_stop stop = CLI_STOP_END;

    int code = tokenize(chat, &prompt, &tokens, &n);
    if (code == CLI_OK)
        code = cli_generate(chat->run, tokens, n, &text, &stop);
    if (code != CLI_OK)
        cli_messages_drop(&chat->messages);
    else
        code = keep_answer(chat, prompt, text.data ? text.data : "");
    free(prompt);
    free(tokens);
    cli_text_free(&text);
    if (code != CLI_OK)
        return code;
    explain_stop(chat, stop);
    if (stop == CLI_STOP_INTERRUPTED && !is_dialogue(chat))
        return CLI_INTERRUPTED;
    cli_interrupt_reset();
    return stop == CLI_STOP_OUTPUT ? CLI_ERROR : CLI_OK;
}

static int send_message(struct chat *chat, const char *content)
{
    struct cli_messages *m = &chat->messages;
    bool result = last_is(chat, "assistant") && m->list[m->n - 1].tool_calls;
    if (!cli_messages_add_text(m, result ? "tool" : "user", content))
        return cli_fail(CLI_MEMORY, "not enough memory for the conversation");
    return answer(chat);
}

static int command_regen(struct chat *chat)
{
    if (!last_is(chat, "assistant")) {
        cli_note("There is no answer to write again yet.");
        return CLI_OK;
    }
    if (chat->run->sampling.temperature <= 0)
        cli_note("(with --temp 0 the answer stays the same)");
    cli_messages_drop(&chat->messages);
    /* Random numbers follow from seed and position alone: the same seed would say the same. */
    chat->run->sampling.seed++;
    return answer(chat);
}

static void command_help(void)
{
    cli_note("/regen  write the last answer again, with other random numbers\n"
             "/clear  forget the conversation\n"
             "/exit   leave; so do /quit, Ctrl-D, and Ctrl-C when no answer is being written\n"
             "A backslash at the end of a line continues the message on the next one.");
}

static void fail_command(const char *text)
{
    static const char *const names[] = {"/exit", "/quit", "/clear", "/regen", "/help"};
    const char *best = names[0];
    for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++)
        if (cli_edit_distance(text, names[i]) < cli_edit_distance(text, best))
            best = names[i];
    cli_fail(CLI_USAGE, "unknown command %s; did you mean %s? (/help lists all)", text, best);
}

/* A command is one word that begins with a slash; anything else is a message. */
static bool is_command(const char *text)
{
    return text[0] == '/' && !strpbrk(text + 1, " \t\n/");
}

/* What is to be forgotten should not be left in a file. */
static void forget(struct chat *chat)
{
    if (!chat->run->options.session)
        return;
    hekla_session_rewind(chat->run->session, 0);
    chat->run->session_changed = true;
}

static int obey(struct chat *chat, const char *text, enum next *next)
{
    if (!is_command(text))
        return send_message(chat, text);
    if (strcmp(text, "/exit") == 0 || strcmp(text, "/quit") == 0) {
        *next = NEXT_EXIT;
    } else if (strcmp(text, "/clear") == 0) {
        if (!reset(chat))
            return cli_fail(CLI_MEMORY, "not enough memory for the conversation");
        forget(chat);
        if (chat->terminal)
            cli_note("(a new conversation)");
    } else if (strcmp(text, "/regen") == 0) {
        return command_regen(chat);
    } else if (strcmp(text, "/help") == 0) {
        command_help();
    } else {
        fail_command(text);
    }
    return CLI_OK;
}

/* After which exit codes the conversation goes on: a message may be too long or not UTF-8, but a
 * lost device or lost output end it. Without a terminal nobody would notice, so all end it. */
static bool goes_on(const struct chat *chat, int code)
{
    return code == CLI_OK || (chat->terminal && code == CLI_USAGE);
}

/* Chat text goes through C strings. */
static int check_text(const struct cli_text *text)
{
    if (!memchr(text->data, 0, text->n))
        return CLI_OK;
    return cli_fail(CLI_USAGE, "the message holds a zero byte, which chat text cannot");
}

/* Without the blanks around it; cuts in place. */
static char *trim(char *text)
{
    text += strspn(text, " \t\n");
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\n", text[n - 1]))
        n--;
    text[n] = 0;
    return text;
}

static int converse(struct chat *chat)
{
    struct cli_text text = {0};
    enum next next = NEXT_MESSAGE;
    int code = CLI_OK;

    while (next == NEXT_MESSAGE && goes_on(chat, code)) {
        enum cli_line_result result = cli_line_read(chat->line, &text);
        code = result == CLI_LINE_INTERRUPTED ? CLI_INTERRUPTED : CLI_OK;
        if (result != CLI_LINE_OK) {
            if (chat->terminal)
                cli_note("%s", "");
            break;
        }
        if (check_text(&text) != CLI_OK)
            code = CLI_USAGE;
        else if (*trim(text.data))
            code = obey(chat, trim(text.data), &next);
        if (chat->run->options.single_turn && last_is(chat, "assistant"))
            break;
    }
    cli_text_free(&text);
    return code;
}

static int talk(struct chat *chat)
{
    struct cli_run *run = chat->run;

    if (!run->has_text || (run->text.n == 0 && !run->options.single_turn))
        return converse(chat);
    if (check_text(&run->text) != CLI_OK)
        return CLI_USAGE;
    if (run->text.n == 0)
        return cli_fail(CLI_USAGE, "the message is empty");
    if (!run->options.no_display_prompt && chat->terminal)
        cli_note("> %s", run->text.data);
    cli_line_remember(chat->line, run->text.data);
    int code = send_message(chat, run->text.data);
    return run->options.single_turn || !goes_on(chat, code) ? code : converse(chat);
}

/* The conversation in the file of --session, else an empty one. */
static int begin(struct chat *chat)
{
    const struct cli_run *run = chat->run;
    const char *system = run->options.system;
    struct cli_messages *m = &chat->messages;

    int code = CLI_OK;
    if (run->conversation.n > 0)
        code = cli_messages_read(m, &run->conversation, run->options.session);
    if (code != CLI_OK)
        return code;
    if (m->n == 0)
        return reset(chat) ? CLI_OK
                           : cli_fail(CLI_MEMORY, "not enough memory for the conversation");
    if (system && (strcmp(m->list[0].role, "system") || strcmp(m->list[0].content, system)))
        cli_note("note: the conversation goes on as it began; -sys counts after /clear");
    if (chat->terminal)
        cli_note("(the conversation goes on after %zu messages)", m->n);
    return CLI_OK;
}

/* Into the note of the file, which a failure leaves as it is. */
static int keep(struct chat *chat, int code)
{
    struct cli_run *run = chat->run;
    int kept = CLI_OK;

    if (run->options.session && run->session_changed)
        kept = cli_messages_write(&chat->messages, &run->conversation);
    run->session_changed &= kept == CLI_OK;
    return code == CLI_OK ? kept : code;
}

int cli_repl(struct cli_run *run)
{
    struct chat chat = {.run = run, .terminal = isatty(STDIN_FILENO)};

    chat.line = cli_line_open();
    int code =
        chat.line ? begin(&chat) : cli_fail(CLI_MEMORY, "not enough memory for the conversation");
    if (code == CLI_OK) {
        if (chat.terminal && !run->options.single_turn)
            cli_note("Write a message; /help lists the commands, Ctrl-D leaves.");
        code = keep(&chat, talk(&chat));
    }
    cli_messages_free(&chat.messages);
    cli_line_close(chat.line);
    return code;
}
