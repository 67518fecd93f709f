/* hekla info --fit: a row for each type of KV cache. */
#include "cli/cli.h"
#include "cli/fit.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct {
    const char *name;
    enum hekla_kv_type type;
} types[] = {{"f16", HEKLA_KV_F16}, {"q8_0", HEKLA_KV_Q8_0}, {"q4_0", HEKLA_KV_Q4_0}};

static void write_head(struct hekla_fit *fit)
{
    char weights[32], memory[32];
    cli_writef("%s has %s for it; the weights take %s\n", cli_printable(fit->device),
        cli_format_bytes(memory, sizeof(memory), fit->memory),
        cli_format_bytes(weights, sizeof(weights), fit->weights));
    cli_writef("%-6s %9s %11s %11s %11s  %-5s %s\n", "cache", "context", "cache", "scratch",
        "total", "fits", "longest context");
}

static void write_row(const char *name, const struct hekla_fit *fit)
{
    char kv[32], scratch[32], total[32];
    cli_writef("%-6s %9" PRIu32 " %11s %11s %11s  %-5s %" PRIu32 "\n", name, fit->n_ctx,
        cli_format_bytes(kv, sizeof(kv), fit->kv),
        cli_format_bytes(scratch, sizeof(scratch), fit->scratch),
        cli_format_bytes(total, sizeof(total), fit->weights + fit->kv + fit->scratch),
        fit->fits ? "yes" : "no", fit->most_ctx);
}

int cli_fit(const struct cli_fit_options *o)
{
    const char *caps = getenv("HEKLA_CAPS");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct hekla_error err = {0};
        struct hekla_fit fit;
        hekla_status status = hekla_fit(
            &(struct hekla_fit_options){
                .path = o->model,
                .shape = o->shape,
                .device = o->device,
                .caps = caps && *caps ? caps : NULL,
                .memory = (uint64_t)(o->memory * 0x1p30),
                .n_ctx = (uint32_t)o->ctx_size,
                .kv_type = types[i].type,
            },
            &fit, &err);
        if (status == HEKLA_ARGUMENT && i > 0) { /* heads that cannot be quantised */
            cli_writef("%-6s %s\n", types[i].name, err.text);
            continue;
        }
        if (status != HEKLA_OK)
            return cli_fail_status(status, &err);
        if (i == 0)
            write_head(&fit);
        write_row(fit.embeds_only ? "f32" : types[i].name, &fit);
        if (fit.embeds_only)
            break;
    }
    return CLI_OK;
}
