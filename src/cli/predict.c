/* info --predict */
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/open.h"

#include <inttypes.h>
#include <stdlib.h>

static void write_context(const char *type, uint32_t n_ctx, uint64_t per_position)
{
    char bytes[32];
    cli_writef("%-16s %" PRIu32 " tokens with a KV cache of %s (%s)\n", "context", n_ctx, type,
        cli_format_bytes(bytes, sizeof(bytes), n_ctx * per_position));
}

static void write_prediction(const struct hekla_prediction *p)
{
    char weights[32], working[32], free_bytes[32];
    cli_format_bytes(weights, sizeof(weights), p->weights_bytes);
    cli_format_bytes(working, sizeof(working), p->working_bytes);
    cli_format_bytes(free_bytes, sizeof(free_bytes), p->memory_free_bytes);
    cli_writef("%-16s %s\n%-16s %s of weights and %s to work in, of %s free: %s\n", "device",
        p->device, "memory", weights, working, free_bytes, p->n_ctx_f16 ? "fits" : "DOES NOT FIT");
    if (p->n_ctx_f16)
        write_context("f16", p->n_ctx_f16, p->position_bytes_f16);
    if (p->n_ctx_f32)
        write_context("f32", p->n_ctx_f32, p->position_bytes_f32);
    if (p->generation > 0)
        cli_writef("%-16s %.2f tokens/s, %.2f for a prompt of %" PRIu32 " (empty context)\n"
                   "%-16s docs/bench.md: half of them within 10 %%, of prompts within 25 %%\n",
            "speed", p->generation, p->prompt, p->n_prompt, "error");
    else
        cli_writef("%-16s not known: the device has no timestamps that work\n", "speed");
}

int cli_predict(const char *path, const char *synthetic, const char *device)
{
    const char *caps = getenv("HEKLA_CAPS");
    struct hekla_prediction prediction;
    struct hekla_error err = {0};
    struct cli_proof proof;
    char id[CLI_DEVICE_ID];
    cli_proof_open(&proof);
    if (path && synthetic)
        return cli_fail(CLI_USAGE, "-m and --synthetic cannot be used together");
    hekla_status status = hekla_predict(&(struct hekla_model_options){.path = path,
                                            .synthetic = synthetic,
                                            .device = device ? device : cli_default_device(id),
                                            .caps = caps && *caps ? caps : NULL,
                                            .proof = proof.proof,
                                            .notice = cli_notice},
        &prediction, &err);
    if (cli_interrupt_count() > 0)
        return CLI_INTERRUPTED;
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    write_prediction(&prediction);
    return prediction.n_ctx_f16 ? CLI_OK : CLI_MEMORY;
}
