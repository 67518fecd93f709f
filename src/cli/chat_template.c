/* What --chat-template, --tools and --chat-template-kwargs give. */
#include "cli/cli.h"
#include "cli/run.h"

#include <string.h>
#include <unistd.h>

static bool is_format(const char *name)
{
    const char *known;
    for (size_t i = 0; (known = hekla_chat_format_name(i)) != NULL; i++)
        if (strcmp(name, known) == 0)
            return true;
    return false;
}

static int fail_name(const char *name)
{
    struct cli_text all = {0};
    const char *known;
    for (size_t i = 0; (known = hekla_chat_format_name(i)) != NULL; i++)
        if ((i && !cli_text_append(&all, ", ", 2)) || !cli_text_append(&all, known, strlen(known)))
            break;
    int code = cli_fail(CLI_ERROR,
        "--chat-template: there is no file %s, and no format of that name; the formats are %s",
        name, all.data ? all.data : "none");
    cli_text_free(&all);
    return code;
}

/* A whole file; zero bytes would end it early. */
static int read_text(struct cli_text *out, const char *path, const char *flag)
{
    int code = cli_input_text(out, NULL, path, false);
    if (code == CLI_OK && memchr(out->data, 0, out->n))
        return cli_fail(CLI_ERROR, "%s: %s holds a zero byte, so it is no text", flag, path);
    return code;
}

int cli_chat_open(struct cli_run *run)
{
    const struct cli_run_options *o = &run->options;
    int code = CLI_OK;

    if (o->chat_template && is_format(o->chat_template)) {
        run->chat.chat_template = o->chat_template;
    } else if (o->chat_template && access(o->chat_template, F_OK) != 0) {
        return fail_name(o->chat_template);
    } else if (o->chat_template) {
        code = read_text(&run->chat_template, o->chat_template, "--chat-template");
        run->chat.chat_template = run->chat_template.data;
    }
    if (code == CLI_OK && o->tools) {
        code = read_text(&run->tools, o->tools, "--tools");
        run->chat.tools = run->tools.data;
    }
    run->chat.variables = o->chat_variables;
    return code;
}
