#include "cli/cli.h"
#include "cli/open.h"
#include "cli/options.h"

#include <inttypes.h>
#include <stdio.h>

struct tune_options {
    const char *model, *device;
    int64_t n_batch;
    int kv;
    double seconds;
};

static const struct cli_option rows[] = {
    CLI_ROW_MODEL(offsetof(struct tune_options, model)),
    {.type = CLI_OPTION_TEXT,
        .names = "-d|-dev|--device",
        .offset = offsetof(struct tune_options, device),
        .value = "ID",
        .help = "as in \"hekla run\"; default: the best device"},
    {.type = CLI_OPTION_REAL,
        .names = "--seconds",
        .offset = offsetof(struct tune_options, seconds),
        .value = "S",
        .fallback = "20",
        .min = 0.1,
        .max = 3600,
        .help = "about how long to measure"},
    {.type = CLI_OPTION_INTEGER,
        .names = "-ub|--ubatch-size",
        .offset = offsetof(struct tune_options, n_batch),
        .value = "N",
        .fallback = "512",
        .min = 1,
        .max = 8192,
        .help = "tokens of a prompt at once, as the model will be run"},
    {.type = CLI_OPTION_CHOICE,
        .names = "-ctk|--cache-type-k",
        .offset = offsetof(struct tune_options, kv),
        .choices = "auto|f32|f16|q8_0|q4_0",
        .fallback = "auto",
        .help = "type of the KV cache, as the model will be run"},
};

static const struct cli_options options_of_tune = {
    .command = "tune",
    .usage = "[-m FILE] [-d ID] [--seconds S]",
    .about = "Measures which shapes of its kernels a GPU is fastest with for a model, and keeps "
             "them for every later run on this device and driver. \"hekla run\" does a short form "
             "of this, two seconds, by itself when it meets a model's sizes for the first time. "
             "Shapes change no result: one whose results differ in a bit is not used.",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};

static void write_row(void *user, const struct hekla_tuning_row *row)
{
    double *sums = user;
    char size[32], shape[16] = "rule", gain[16] = "-";
    snprintf(size, sizeof(size), "%" PRIu32 " x %" PRIu32, row->rows, row->columns);
    if (row->shape)
        snprintf(shape, sizeof(shape), "%" PRIu32, row->shape);
    if (row->seconds > 0 && row->shape)
        snprintf(gain, sizeof(gain), "%.2fx", row->seconds_before / row->seconds);
    if (sums[0] + sums[1] == 0)
        cli_writef("  %-13s %-7s %15s %10s %10s %6s %6s %6s\n", "kernel", "format", "size",
            "ms before", "ms now", "shape", "gain", "tried");
    cli_writef("  %-13s %-7s %15s %10.4f %10.4f %6s %6s %6" PRIu32 "%s\n", row->kernel, row->format,
        size, row->seconds_before * 1e3, row->seconds * 1e3, shape, gain, row->tried,
        row->differed ? "  (some differed: not used)" : "");
    sums[0] += row->seconds_before;
    sums[1] += row->seconds;
}

static int with_model(const struct tune_options *o, hekla_model *model)
{
    struct hekla_error err = {0};
    hekla_session *session = NULL;
    double sums[2] = {0, 0};
    hekla_status status = hekla_session_open(&session, model,
        &(struct hekla_session_options){
            .n_ctx = 1024, .n_batch = (uint32_t)o->n_batch, .kv_type = (enum hekla_kv_type)o->kv},
        &err);
    if (status == HEKLA_OK)
        status = hekla_session_tune(session, o->seconds, write_row, sums, &err);
    hekla_session_close(session);
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    cli_writef(
        "\nTimes are of all such ops in a step: a token, or some layers of a prompt of %" PRId64
        ". In all %.2fx.\n",
        o->n_batch, sums[1] > 0 ? sums[0] / sums[1] : 1);
    return CLI_OK;
}

int cli_tune(int argc, char **argv)
{
    struct tune_options options = {0};
    hekla_model *model;
    enum cli_parse parsed = cli_options_parse(&options_of_tune, argc, argv, &options);
    if (parsed != CLI_PARSE_OK)
        return parsed == CLI_PARSE_HELP ? CLI_OK : CLI_USAGE;
    int code = cli_open_model(&model, options.model, options.device, NULL);
    if (code != CLI_OK)
        return code;
    code = with_model(&options, model);
    hekla_model_close(model);
    return code;
}
