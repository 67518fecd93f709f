#define _POSIX_C_SOURCE 200809L
#include "cli/input.h"

#include "cli/cli.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_text_free(struct cli_text *text)
{
    free(text->data);
    *text = (struct cli_text){0};
}

void cli_text_clear(struct cli_text *text)
{
    text->n = 0;
    if (text->data)
        text->data[0] = 0;
}

bool cli_text_append(struct cli_text *text, const char *data, size_t n)
{
    /* Grown at powers of two only, so the size needs no member of its own. */
    size_t need = text->n + n + 1, cap = 64;
    while (cap < need)
        cap *= 2;
    if (!text->data || text->n + 1 <= cap / 2) {
        char *grown = realloc(text->data, cap);
        if (!grown)
            return false;
        text->data = grown;
    }
    if (n > 0)
        memcpy(text->data + text->n, data, n);
    text->n += n;
    text->data[text->n] = 0;
    return true;
}

void cli_text_drop_newline(struct cli_text *text)
{
    if (text->n > 0 && text->data[text->n - 1] == '\n')
        text->data[--text->n] = 0;
    if (text->n > 0 && text->data[text->n - 1] == '\r')
        text->data[--text->n] = 0;
}

static int read_all(struct cli_text *out, int fd, const char *name)
{
    char buf[16384];
    for (;;) {
        ssize_t n = read(fd, buf, sizeof(buf));
        if (cli_interrupt_count() > 0)
            return CLI_INTERRUPTED;
        if (n == 0)
            return CLI_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cli_fail(CLI_ERROR, "could not read %s: %s", name, strerror(errno));
        if (!cli_text_append(out, buf, (size_t)n))
            return cli_fail(CLI_MEMORY, "not enough memory to read %s", name);
    }
}

static int read_file(struct cli_text *out, const char *path)
{
    if (strcmp(path, "-") == 0) {
        if (isatty(STDIN_FILENO))
            cli_note("Reading text from the terminal; Ctrl-D on an empty line ends it.");
        return read_all(out, STDIN_FILENO, "stdin");
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(CLI_ERROR, "could not open %s: %s", path, strerror(errno));
    int code = read_all(out, fd, path);
    close(fd);
    return code;
}

/* A backslash before any other character stays as it is, together with that character. */
static void unescape(struct cli_text *text)
{
    static const char from[] = "nrt\\'\"", to[] = "\n\r\t\\'\"";
    size_t out = 0;
    for (size_t i = 0; i < text->n; i++) {
        const char *found = NULL;
        if (text->data[i] == '\\' && i + 1 < text->n)
            found = memchr(from, text->data[i + 1], sizeof(from) - 1);
        if (found)
            i++;
        text->data[out++] = found ? to[found - from] : text->data[i];
    }
    text->n = out;
    text->data[out] = 0;
}

int cli_input_text(struct cli_text *out, const char *prompt, const char *file, bool escape)
{
    if (!cli_text_append(out, prompt, prompt ? strlen(prompt) : 0))
        return cli_fail(CLI_MEMORY, "not enough memory for the prompt");
    if (!prompt)
        return read_file(out, file ? file : "-");
    if (escape)
        unescape(out);
    return CLI_OK;
}

static int fail_ids(const char *text, const char *at)
{
    return cli_fail(CLI_USAGE,
        "--prompt-ids needs token ids separated by commas, such as 1,2,3; character %zu is not "
        "part of such a list",
        (size_t)(at - text) + 1);
}

int cli_input_ids(const char *text, hekla_token **ids, size_t *n)
{
    static const char blanks[] = " \t\r\n";
    size_t cap = 1, count = 0;
    const char *p = text + strspn(text, blanks);
    bool bracket = *p == '[';

    for (const char *q = text; *q; q++)
        cap += *q == ',';
    hekla_token *list = malloc(cap * sizeof(*list));
    if (!list)
        return cli_fail(CLI_MEMORY, "not enough memory for the token ids");
    p += bracket;
    for (;;) {
        p += strspn(p, blanks);
        char *end;
        errno = 0;
        long long id = *p >= '0' && *p <= '9' ? strtoll(p, &end, 10) : -1;
        if (id < 0 || errno || id > INT32_MAX)
            break;
        list[count++] = (hekla_token)id;
        p = end + strspn(end, blanks);
        if (*p != ',')
            break;
        p++;
    }
    bool complete = count == cap; /* one id more than there are commas */
    if (complete && bracket && *p == ']')
        p += 1 + strspn(p + 1, blanks);
    else if (bracket)
        complete = false;
    if (!complete || *p) {
        free(list);
        return fail_ids(text, p);
    }
    *ids = list;
    *n = count;
    return CLI_OK;
}

int cli_input_tokenize(const hekla_model *model, const char *text, size_t n, uint32_t flags,
    hekla_token **tokens, size_t *count)
{
    struct hekla_error err = {0};
    hekla_status status = hekla_tokenize(model, text, n, flags, NULL, 0, count, &err);
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    hekla_token *list = malloc((*count + 1) * sizeof(*list));
    if (!list)
        return cli_fail(CLI_MEMORY, "not enough memory for %zu tokens", *count);
    status = hekla_tokenize(model, text, n, flags, list, *count, count, &err);
    if (status != HEKLA_OK) {
        free(list);
        return cli_fail_status(status, &err);
    }
    *tokens = list;
    return CLI_OK;
}
