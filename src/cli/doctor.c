#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct doctor_options {
    const char *device, *filter;
    bool all, json, full;
    double patience;
};

static const struct cli_option rows[] = {
    {.type = CLI_OPTION_TEXT,
        .names = "-d|-dev|--device",
        .offset = offsetof(struct doctor_options, device),
        .value = "ID",
        .help = "as in \"hekla run\"; default: the best device"},
    {.type = CLI_OPTION_SET,
        .names = "--all",
        .offset = offsetof(struct doctor_options, all),
        .help = "every device, one after the other"},
    {.type = CLI_OPTION_SET,
        .names = "--full",
        .offset = offsetof(struct doctor_options, full),
        .help = "sizes of real models also where a processor plays the GPU, which takes long"},
    {.type = CLI_OPTION_TEXT,
        .names = "--only",
        .offset = offsetof(struct doctor_options, filter),
        .value = "TEXT",
        .help = "only kernels whose name and format contain it, such as \"matvec q8_0\""},
    {.type = CLI_OPTION_REAL,
        .names = "--patience",
        .offset = offsetof(struct doctor_options, patience),
        .fallback = "60",
        .min = 1,
        .max = 86400,
        .value = "S",
        .help = "seconds without a sign of life after which a kernel counts as hung"},
    {.type = CLI_OPTION_SET,
        .names = "--json",
        .offset = offsetof(struct doctor_options, json),
        .help = "a JSON array with an object for each device"},
};

static const struct cli_options options_of_doctor = {
    .command = "doctor",
    .usage = "[-d ID | --all] [--full] [--json]",
    .about = "Runs every kernel that a device can use, in every weight format, and compares the "
             "results with the reference in plain C, bit for bit. What fails, crashes or hangs is "
             "not used on this device from then on; a faster variant's place is taken by the "
             "kernel it is a variant of. \"hekla run\" does a short form of this by itself when it "
             "meets a device, a driver or a build of hekla for the first time.",
    .notes = "\nExit code 5: a kernel failed.\n",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};

/* One device's results. */
struct results {
    struct hekla_kernel_result *list;
    size_t n, capacity;
    bool out_of_memory;
    struct hekla_doctor_report report;
};

static void begin(void *user, const struct hekla_kernel_result *result)
{
    const struct results *r = user;
    char line[200];
    snprintf(
        line, sizeof(line), "testing kernel %zu: %s %s", r->n + 1, result->kernel, result->format);
    cli_notice(NULL, HEKLA_NOTICE_PROGRESS, line);
}

static void end(void *user, const struct hekla_kernel_result *result)
{
    struct results *r = user;
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        struct hekla_kernel_result *list = realloc(r->list, capacity * sizeof(*list));
        if (!list) {
            r->out_of_memory = true;
            return;
        }
        r->list = list;
        r->capacity = capacity;
    }
    r->list[r->n++] = *result;
}

static bool is_bad(const struct hekla_kernel_result *k)
{
    return k->verdict != HEKLA_VERDICT_PASSED && k->verdict != HEKLA_VERDICT_UNAVAILABLE;
}

static void write_json(const struct results *r)
{
    cli_writef("{");
    cli_write_json("device", r->report.device);
    cli_writef(", ");
    cli_write_json("uuid", r->report.uuid);
    cli_writef(", ");
    cli_write_json("driver", r->report.driver);
    cli_writef(", ");
    cli_write_json("hekla", hekla_version());
    cli_writef(", ");
    cli_write_json("stored", r->report.stored);
    cli_writef(",\n   \"proven\": %s, \"passed\": %" PRIu32 ", \"failed\": %" PRIu32
               ", \"not_available\": %" PRIu32 ",\n   \"kernels\": [",
        r->report.failed ? "false" : "true", r->report.passed, r->report.failed,
        r->report.unavailable);
    for (size_t i = 0; i < r->n; i++) {
        const struct hekla_kernel_result *k = &r->list[i];
        cli_writef("%s\n    {", i ? "," : "");
        cli_write_json("kernel", k->kernel);
        cli_writef(", ");
        cli_write_json("format", k->format);
        cli_writef(", ");
        cli_write_json("verdict", hekla_verdict_text(k->verdict));
        cli_writef(", \"chosen\": %s, \"cases\": %" PRIu32 ", \"words\": %" PRIu64
                   ", \"seconds\": %.3f, ",
            k->chosen ? "true" : "false", k->cases, k->words, k->seconds);
        cli_write_json("text", k->text);
        cli_writef("}");
    }
    cli_writef("\n  ]}");
}

/* Rows that are said in one line: of one kernel, with one verdict, for one reason. */
static bool same_line(const struct hekla_kernel_result *a, const struct hekla_kernel_result *b)
{
    return strcmp(a->kernel, b->kernel) == 0 && a->verdict == b->verdict &&
           (a->verdict == HEKLA_VERDICT_PASSED || strcmp(a->text, b->text) == 0);
}

static void write_line(const struct results *r, size_t first)
{
    const struct hekla_kernel_result *k = &r->list[first];
    size_t same = 0, all = 0;
    char formats[60] = "";
    for (size_t i = 0; i < r->n; i++) {
        all += strcmp(r->list[i].kernel, k->kernel) == 0;
        if (!same_line(&r->list[i], k))
            continue;
        size_t used = strlen(formats);
        snprintf(
            formats + used, sizeof(formats) - used, "%s%s", same ? " " : "", r->list[i].format);
        same++;
    }
    if (same == all && all > 1)
        snprintf(formats, sizeof(formats), "all %zu formats", all);
    else if (strlen(formats) > 40)
        snprintf(formats, sizeof(formats), "%zu of %zu formats", same, all);
    cli_writef("  %-13s  %-40s  %s%s%s\n", k->kernel, formats, hekla_verdict_text(k->verdict),
        k->verdict == HEKLA_VERDICT_PASSED ? "" : ": ",
        k->verdict == HEKLA_VERDICT_PASSED ? "" : k->text);
}

/* What the bad kernels mean for whoever runs models. */
static void write_consequences(const struct results *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct hekla_kernel_result *k = &r->list[i];
        bool weights = strcmp(k->format, "-") != 0;
        if (!is_bad(k))
            continue;
        if (k->instead)
            cli_writef("Avoided: %s for %s; %s is used instead%s.\n", k->kernel, k->format,
                k->instead, k->chosen ? ", at another speed" : " anyway");
        else if (weights)
            cli_writef("Models with %s weights cannot run on this device: %s %s.\n", k->format,
                k->kernel, hekla_verdict_text(k->verdict));
        else
            cli_writef(
                "Models cannot run on this device: %s %s. Another driver version may work.\n",
                k->kernel, hekla_verdict_text(k->verdict));
    }
}

static bool has_inexact(const struct results *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->list[i].inexact && r->list[i].verdict == HEKLA_VERDICT_PASSED)
            return true;
    return false;
}

static void write_table(const struct results *r, const struct doctor_options *o)
{
    uint64_t words = 0, cases = 0;
    cli_writef("%s, driver %s\n\n", r->report.device, r->report.driver);
    cli_writef("  %-13s  %-40s  %s\n", "kernel", "format", "verdict");
    for (size_t i = 0; i < r->n; i++) {
        bool said = false;
        for (size_t k = 0; k < i && !said; k++)
            said = same_line(&r->list[k], &r->list[i]);
        if (!said)
            write_line(r, i);
        words += r->list[i].words;
        cases += r->list[i].cases;
    }
    cli_writef("\n%" PRIu32 " passed, %" PRIu32 " failed, %" PRIu32 " not available here; %" PRIu64
               " cases, %" PRIu64 " results compared, bit for bit.\n",
        r->report.passed, r->report.failed, r->report.unavailable, cases, words);
    write_consequences(r);
    if (!r->report.failed && o->filter)
        cli_writef("What was tested (--only \"%s\") is proven on this device.\n", o->filter);
    else if (!r->report.failed)
        cli_writef("This device is proven: every kernel it can use gives the bits of the "
                   "reference%s.\n",
            has_inexact(r) ? ", and those of --numerics fast are near them" : "");
    if (r->report.stored[0])
        cli_writef("Stored in %s\n", r->report.stored);
    else
        cli_writef("Not stored: %s\n", r->report.why_not);
}

static int examine(const struct doctor_options *o, const char *device, struct results *r)
{
    struct hekla_error err = {0};
    struct cli_proof proof;
    const char *caps = getenv("HEKLA_CAPS");
    cli_proof_open(&proof);
    proof.proof.patience = o->patience;
    hekla_status status = hekla_doctor(
        &(struct hekla_doctor_options){
            .device = device,
            .caps = caps && *caps ? caps : NULL,
            .proof = proof.proof,
            .filter = o->filter,
            .full = o->full,
            .begin = begin,
            .end = end,
            .user = r,
        },
        &r->report, &err);
    cli_notice(NULL, HEKLA_NOTICE_PROGRESS, "");
    if (cli_interrupt_count() > 0)
        return CLI_INTERRUPTED;
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    if (r->out_of_memory)
        return cli_fail(CLI_MEMORY, "not enough memory for the results");
    if (r->n == 0)
        return cli_fail(CLI_USAGE, "no kernel is called \"%s\"", o->filter ? o->filter : "");
    return CLI_OK;
}

/* Examines and writes; CLI_SELFTEST if a kernel failed. */
static int visit(const struct doctor_options *o, const char *device, bool first)
{
    struct results r = {0};
    int code = examine(o, device, &r);
    if (code == CLI_OK) {
        if (o->json) {
            cli_writef("%s\n  ", first ? "" : ",");
            write_json(&r);
        } else {
            cli_writef("%s", first ? "" : "\n");
            write_table(&r, o);
        }
        code = r.report.failed ? CLI_SELFTEST : CLI_OK;
    }
    free(r.list);
    return code;
}

static int visit_all(const struct doctor_options *o)
{
    struct hekla_error err = {0};
    struct hekla_device_info *devices = NULL;
    size_t n = 0, visited = 0;
    int code = cli_list_devices(&devices, &n, &err);
    for (size_t i = 0; i < n && (code == CLI_OK || code == CLI_SELFTEST); i++) {
        if (!devices[i].usable || strcmp(devices[i].id, "ref") == 0)
            continue;
        int one = visit(o, devices[i].id, visited++ == 0);
        code = one == CLI_OK ? code : one;
    }
    free(devices);
    if (code == CLI_OK && !visited)
        code = cli_fail(CLI_NO_DEVICE, "%s", err.text[0] ? err.text : "no device is usable");
    return code;
}

int cli_doctor(int argc, char **argv)
{
    struct doctor_options options = {0};
    enum cli_parse parsed = cli_options_parse(&options_of_doctor, argc, argv, &options);
    if (parsed != CLI_PARSE_OK)
        return parsed == CLI_PARSE_HELP ? CLI_OK : CLI_USAGE;
    if (options.all && options.device)
        return cli_fail(CLI_USAGE, "--all and --device cannot be used together");
    if (options.json)
        cli_writef("[");
    char id[CLI_DEVICE_ID];
    if (!options.device)
        options.device = cli_default_device(id);
    int code = options.all ? visit_all(&options) : visit(&options, options.device, true);
    if (options.json)
        cli_writef("\n]\n");
    return code;
}
