/*
 * isa_stats: what a GPU's driver makes of hekla's kernels, without running them.
 *
 *   isa_stats [--raw | --known CSV] [FORMAT ...]     the device named by HEKLA_TEST_DEVICE, else
 * the best
 *
 * For each weight format (or those named), the ops of a one-layer model of Llama 8B's shape are
 * built as the product builds them on this device (with HEKLA_CAPS), for one token and for a batch;
 * every pipeline of theirs is compiled once and the driver's statistics are printed as CSV. --raw
 * prints the driver's own names instead; --known takes a former run's figures of what the same
 * driver was given then. tools/isa runs this on all of tools/gpulab's GPUs.
 */
#include "isa.h"

#include "arch/shape.h"
#include "base/hash.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A step of one token, and of the batch that prompts are cut into. */
static const uint32_t steps[] = {1, 512};
enum { MOST_PIPELINES = 4096 };

struct state {
    struct gpu_device *dev;
    bool raw;
    struct isa_known *known; /* may be NULL */
    char **formats;          /* none: all */
    int n_formats;
    struct op *seen; /* [MOST_PIPELINES]: one op of each pipeline */
    uint32_t n;
    struct hekla_error err;
};

static bool is_new(struct state *s, const struct op *op)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->seen[i].kernel == op->kernel && s->seen[i].quant == op->quant &&
            memcmp(s->seen[i].spec, op->spec, sizeof(op->spec)) == 0)
            return false;
    return s->n < MOST_PIPELINES;
}

/* Of all that the compiler is given; and the row's name, which says what is counted. */
static uint64_t hash_info(
    const struct state *s, const struct op *op, const struct gpu_pipeline_info *info)
{
    const struct gpu_caps *caps = gpu_device_caps(s->dev);
    const char *driver = gpu_device_identity(s->dev)->driver, *device = gpu_device_name(s->dev);
    const uint64_t more[] = {(uint64_t)op->kernel, (uint64_t)op->quant, info->n_buffers,
        info->subgroup, info->size_x, caps->subgroup, caps->subgroup_min, caps->subgroup_max};
    uint64_t h = hash_bytes(info->words, info->bytes);
    h = hash_u64(h ^ hash_bytes(info->spec, info->n_spec * sizeof(*info->spec)));
    h = hash_u64(h ^ hash_bytes(more, sizeof(more)));
    h = hash_u64(h ^ hash_bytes(driver, strlen(driver)));
    return hash_u64(h ^ hash_bytes(device, strlen(device)));
}

static hekla_status measure(struct state *s, const struct op *op)
{
    struct gpu_pipeline_info info;
    struct gpu_statistics statistics;
    hekla_status status = plan_pipeline_info(op, &info, &s->err);
    if (status != HEKLA_OK)
        return status;
    uint64_t from = hash_info(s, op, &info);
    if (!s->raw && isa_known_print(s->known, from))
        return HEKLA_OK;
    status = gpu_pipeline_statistics(s->dev, &info, &statistics, &s->err);
    if (status != HEKLA_OK)
        return status;
    if (s->raw)
        isa_print_raw(op, &statistics);
    else
        isa_print_row(op, &statistics, from);
    gpu_statistics_free(&statistics);
    return HEKLA_OK;
}

static hekla_status measure_ops(struct state *s, struct op_list *list)
{
    hekla_status status = list->out_of_memory ? HEKLA_MEMORY : HEKLA_OK;
    for (uint32_t i = 0; i < list->n && status == HEKLA_OK; i++)
        if (list->ops[i].kernel < K_COUNT && is_new(s, &list->ops[i])) {
            s->seen[s->n++] = list->ops[i];
            status = measure(s, &list->ops[i]);
        }
    op_list_free(list);
    return status;
}

/* A prompt's step in fast numerics: formats differ in how a block is read, no more. */
static hekla_status measure_fast(struct state *s, struct hekla_session *session, enum quant quant)
{
    struct op_list list;
    if (quant != QT_q4_0 && quant != QT_q4_k && quant != QT_q6_k && quant != QT_f16)
        return HEKLA_OK;
    session_init_list(session, &list, steps[1]);
    list.fast = true;
    arch_build(&session->model->m, &session->scratch, ARCH_LOGITS_NONE, &list);
    return measure_ops(s, &list);
}

/* What a session records: a step that samples, and a step that scores. */
static hekla_status measure_session(struct state *s, struct hekla_session *session)
{
    const struct hekla_model *m = session->model;
    struct gpu_view logits = session->scratch.logits.view;
    hekla_status status = HEKLA_OK;
    logits.size = (uint64_t)m->m.params.n_vocab * 4;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == HEKLA_OK; i++) {
        struct op_list list;
        session_init_list(session, &list, steps[i]);
        arch_build(&m->m, &session->scratch, ARCH_LOGITS_ALL, &list);
        op_nll(&list, session->nll, session->scratch.logits);
        op_sample(&list, logits, session->scores,
            (struct gpu_view){&session->ring, 0, RING_SIZE * 4}, m->m.params.n_vocab);
        status = measure_ops(s, &list);
    }
    return status;
}

/* What only measures the device. */
static hekla_status measure_gauges(struct state *s)
{
    struct gpu_buffer none = {.size = 1 << 20};
    struct gpu_view x = {&none, 0, 1 << 16}, y = {&none, 1 << 18, 1 << 16};
    struct op_list list = {.caps = gpu_device_caps(s->dev), .n_tokens = 1};
    op_stream(&list, y, x);
    op_peak(&list, K_peak_f32, y, x, 1);
    if (kernel_available(K_peak_dot, -1, list.caps))
        op_peak(&list, K_peak_dot, y, x, 1);
    return measure_ops(s, &list);
}

/* What a llama does not have: norms of heads, wide heads, recurrent states, and values that are a
 * part of the keys, of the shapes that Gemma 4, Qwen 3.5 and DeepSeek V3 have. */
static hekla_status measure_others(struct state *s)
{
    struct gpu_buffer none = {.size = 1u << 30};
    struct gpu_view at = {&none, 0, 1u << 28}, to = {&none, 1u << 28, 1u << 28},
                    more = {&none, 1u << 29, 1u << 28};
    const struct rows in = {at, 8192, 8192}, out = {to, 8192, 8192};
    const struct head_shape wide = {.n_head = 8, .n_head_kv = 1, .head_dim = 512, .n_rot = 512};
    const struct head_shape latent = {.n_head = 16, .n_head_kv = 1, .head_dim = 576, .n_rot = 64};
    const struct kv_cache kv = {.k = at, .v = to, .n_ctx = 4096, .type = KV_TYPE_F16},
                          keys = {.k = at, .n_ctx = 4096, .type = KV_TYPE_F16, .value_first = 64};
    const struct state_cache cache = {more, 4, 4 * 8192 + 32 * 128 * 128};
    const struct delta delta = {.n_head = 32,
        .n_group = 16,
        .dim = 128,
        .beta_first = 32,
        .state_first = 3 * 8192,
        .dt = at,
        .a = at};
    hekla_status status = HEKLA_OK;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == HEKLA_OK; i++) {
        struct op_list list = {.caps = gpu_device_caps(s->dev),
            .step = {&none, 0, sizeof(struct step_args)},
            .n_tokens = steps[i]};
        op_norm_rows(&list, in, in, &(struct norm_rows){.g = to, .n = 128, .rows = 32});
        op_attention(&list, out, in, &kv, more, wide);
        op_attention(&list, out, in, &keys, more, latent);
        op_rope_kv(&list, in, 0, 0, &keys, to, latent);
        op_conv(&list, out, in, at, 4, &cache, CONV_SILU);
        op_delta(&list, out, in, in, &cache, &delta);
        status = measure_ops(s, &list);
    }
    return status;
}

static hekla_status measure_format(struct state *s, enum quant quant)
{
    struct arch_shape shape = *arch_shape_find("llama3.1-8b", 11);
    const struct arch_mix mix = {.matrix = quant, .output = quant};
    struct hekla_model model = {.m.dev = s->dev};
    struct hekla_session session = {.model = &model};
    size_t n_rules;
    const struct weight_rule *rules = arch_rules(&n_rules);
    uint64_t size;
    shape.layers = 1;
    model.m.params = arch_shape_params(&shape);
    void *file = arch_shape_directory(&shape, &mix, &size);
    hekla_status status =
        file ? gguf_open_memory(&model.gguf, file, size, "shape", quant_file_bytes, &s->err)
             : HEKLA_MEMORY;
    if (status == HEKLA_OK)
        status = model_weights_place(&model.m, model.gguf, "shape", rules, n_rules, &s->err);
    if (status == HEKLA_OK)
        status = session_place(&session,
            &(struct hekla_session_options){.n_ctx = 4096, .n_batch = 512}, 1ull << 40, &s->err);
    if (status == HEKLA_OK)
        status = measure_session(s, &session);
    if (status == HEKLA_OK)
        status = measure_fast(s, &session, quant);
    model_store_destroy(session.memory);
    free(session.scratch.kv);
    model_weights_free(&model.m);
    gguf_close(model.gguf);
    free(file);
    return status;
}

static bool is_wanted(const struct state *s, const char *format)
{
    for (int i = 0; i < s->n_formats; i++)
        if (strcmp(s->formats[i], format) == 0)
            return true;
    return s->n_formats == 0;
}

static hekla_status measure_all(struct state *s)
{
    char caps[400];
    const char *masks = getenv("HEKLA_CAPS");
    snprintf(caps, sizeof(caps), "statistics=1%s%.300s", masks ? ":" : "", masks ? masks : "");
    hekla_status status = gpu_device_open(&s->dev, getenv("HEKLA_TEST_DEVICE"), caps, &s->err);
    if (status == HEKLA_OK && !s->raw)
        isa_print_header();
    for (int q = 0; q < QT_COUNT && status == HEKLA_OK; q++)
        if (is_wanted(s, quant_types[q].name))
            status = measure_format(s, (enum quant)q);
    if (is_wanted(s, "-") && status == HEKLA_OK)
        status = measure_gauges(s);
    if (is_wanted(s, "-") && status == HEKLA_OK)
        status = measure_others(s);
    gpu_device_close(s->dev);
    return status;
}

int main(int argc, char **argv)
{
    bool raw = argc > 1 && strcmp(argv[1], "--raw") == 0;
    bool known = argc > 2 && strcmp(argv[1], "--known") == 0;
    int first = 1 + raw + 2 * known;
    struct state s = {.raw = raw, .formats = argv + first, .n_formats = argc - first};
    if (s.n_formats && s.formats[0][0] == '-' && s.formats[0][1]) {
        fprintf(stderr, "usage: isa_stats [--raw | --known CSV] [FORMAT ...]\n");
        return 2;
    }
    s.known = known ? isa_known_read(argv[2]) : NULL;
    s.seen = calloc(MOST_PIPELINES, sizeof(*s.seen));
    hekla_status status = s.seen ? measure_all(&s) : HEKLA_MEMORY;
    if (status != HEKLA_OK)
        fprintf(stderr, "isa_stats: %s\n", s.err.text[0] ? s.err.text : "not enough memory");
    free(s.seen);
    isa_known_free(s.known);
    return status == HEKLA_OK ? 0 : 1;
}
