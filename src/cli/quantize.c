#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "convert/convert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct quantize_options {
    const char *in, *out, *type;
    int64_t n_threads;
    bool pure;
};

static const struct cli_option rows[] = {
    {.type = CLI_OPTION_OPERAND,
        .names = "IN.gguf",
        .offset = offsetof(struct quantize_options, in),
        .help = "a model with F32, F16 or BF16 weights, or the first file of a split one"},
    {.type = CLI_OPTION_OPERAND,
        .names = "OUT.gguf",
        .offset = offsetof(struct quantize_options, out),
        .help = "the file to write; one that exists is replaced when the new one is complete"},
    {.type = CLI_OPTION_OPERAND,
        .names = "TYPE",
        .offset = offsetof(struct quantize_options, type),
        .help = "see below"},
    {.type = CLI_OPTION_INTEGER,
        .names = "-t|--threads",
        .offset = offsetof(struct quantize_options, n_threads),
        .value = "N",
        .min = 1,
        .max = 1024,
        .help = "threads; the file is the same for any number (default: one per core)"},
    {.type = CLI_OPTION_SET,
        .names = "--pure",
        .offset = offsetof(struct quantize_options, pure),
        .help = "the one type for all matrices, instead of more bits where they matter most"},
};

static const struct cli_options options_of_quantize = {
    .command = "quantize",
    .usage = "[flags] IN.gguf OUT.gguf TYPE",
    .about =
        "Makes a model smaller: writes a file with fewer bits a weight, and everything else as "
        "it was. Needs no device, and little memory for a model of any size.",
    .notes = "TYPE, with bits a weight of most matrices:\n"
             "  F16 and BF16 16 | Q8_0 8.5 | Q6_K 6.6 | Q5_1 6 | Q5_0, Q5_K_S, Q5_K_M 5.5\n"
             "  Q4_1 5 | Q4_0, Q4_K_S, Q4_K_M, IQ4_NL 4.5 | IQ4_XS, MXFP4 4.25\n"
             "  Q3_K_S, Q3_K_M, Q3_K_L 3.4 | Q2_K, Q2_K_S 2.6\n"
             "_S, _M and _L: how many matrices get more than that. Q3_K, Q4_K and Q5_K are short\n"
             "for the _M. If unsure: Q4_K_M.\n"
             "Matrices whose rows are no multiple of the type's block get another type, and a\n"
             "line on stderr says so. Vectors stay as they are.\n",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};

static int fail_type(const char *name)
{
    char all[256] = "";
    const char *best = "";
    size_t least = SIZE_MAX, used = 0;
    for (uint32_t i = 0; mix_at(i); i++) {
        const char *known = mix_at(i)->name;
        size_t distance = cli_edit_distance(name, known);
        used += (size_t)snprintf(all + used, sizeof(all) - used, " %s", known);
        best = distance < least ? known : best;
        least = distance < least ? distance : least;
    }
    if (least <= 2)
        return cli_fail(
            CLI_USAGE, "unknown type \"%s\"; did you mean %s? Types are%s", name, best, all);
    return cli_fail(CLI_USAGE, "unknown type \"%s\"; types are%s", name, all);
}

static void note_fallbacks(const struct convert *c)
{
    for (uint64_t i = 0; i < convert_tensor_count(c); i++) {
        struct convert_tensor t = convert_tensor_at(c, i);
        if (t.to == t.wanted)
            continue;
        char name[100];
        snprintf(name, sizeof(name), "%.*s", (int)(t.name.n < 99 ? t.name.n : 99), t.name.data);
        cli_note("%s becomes %s instead of %s: its rows of %" PRIu64
                 " weights are no multiple of %" PRIu32,
            cli_printable(name), t.to->label, t.wanted->label, t.row, t.wanted->block_elements);
    }
}

/* What the new file is made of, a line for each type, in the order of its first tensor. */
static void write_types(const struct convert *c)
{
    const uint64_t n = convert_tensor_count(c);
    cli_writef("%-8s %7s %12s %10s\n", "type", "tensors", "weights", "MiB");
    for (uint64_t i = 0; i < n; i++) {
        const struct quant_type *type = convert_tensor_at(c, i).to;
        uint64_t before = 0, tensors = 0, elements = 0, bytes = 0;
        for (uint64_t j = 0; j < n; j++) {
            struct convert_tensor t = convert_tensor_at(c, j);
            before += t.to == type && j < i;
            tensors += t.to == type;
            elements += t.to == type ? t.n_elements : 0;
            bytes += t.to == type ? t.bytes : 0;
        }
        if (before == 0)
            cli_writef("%-8s %7" PRIu64 " %12" PRIu64 " %10.2f\n", type->label, tensors, elements,
                (double)bytes / (1 << 20));
    }
}

static void write_summary(const struct convert *c, const struct quantize_options *o, double seconds)
{
    char before[32], after[32];
    uint64_t elements = 0, bytes = 0;
    for (uint64_t i = 0; i < convert_tensor_count(c); i++) {
        struct convert_tensor t = convert_tensor_at(c, i);
        elements += t.n_elements;
        bytes += t.bytes;
    }
    write_types(c);
    cli_writef("%s: %s -> %s, %.2f bits per weight, %.1f s\n", o->out,
        cli_format_bytes(before, sizeof(before), convert_bytes_before(c)),
        cli_format_bytes(after, sizeof(after), convert_bytes_after(c)),
        elements ? 8.0 * (double)bytes / (double)elements : 0.0, seconds);
}

static int run(struct convert *c, const struct quantize_options *o)
{
    struct hekla_error err = {0};
    struct cli_progress progress;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct convert_run how = {.n_threads = o->n_threads ? (uint32_t)o->n_threads
                                           : cores > 0  ? (uint32_t)cores
                                                        : 1,
        .progress = cli_progress_update,
        .temporary = cli_interrupt_set_temporary,
        .user = &progress};
    cli_progress_begin(&progress, "quantizing", o->in);
    hekla_status status = convert_run(c, &how, &err);
    double seconds = cli_progress_end(&progress);
    if (status != HEKLA_OK && cli_interrupt_count() > 0)
        return CLI_INTERRUPTED;
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    write_summary(c, o, seconds);
    return CLI_OK;
}

int cli_quantize(int argc, char **argv)
{
    struct quantize_options options = {0};
    struct hekla_error err = {0};
    struct convert *c = NULL;

    enum cli_parse parsed = cli_options_parse(&options_of_quantize, argc, argv, &options);
    if (parsed != CLI_PARSE_OK)
        return parsed == CLI_PARSE_HELP ? CLI_OK : CLI_USAGE;
    if (!options.type)
        return cli_fail(
            CLI_USAGE, "quantize needs three names: hekla quantize %s", options_of_quantize.usage);
    const struct mix *mix = mix_find(options.type);
    if (!mix)
        return fail_type(options.type);
    hekla_status status = convert_open(&c,
        &(struct convert_options){
            .in = options.in, .out = options.out, .mix = mix, .pure = options.pure},
        &err);
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    note_fallbacks(c);
    int code = run(c, &options);
    convert_close(c);
    return code;
}
