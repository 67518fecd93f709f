#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <stdlib.h>

struct compare_options {
    const char *html;
    struct cli_list files;
};

static const struct cli_option rows[] = {
    {.type = CLI_OPTION_TEXT,
        .names = "--html",
        .offset = offsetof(struct compare_options, html),
        .value = "FILE",
        .help = "also write the report of \"hekla bench --save\", for all results"},
    {.type = CLI_OPTION_OPERANDS,
        .names = "FILES",
        .offset = offsetof(struct compare_options, files),
        .help = "results of \"hekla bench --save\", or llama-bench's -o json or jsonl; what comes "
                "first is what the others are compared with"},
};

static const struct cli_options options_of_compare = {
    .command = "compare",
    .usage = "[--html FILE] A.json B.json ...",
    .about =
        "Compares results: devices, drivers, versions, engines. A ratio above 1 is faster than "
        "the first; its 95 % interval tells whether that is more than the noise.",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};

static int compare(const struct compare_options *o, json_t *all)
{
    struct bench_text text = {0}, html = {0};
    struct hekla_error err = {0};
    size_t n = json_array_size(all);
    json_t **docs = calloc(n ? n : 1, sizeof(json_t *));
    int code = docs ? CLI_OK : cli_fail(CLI_MEMORY, "not enough memory for the results");
    for (size_t i = 0; docs && i < n; i++)
        docs[i] = json_array_get(all, i);
    if (code == CLI_OK) {
        bench_print_compare(&text, docs, n);
        if (text.data)
            cli_write(text.data, text.n);
    }
    if (code == CLI_OK && o->html) {
        bench_print_html(&html, docs, n);
        hekla_status status =
            html.failed ? HEKLA_MEMORY : bench_write_text(o->html, html.data, html.n, &err);
        code = status == HEKLA_OK ? CLI_OK : cli_fail_status(status, &err);
    }
    free(docs);
    bench_text_free(&text);
    bench_text_free(&html);
    return code;
}

int cli_compare(int argc, char **argv)
{
    struct compare_options o = {0};
    struct hekla_error err = {0};
    enum cli_parse parsed = cli_options_parse(&options_of_compare, argc, argv, &o);
    if (parsed != CLI_PARSE_OK)
        return parsed == CLI_PARSE_HELP ? CLI_OK : CLI_USAGE;
    if (!o.files.n)
        return cli_fail(CLI_USAGE, "compare needs the names of results: hekla compare %s",
            options_of_compare.usage);
    json_t *docs = json_array();
    int code = docs ? CLI_OK : cli_fail(CLI_MEMORY, "not enough memory for the results");
    for (size_t i = 0; i < o.files.n && code == CLI_OK; i++) {
        hekla_status status = bench_read(docs, o.files.items[i], &err);
        code = status == HEKLA_OK ? CLI_OK : cli_fail_status(status, &err);
    }
    code = code ? code : compare(&o, docs);
    json_decref(docs);
    return code;
}
