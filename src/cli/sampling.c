#define _POSIX_C_SOURCE 200809L
#include "cli/cli.h"
#include "cli/run.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t random_seed(void)
{
    uint32_t seed = (uint32_t)time(NULL) ^ (uint32_t)getpid() << 16;
    FILE *file = fopen("/dev/urandom", "rb");
    if (file) {
        uint32_t drawn;
        if (fread(&drawn, sizeof(drawn), 1, file) == 1)
            seed = drawn;
        fclose(file);
    }
    return seed;
}

void cli_sampling_clear(struct cli_run_options *o)
{
    o->temp = o->top_p = o->min_p = o->repeat_penalty = o->xtc_probability = o->xtc_threshold =
        o->mirostat_lr = o->mirostat_ent = NAN;
    o->top_k = o->repeat_last_n = o->mirostat = CLI_NOT_GIVEN;
}

/* ---- grammars ---------------------------------------------------------------------------------
 */

int cli_sampling_open_grammar(struct cli_run *run)
{
    const struct cli_run_options *o = &run->options;
    const char *text = o->grammar ? o->grammar : o->json_schema;
    const char *file = o->grammar_file ? o->grammar_file : o->json_schema_file;
    enum hekla_grammar_kind kind =
        o->json_schema || o->json_schema_file ? HEKLA_JSON_SCHEMA : HEKLA_GBNF;
    struct cli_text read = {0};
    struct hekla_error err = {0};
    if (!text && !file)
        return CLI_OK;
    int code = cli_input_text(&read, text, file, false);
    if (code == CLI_OK) {
        hekla_status status = hekla_grammar_open(&run->grammar, kind, read.data, read.n, &err);
        if (status != HEKLA_OK)
            code = cli_fail_status(status, &err);
    }
    cli_text_free(&read);
    return code;
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

/* To the library 0 means the default; here, as usual, it means 0. */
static float not_default(double value)
{
    return value > 0 ? (float)value : FLT_MIN;
}

/* What the flags give in place of what the model knows. */
static void replace_defaults(struct hekla_sampling *p, const struct cli_run_options *o)
{
    if (!isnan(o->temp))
        p->temperature = (float)o->temp;
    if (!isnan(o->top_p))
        p->top_p = not_default(o->top_p);
    if (!isnan(o->min_p))
        p->min_p = (float)o->min_p;
    if (!isnan(o->repeat_penalty))
        p->repeat_penalty = (float)o->repeat_penalty;
    if (!isnan(o->xtc_probability))
        p->xtc_probability = (float)o->xtc_probability;
    if (!isnan(o->xtc_threshold))
        p->xtc_threshold = not_default(o->xtc_threshold);
    if (!isnan(o->mirostat_lr))
        p->mirostat_eta = not_default(o->mirostat_lr);
    if (!isnan(o->mirostat_ent))
        p->mirostat_tau = not_default(o->mirostat_ent);
    if (o->top_k != CLI_NOT_GIVEN)
        p->top_k = (uint32_t)o->top_k;
    if (o->mirostat != CLI_NOT_GIVEN)
        p->mirostat = (uint32_t)o->mirostat;
    if (o->samplers)
        p->samplers = o->samplers;
    p->sampler_seq = o->sampler_seq;
}

static void set_dry(struct hekla_sampling *p, struct cli_run_options *o, uint32_t n_ctx)
{
    struct cli_list *breakers = &o->dry_breakers;
    p->dry_multiplier = o->dry_base > 0 && o->dry_last_n != 0 ? (float)o->dry_multiplier : 0;
    p->dry_base = (float)o->dry_base;
    p->dry_allowed_length = (uint32_t)o->dry_allowed_length;
    p->dry_last_n = o->dry_last_n < 0 ? n_ctx : (uint32_t)o->dry_last_n;
    if (breakers->n == 0)
        return;
    p->dry_breakers = breakers->items;
    p->n_dry_breakers = breakers->n;
    if (breakers->n == 1 && strcmp(breakers->items[0], "none") == 0)
        p->n_dry_breakers = 0;
}

/* TOKEN+BIAS or TOKEN-BIAS. */
static int set_logit_bias(struct cli_run *run)
{
    const struct cli_list *list = &run->options.logit_bias;
    for (size_t i = 0; i < list->n; i++) {
        char id[16];
        size_t n = strcspn(list->items[i], "+-");
        const char *text = list->items[i] + n;
        int64_t token = -1;
        double bias = 0;
        snprintf(id, sizeof(id), "%.*s", (int)(n < sizeof(id) ? n : 0), list->items[i]);
        bool good = cli_parse_integer(id, &token) && token >= 0 && token <= INT32_MAX;
        if (strcmp(text, "-inf") == 0)
            bias = -INFINITY;
        else
            good = good && cli_parse_real(text, &bias);
        if (!good)
            return cli_fail(CLI_USAGE,
                "--logit-bias cannot be \"%s\": expected TOKEN+BIAS or TOKEN-BIAS, such as 13+1.5 "
                "or 13-inf",
                list->items[i]);
        run->logit_bias[i] = (struct hekla_logit_bias){(hekla_token)token, (float)bias};
    }
    run->sampling.logit_bias = run->logit_bias;
    run->sampling.n_logit_bias = list->n;
    return CLI_OK;
}

int cli_sampling_set(struct cli_run *run)
{
    struct cli_run_options *o = &run->options;
    struct hekla_sampling *p = &run->sampling;
    struct hekla_error err = {0};
    uint32_t n_ctx = hekla_session_n_ctx(run->session);
    *p = hekla_model_sampling(run->model);
    replace_defaults(p, o);
    p->presence_penalty = (float)o->presence_penalty;
    p->frequency_penalty = (float)o->frequency_penalty;
    if (o->repeat_last_n != CLI_NOT_GIVEN)
        p->penalty_last_n = o->repeat_last_n < 0 ? n_ctx : (uint32_t)o->repeat_last_n;
    p->typical_p = not_default(o->typical);
    p->top_n_sigma = (float)o->top_n_sigma;
    p->dynatemp_range = (float)o->dynatemp_range;
    p->dynatemp_exponent = not_default(o->dynatemp_exp);
    p->adaptive_target = o->adaptive_target == 0 ? FLT_MIN : (float)o->adaptive_target;
    p->adaptive_decay = not_default(o->adaptive_decay);
    set_dry(p, o, n_ctx);
    p->seed = o->seed < 0 ? random_seed() : (uint64_t)o->seed;
    p->grammar = run->grammar;
    int code = set_logit_bias(run);
    if (code != CLI_OK)
        return code;
    if (o->verbose)
        cli_note("seed %" PRIu64, p->seed);
    hekla_status status = hekla_sampling_check(run->model, p, &err);
    return status == HEKLA_OK ? CLI_OK : cli_fail_status(status, &err);
}
