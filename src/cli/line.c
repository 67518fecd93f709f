#define _POSIX_C_SOURCE 200809L
#include "cli/line.h"

#include "cli/cli.h"
#include "cli/interrupt.h"

#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

struct cli_line {
    EditLine *edit; /* NULL: stdin is not a terminal */
    History *history;
    const char *prompt;
    bool colour, interrupted;
    mbstate_t decoder;
};

static struct cli_line *line_of(EditLine *edit)
{
    void *line = NULL;
    el_get(edit, EL_CLIENTDATA, &line);
    return line;
}

static char *prompt(EditLine *edit)
{
    return (char *)(uintptr_t)line_of(edit)->prompt;
}

/* libedit's own reader would restart after Ctrl-C and not know of window changes. */
static int read_char(EditLine *edit, wchar_t *out)
{
    struct cli_line *line = line_of(edit);
    for (;;) {
        char byte;
        switch (cli_interrupt_read(&byte)) {
        case CLI_READ_INTERRUPTED:
            line->interrupted = true;
            return -1;
        case CLI_READ_END:
            return 0;
        case CLI_READ_RESIZED: /* or continued after Ctrl-Z, when the shell reset the terminal */
            el_set(edit, EL_PREP_TERM, 0);
            el_set(edit, EL_PREP_TERM, 1);
            el_resize(edit);
            el_set(edit, EL_REFRESH);
            break;
        case CLI_READ_BYTE: {
            size_t n = mbrtowc(out, &byte, 1, &line->decoder);
            if (n == 0 || n == 1)
                return 1;
            if (n == (size_t)-1)
                line->decoder = (mbstate_t){0};
            break;
        }
        }
    }
}

static bool open_editor(struct cli_line *line)
{
    HistEvent event;
    FILE *out = isatty(STDOUT_FILENO) ? stdout : stderr; /* an answer may go to a file */

    line->edit = el_init("hekla", stdin, out, stderr);
    line->history = history_init();
    if (!line->edit || !line->history)
        return false;
    line->colour = cli_has_colour(fileno(out));
    history(line->history, &event, H_SETSIZE, 1000);
    history(line->history, &event, H_SETUNIQUE, 1);
    el_set(line->edit, EL_CLIENTDATA, line);
    el_set(line->edit, EL_PROMPT_ESC, prompt, '\1');
    el_set(line->edit, EL_EDITOR, "emacs");
    el_set(line->edit, EL_HIST, history, line->history);
    el_set(line->edit, EL_GETCFN, read_char);
    /* What the usual terminals send for Home, End and Delete, and the search shells have. */
    el_set(line->edit, EL_BIND, "\033[1~", "ed-move-to-beg", NULL);
    el_set(line->edit, EL_BIND, "\033[4~", "ed-move-to-end", NULL);
    el_set(line->edit, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
    el_set(line->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    return true;
}

struct cli_line *cli_line_open(void)
{
    struct cli_line *line = calloc(1, sizeof(*line));
    if (!line)
        return NULL;
    /* Only the encoding: numbers keep their dot. Text is UTF-8, whatever the locale says. */
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    if (isatty(STDIN_FILENO) && !open_editor(line)) {
        cli_line_close(line);
        return NULL;
    }
    return line;
}

void cli_line_close(struct cli_line *line)
{
    if (!line)
        return;
    if (line->history)
        history_end(line->history);
    if (line->edit)
        el_end(line->edit);
    free(line);
}

void cli_line_remember(struct cli_line *line, const char *text)
{
    HistEvent event;
    if (line->history && *text && !strchr(text, '\n'))
        history(line->history, &event, H_ENTER, text);
}

static enum cli_line_result read_edited(struct cli_line *line, struct cli_text *out)
{
    int n = 0;
    line->interrupted = false;
    line->decoder = (mbstate_t){0};
    const char *text = el_gets(line->edit, &n);
    if (line->interrupted || cli_interrupt_count() > 0)
        return CLI_LINE_INTERRUPTED;
    if (!text || n <= 0)
        return CLI_LINE_END;
    return cli_text_append(out, text, (size_t)n) ? CLI_LINE_OK : CLI_LINE_END;
}

static enum cli_line_result read_plain(struct cli_text *out)
{
    size_t before = out->n;
    for (;;) {
        char byte;
        switch (cli_interrupt_read(&byte)) {
        case CLI_READ_INTERRUPTED:
            return CLI_LINE_INTERRUPTED;
        case CLI_READ_END:
            return out->n > before ? CLI_LINE_OK : CLI_LINE_END;
        case CLI_READ_RESIZED:
            break;
        case CLI_READ_BYTE:
            if (!cli_text_append(out, &byte, 1))
                return CLI_LINE_END;
            if (byte == '\n')
                return CLI_LINE_OK;
            break;
        }
    }
}

enum cli_line_result cli_line_read(struct cli_line *line, struct cli_text *out)
{
    cli_text_clear(out);
    line->prompt = line->colour ? "\1\033[1;32m\1> \1\033[0m\1" : "> ";
    for (;;) {
        size_t before = out->n;
        enum cli_line_result result = line->edit ? read_edited(line, out) : read_plain(out);
        if (result != CLI_LINE_OK)
            return result;
        cli_text_drop_newline(out);
        if (out->n > before)
            cli_line_remember(line, out->data + before);
        if (out->n == before || out->data[out->n - 1] != '\\')
            return CLI_LINE_OK;
        out->data[out->n - 1] = '\n';
        line->prompt = line->colour ? "\1\033[32m\1. \1\033[0m\1" : ". ";
    }
}
