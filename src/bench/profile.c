/* Where the time goes, and what of the device's limits is reached. */
#include "bench/run.h"

#include <stdlib.h>
#include <string.h>

enum { N_GEN = 8 };

struct counts {
    double tokens, bytes, operations; /* of a phase, by its ops */
};

static void add_kernels(
    json_t *list, hekla_session *s, enum hekla_phase phase, double tokens, struct counts *counts)
{
    struct hekla_profile p;
    double all = 0;
    hekla_session_get_profile(s, phase, &p);
    *counts = (struct counts){.tokens = tokens};
    for (size_t i = 0; i < p.n_rows; i++) {
        all += p.rows[i].seconds;
        counts->bytes += (double)p.rows[i].bytes;
        counts->operations += (double)p.rows[i].operations;
    }
    for (size_t i = 0; i < p.n_rows; i++) {
        const struct hekla_profile_row *row = &p.rows[i];
        json_array_append_new(list,
            json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f}", "phase",
                phase == HEKLA_PROMPT ? "prompt" : "generation", "kernel", row->kernel, "format",
                row->format, "dispatches_per_token", (double)row->dispatches / tokens,
                "seconds_per_token", row->seconds / tokens, "share",
                all > 0 ? row->seconds / all : 0, "bytes_per_token", (double)row->bytes / tokens,
                "operations_per_token", (double)row->operations / tokens));
    }
}

/* Keys and values read by a token in the middle of a test: K and V of each position before it. */
static double kv_bytes(const struct bench_runner *r, const json_t *row)
{
    const struct hekla_model_info *m = &r->info;
    double positions = bench_number(row, "n_depth") + bench_number(row, "n_prompt") +
                       bench_number(row, "n_gen") / 2;
    const char *type = bench_string(row, "type_k");
    const struct bench_kv *kv = bench_find_kv(type, strlen(type));
    double seen = m->window && positions > m->window ? m->window : positions;
    return (kv ? kv->bytes : 0) *
           (positions * (double)m->kv_elements + seen * (double)m->kv_elements_window);
}

/* Attention meets more positions later: operations a token beyond those of the profile's. */
static double attention_operations(const struct bench_runner *r, double positions)
{
    return 4 * positions * r->info.n_layer * r->info.n_head * r->info.head_dim;
}

static void set_real(json_t *o, const char *key, double value)
{
    json_object_set_new(o, key, json_real(value));
}

static double share(double value, double limit)
{
    return limit > 0 ? 100 * value / limit : 0;
}

static void set_generation(const struct bench_runner *r, json_t *row)
{
    double bytes = (double)r->info.decode_bytes + kv_bytes(r, row);
    double speed = bytes * bench_number(row, "gen_ts");
    set_real(row, "bytes_per_token", bytes);
    set_real(row, "gbs", speed * 1e-9);
    set_real(row, "percent_of_read", share(speed, bench_limit_read(r->doc)));
}

static void set_prompt(const struct bench_runner *r, json_t *row, const struct counts *prompt)
{
    double middle = bench_number(row, "n_depth") + bench_number(row, "n_prompt") / 2;
    double operations =
        prompt->operations / prompt->tokens + attention_operations(r, middle - prompt->tokens / 2);
    double speed = operations * bench_number(row, "prompt_ts");
    set_real(row, "operations_per_token", operations);
    set_real(row, "tflops", speed * 1e-12);
    /* What is measured is the limit of exact kernels. */
    if (r->setup->numerics == HEKLA_NUMERICS_EXACT)
        set_real(row, "percent_of_compute", share(speed, bench_limit_compute(r->doc)));
}

static void set_rows(const struct bench_runner *r, const struct counts *prompt)
{
    json_t *rows = json_object_get(r->doc, "tests"), *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        if (bench_number(row, "gen_ts") > 0)
            set_generation(r, row);
        if (bench_number(row, "prompt_ts") > 0 && prompt->operations > 0)
            set_prompt(r, row, prompt);
    }
}

/* As long as the longest prompt that was measured, unless that takes seconds. */
static uint32_t choose_prompt(const struct bench_runner *r)
{
    const json_t *rows = bench_part(r->doc, "tests");
    uint32_t n = 16;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        double p = bench_number(row, "n_prompt"), ts = bench_number(row, "prompt_ts");
        if (p > n && p <= 512 && ts > 0)
            n = p / ts < 4 ? (uint32_t)p : n;
    }
    return n;
}

hekla_status bench_profile(struct bench_runner *r, struct hekla_error *err)
{
    hekla_session *s = NULL;
    struct counts prompt = {0}, generation = {0};
    uint32_t n = choose_prompt(r);
    hekla_token *tokens = calloc(n, sizeof(*tokens));
    json_t *kernels = json_array();
    hekla_status status =
        tokens ? hekla_session_open(&s, r->model,
                     &(struct hekla_session_options){
                         .n_ctx = r->n_ctx > n + N_GEN + 1 ? r->n_ctx : n + N_GEN + 1,
                         .n_batch = n,
                         .kv_type = r->setup->kv_types[0],
                         .profile = true},
                     err)
               : hekla_fail(err, HEKLA_MEMORY, "not enough memory for a profile");
    for (uint32_t i = 0; tokens && i < n; i++)
        tokens[i] = (hekla_token)((i * UINT64_C(2654435761) >> 7) % r->info.n_vocab);
    status = status ? status : hekla_session_eval(s, tokens, n, err);
    status = status ? status
                    : hekla_session_generate(
                          s, &(struct hekla_sampling){0}, N_GEN + 1, true, NULL, NULL, NULL, err);
    if (status == HEKLA_OK) {
        add_kernels(kernels, s, HEKLA_GENERATION, N_GEN, &generation);
        add_kernels(kernels, s, HEKLA_PROMPT, n, &prompt);
    }
    set_rows(r, &prompt);
    json_object_set_new(r->doc, "kernels", kernels);
    hekla_session_close(s);
    free(tokens);
    return status;
}
