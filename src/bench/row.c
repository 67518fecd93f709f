/* A test's row: llama-bench's keys in its order and types, then ours. */
#include "bench/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void set_text(json_t *o, const char *key, const char *value)
{
    json_object_set_new(o, key, json_string(value));
}

static void set_int(json_t *o, const char *key, double value)
{
    json_object_set_new(o, key, json_integer((json_int_t)llround(value)));
}

static void set_real(json_t *o, const char *key, double value)
{
    json_object_set_new(o, key, json_real(isfinite(value) ? value : 0));
}

static void set_bool(json_t *o, const char *key, bool value)
{
    json_object_set_new(o, key, json_boolean(value));
}

void bench_time(char out[32])
{
    time_t t = time(NULL);
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static const char *file_type_name(int32_t type)
{
    static const struct {
        int32_t type;
        const char *name;
    } names[] = {{0, "all F32"}, {1, "F16"}, {2, "Q4_0"}, {3, "Q4_1"}, {7, "Q8_0"}, {8, "Q5_0"},
        {9, "Q5_1"}, {10, "Q2_K - Medium"}, {11, "Q3_K - Small"}, {12, "Q3_K - Medium"},
        {13, "Q3_K - Large"}, {14, "Q4_K - Small"}, {15, "Q4_K - Medium"}, {16, "Q5_K - Small"},
        {17, "Q5_K - Medium"}, {18, "Q6_K"}, {19, "IQ2_XXS - 2.0625 bpw"},
        {20, "IQ2_XS - 2.3125 bpw"}, {21, "Q2_K - Small"}, {22, "IQ3_XS - 3.3 bpw"},
        {23, "IQ3_XXS - 3.0625 bpw"}, {24, "IQ1_S - 1.5625 bpw"}, {25, "IQ4_NL - 4.5 bpw"},
        {26, "IQ3_S - 3.4375 bpw"}, {27, "IQ3_S mix - 3.66 bpw"}, {28, "IQ2_S - 2.5 bpw"},
        {29, "IQ2_M - 2.7 bpw"}, {30, "IQ4_XS - 4.25 bpw"}, {31, "IQ1_M - 1.75 bpw"}, {32, "BF16"},
        {36, "TQ1_0 - 1.69 bpw ternary"}, {37, "TQ2_0 - 2.06 bpw ternary"}, {38, "MXFP4 MoE"},
        {39, "NVFP4"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].type == type)
            return names[i].name;
    return NULL;
}

void bench_model_type(const struct hekla_model_info *info, char *out, size_t cap)
{
    const char *name = file_type_name(info->file_type);
    double billions = (double)info->n_params * 1e-9;
    char size[32];
    if (billions >= 0.95)
        snprintf(size, sizeof(size), "%.0fB", floor(billions + 0.45));
    else
        snprintf(size, sizeof(size), "%.0fM", billions * 1e3);
    snprintf(out, cap, "%s %s %s", info->architecture, size, name ? name : info->type_name);
}

static void read_cpu_name(char *out, size_t cap)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    *out = 0;
    while (f && !*out && fgets(line, sizeof(line), f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(out, cap, "%s", colon + 1 + (colon[1] == ' '));
    }
    if (f)
        fclose(f);
}

/* Everything before n_prompt. */
static void set_settings(json_t *o, const struct bench_runner *r, const struct bench_settings *s)
{
    char cpu[200];
    const struct hekla_model_info *info = &r->info;
    const json_t *model = bench_part(r->doc, "model");
    bool vulkan = strcmp(r->limits.device.id, "ref") != 0;
    read_cpu_name(cpu, sizeof(cpu));
    set_text(o, "build_commit", "hekla " HEKLA_VERSION);
    set_int(o, "build_number", 0);
    set_text(o, "cpu_info", cpu);
    set_text(o, "gpu_info", info->device);
    set_text(o, "backends", vulkan ? "Vulkan" : "CPU");
    set_text(o, "model_filename", bench_string(model, "filename"));
    set_text(o, "model_type", bench_string(model, "type"));
    set_int(o, "model_size", (double)info->file_bytes);
    set_int(o, "model_n_params", (double)info->n_params);
    set_int(o, "n_batch", s->batch);
    set_int(o, "n_ubatch", s->ubatch);
    set_int(o, "n_threads", 1);
    set_text(o, "cpu_mask", "0x0");
    set_bool(o, "cpu_strict", false);
    set_int(o, "poll", 50);
    set_text(o, "type_k", s->kv);
    set_text(o, "type_v", s->kv);
    set_int(o, "n_gpu_layers", -1);
    set_int(o, "n_cpu_moe", 0);
    set_text(o, "split_mode", "none");
    set_int(o, "main_gpu", 0);
    set_bool(o, "no_kv_offload", false);
    set_bool(o, "flash_attn", true);
    set_text(o, "devices", r->limits.device.uuid);
    set_text(o, "tensor_split", "0.00");
    set_text(o, "tensor_buft_overrides", "none");
    set_text(o, "load_mode", "none");
    set_text(o, "lazy_mode", "none");
    set_bool(o, "embeddings", false);
    set_int(o, "no_op_offload", 0);
    set_bool(o, "no_host", false);
    set_int(o, "fit_target", 0);
    set_int(o, "fit_min_ctx", 0);
}

static void set_times(json_t *o, const struct bench_runs *runs)
{
    const struct bench_test *t = runs->test;
    json_t *ns = json_array(), *ts = json_array();
    double *seconds = calloc(runs->n ? runs->n : 1, sizeof(*seconds));
    double *speeds = calloc(runs->n ? runs->n : 1, sizeof(*speeds));
    for (size_t i = 0; seconds && speeds && i < runs->n; i++) {
        seconds[i] = runs->once[i].total;
        speeds[i] = seconds[i] > 0 ? (t->n_prompt + t->n_gen) / seconds[i] : 0;
        json_array_append_new(ns, json_integer(llround(seconds[i] * 1e9)));
        json_array_append_new(ts, json_real(speeds[i]));
    }
    size_t n = seconds && speeds ? runs->n : 0;
    struct bench_stats a = bench_stats_of(seconds, n), b = bench_stats_of(speeds, n);
    set_int(o, "avg_ns", a.mean * 1e9);
    set_int(o, "stddev_ns", a.stddev * 1e9);
    set_real(o, "avg_ts", b.mean);
    set_real(o, "stddev_ts", b.stddev);
    json_object_set_new(o, "samples_ns", ns);
    json_object_set_new(o, "samples_ts", ts);
    set_real(o, "median_ts", b.median);
    set_real(o, "ci95_low_ts", b.low);
    set_real(o, "ci95_high_ts", b.high);
    set_real(o, "first_ts", n ? speeds[0] : 0);
    set_real(o, "last_ts", n ? speeds[n - 1] : 0);
    free(seconds);
    free(speeds);
}

enum field { PROMPT, GENERATION, FIRST_TOKEN, HOST, N_FIELDS };

static double median_of(const struct bench_runs *runs, enum field field)
{
    double *x = calloc(runs->n ? runs->n : 1, sizeof(*x));
    for (size_t i = 0; x && i < runs->n; i++) {
        const struct bench_once *once = &runs->once[i];
        const double fields[N_FIELDS] = {
            once->prompt, once->generation, once->first_token, once->host};
        x[i] = fields[field];
    }
    double median = x ? bench_stats_of(x, runs->n).median : 0;
    free(x);
    return median;
}

/* What llama-bench does not tell, as far as it is known without a profile. */
static void set_ours(json_t *o, const struct bench_runner *r, const struct bench_runs *runs)
{
    const struct bench_test *t = runs->test;
    double prompt = median_of(runs, PROMPT), generation = median_of(runs, GENERATION);
    char hash[20];
    bool varies = false;
    for (size_t i = 1; i < runs->n; i++)
        varies |= runs->once[i].hash != runs->once[0].hash;
    snprintf(hash, sizeof(hash), "%016" PRIx64, runs->n ? runs->once[0].hash : 0);
    set_real(o, "prompt_ts", prompt > 0 ? t->n_prompt / prompt : 0);
    set_real(o, "gen_ts", generation > 0 ? t->n_gen / generation : 0);
    set_real(o, "ttft_ms", t->n_prompt ? median_of(runs, FIRST_TOKEN) * 1e3 : 0);
    set_real(o, "token_ms_p50", bench_quantile(runs->gaps, runs->n_gaps, 0.5) * 1e3);
    set_real(o, "token_ms_p99", bench_quantile(runs->gaps, runs->n_gaps, 0.99) * 1e3);
    set_real(o, "host_us_per_token", median_of(runs, HOST) * 1e6 / (t->n_prompt + t->n_gen));
    set_text(o, "output_hash", runs->n ? hash : "");
    set_bool(o, "output_varies", varies);
    set_text(o, "numerics", bench_numerics(r->setup));
    set_bool(o, "synthetic", r->setup->model.synthetic != NULL);
    set_text(o, "device_uuid", r->limits.device.uuid);
    set_text(o, "driver", r->limits.device.driver);
}

json_t *bench_row(const struct bench_runner *r, const struct bench_runs *runs)
{
    json_t *o = json_object();
    set_settings(o, r, runs->settings);
    set_int(o, "n_prompt", runs->test->n_prompt);
    set_int(o, "n_gen", runs->test->n_gen);
    set_int(o, "n_depth", runs->test->n_depth);
    set_text(o, "test_time", runs->started);
    set_times(o, runs);
    set_ours(o, r, runs);
    return o;
}
