/*
 * What a model's speed would be: each kernel's time on layers of the model's width, measured, times
 * what the whole model asks of that kernel. Nothing of the model itself is loaded.
 */
#include "engine/engine.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPT_GPU = 512, PROMPT_CPU = 16, VOCAB = 4096, CTX = 1024, STEPS = 4, MOST_ROUNDS = 80 };
#define LEAST_SECONDS 0.5
/* Of layers, or caches would hold what they do not of the model. */
#define LEAST_BYTES (64u << 20)

struct prediction {
    struct hekla_model *target; /* without a device of its own */
    struct hekla_model *layer;  /* a few layers like the target's, on the device */
    struct arch_mix mix;
    uint32_t n_prompt;
};

/* ---- layers like the target's ---- */

static enum quant type_of(const struct gguf *g, const char *name, enum quant fallback)
{
    const struct gguf_tensor *t = gguf_find_tensor(g, name);
    const struct quant_type *type = t ? quant_find(t->type) : NULL;
    return type ? (enum quant)(type - quant_types) : fallback;
}

static uint32_t count_layers(const struct hekla_model *m)
{
    const struct gguf_tensor *t = gguf_find_tensor(m->gguf, "blk.0.ffn_down.weight");
    uint32_t most = m->m.params.n_layer, n = 1;
    while (t && n < most && 3 * t->n_bytes * n < LEAST_BYTES)
        n++;
    return n;
}

static struct arch_shape shape_of(const struct hekla_model *m)
{
    const struct model_params *p = &m->m.params;
    return (struct arch_shape){.name = "a few layers",
        .title = "a few layers",
        .layers = count_layers(m),
        .embd = p->n_embd,
        .ff = p->n_ff,
        .heads = p->head.n_head,
        .kv_heads = p->head.n_head_kv,
        .head_dim = p->head.head_dim,
        .vocab = p->n_vocab < VOCAB ? p->n_vocab : VOCAB,
        .ctx = CTX,
        .qkv_bias = gguf_find_tensor(m->gguf, "blk.0.attn_q.bias") != NULL};
}

static hekla_status open_layer(
    struct prediction *p, const struct hekla_model_options *options, struct hekla_error *err)
{
    const struct gguf *g = p->target->gguf;
    enum quant embd = type_of(g, "token_embd.weight", QT_q4_k);
    p->mix = (struct arch_mix){.name = "",
        .matrix = type_of(g, "blk.0.ffn_gate.weight", QT_q4_k),
        .output = type_of(g, "output.weight", embd)};
    /* Its down projection is Q6_K where the mix has more bits anywhere. */
    for (uint32_t i = 0; i < p->target->m.params.n_layer && !p->mix.more_bits; i++) {
        char name[64];
        snprintf(name, sizeof(name), "blk.%u.ffn_down.weight", i);
        enum quant down = type_of(g, name, p->mix.matrix);
        p->mix.more_bits = down != p->mix.matrix && down == QT_q6_k;
    }
    p->layer = engine_create(err);
    if (!p->layer)
        return HEKLA_MEMORY;
    p->layer->synthetic = (struct arch_synthetic){.shape = shape_of(p->target), .mix = &p->mix};
    hekla_status status = engine_open_synthetic(p->layer, "layers of the model", err);
    return status ? status : engine_open_weights(p->layer, options, "layers", true, err);
}

/* ---- its kernels' times ---- */

static hekla_status run_layer(
    struct prediction *p, struct hekla_session *s, bool prompt, struct hekla_error *err)
{
    hekla_token tokens[PROMPT_GPU];
    for (uint32_t i = 0; i < p->n_prompt; i++)
        tokens[i] = (hekla_token)(i * 7919u % p->layer->info.n_vocab);
    hekla_session_rewind(s, 0);
    hekla_status status = hekla_session_eval(s, tokens, prompt ? p->n_prompt : 1, err);
    return status || prompt ? status
                            : hekla_session_generate(
                                  s, &(struct hekla_sampling){0}, 9, true, NULL, NULL, NULL, err);
}

static hekla_status open_session(
    struct prediction *p, struct hekla_session **out, struct hekla_error *err)
{
    return hekla_session_open(out, p->layer,
        &(struct hekla_session_options){
            .n_ctx = CTX, .n_batch = p->n_prompt, .kv_type = HEKLA_KV_F16, .profile = true},
        err);
}

/* A session in which one phase has run for a while, after a warm-up. */
static hekla_status measure_layer(
    struct prediction *p, bool prompt, struct hekla_session **out, struct hekla_error *err)
{
    struct hekla_session *warm = NULL;
    hekla_status status = open_session(p, &warm, err);
    status = status ? status : run_layer(p, warm, prompt, err);
    hekla_session_close(warm);
    status = status ? status : open_session(p, out, err);
    double start = clock_now();
    for (int i = 0; i < MOST_ROUNDS && status == HEKLA_OK; i++) {
        status = run_layer(p, *out, prompt, err);
        if (clock_now() - start > LEAST_SECONDS)
            break;
    }
    return status;
}

/* ---- the target's ops ---- */

/* Places the target on the layer's device as if it had all memory in the world. */
static hekla_status place_target(
    struct prediction *p, struct hekla_session *s, struct hekla_error *err)
{
    struct hekla_model *t = p->target;
    size_t n_rules;
    const struct weight_rule *rules = arch_rules(&n_rules);
    t->m.dev = p->layer->m.dev;
    hekla_status status = model_weights_place(&t->m, t->gguf, "the model", rules, n_rules, err);
    s->model = t;
    uint32_t n_ctx = t->m.params.n_ctx_train < CTX ? t->m.params.n_ctx_train : CTX;
    return status ? status
                  : session_place(s,
                        &(struct hekla_session_options){
                            .n_ctx = n_ctx, .n_batch = p->n_prompt, .kv_type = HEKLA_KV_F16},
                        1ull << 45, err);
}

static double size_of(const struct op *op, bool prompt, uint32_t n)
{
    struct op_traffic t = op_traffic(op, n, 0);
    return prompt && t.operations ? (double)t.operations : (double)(t.read + t.written);
}

static const struct hekla_profile_row *find_row(const struct hekla_profile *p, const struct op *op)
{
    const char *kernel = op->kernel == K_copy ? "copy" : kernel_rows[op->kernel].name;
    const char *format = op->quant < 0 ? "-" : quant_types[op->quant].label;
    const struct hekla_profile_row *near = NULL;
    for (size_t i = 0; i < p->n_rows; i++) {
        if (strcmp(p->rows[i].kernel, kernel) != 0)
            continue;
        if (strcmp(p->rows[i].format, format) == 0)
            return &p->rows[i];
        near = near ? near : &p->rows[i]; /* of another format, where the layer has none of it */
    }
    return near;
}

/* Seconds of a step of the target by its ops. */
static double sum_target(
    struct prediction *p, struct hekla_session *s, bool prompt, const struct hekla_profile *rates)
{
    struct op_list list;
    uint32_t n = prompt ? p->n_prompt : 1;
    struct gpu_view logits = s->scratch.logits.view;
    double seconds = 0;
    session_init_list(s, &list, n);
    list.verdicts = p->layer->verdicts;
    arch_build(&p->target->m, &s->scratch, ARCH_LOGITS_LAST, &list);
    logits.size = (uint64_t)p->target->m.params.n_vocab * 4;
    if (!prompt)
        op_sample(&list, logits, s->scores, (struct gpu_view){&s->ring, 0, RING_SIZE * 4},
            p->target->m.params.n_vocab);
    for (uint32_t i = 0; i < list.n; i++) {
        const struct op *op = &list.ops[i];
        const struct hekla_profile_row *row = find_row(rates, op);
        double all = !row                        ? 0
                     : prompt && row->operations ? (double)row->operations
                                                 : (double)row->bytes;
        if (all > 0)
            seconds += size_of(op, prompt, n) * row->seconds / all;
    }
    op_list_free(&list);
    return seconds;
}

/* Seconds of a step: its ops, and what passes between steps. */
static hekla_status predict_phase(struct prediction *p, struct hekla_session *target, bool prompt,
    double *tokens_per_second, struct hekla_error *err)
{
    struct hekla_session *s = NULL;
    struct hekla_profile rates;
    struct hekla_stats stats;
    hekla_status status = measure_layer(p, prompt, &s, err);
    if (status == HEKLA_OK) {
        double in_ops = 0;
        enum hekla_phase phase = prompt ? HEKLA_PROMPT : HEKLA_GENERATION;
        hekla_session_get_profile(s, phase, &rates);
        hekla_session_get_stats(s, &stats);
        for (size_t i = 0; i < rates.n_rows; i++)
            in_ops += rates.rows[i].seconds;
        const struct hekla_phase_stats *wall = prompt ? &stats.prompt : &stats.generation;
        double between = rates.steps ? (wall->seconds - in_ops) / (double)rates.steps : 0;
        double step = sum_target(p, target, prompt, &rates) + (between > 0 ? between : 0);
        *tokens_per_second = rates.n_rows && step > 0 ? (prompt ? p->n_prompt : 1) / step : 0;
    }
    hekla_session_close(s);
    return status;
}

/* ---- memory ---- */

static void predict_memory(
    struct prediction *p, const struct hekla_session *s, struct hekla_prediction *out)
{
    const struct model_params *m = &p->target->m.params;
    uint64_t per = 0;
    for (uint32_t i = 0; i < m->n_layer; i++)
        per += model_kv_elements(m, i);
    uint64_t all = model_store_bytes(s->memory), cache = per * 2 * s->n_ctx;
    uint32_t *const ctx[] = {&out->n_ctx_f16, &out->n_ctx_f32};
    out->weights_bytes = p->target->m.device_bytes;
    out->memory_free_bytes = gpu_memory_available(p->layer->m.dev) + p->layer->m.device_bytes;
    out->working_bytes = all > cache ? all - cache : 0;
    out->position_bytes_f16 = per * 2;
    out->position_bytes_f32 = per * 4;
    uint64_t need = out->weights_bytes + out->working_bytes;
    for (int i = 0; i < 2 && need < out->memory_free_bytes; i++) {
        /* The margin that a session leaves. */
        uint64_t n = (out->memory_free_bytes - need) / 8 * 7 / (per * (i ? 4 : 2));
        *ctx[i] = n < m->n_ctx_train ? (uint32_t)n : m->n_ctx_train;
    }
}

static hekla_status predict(struct prediction *p, const struct hekla_model_options *options,
    struct hekla_prediction *out, struct hekla_error *err)
{
    struct hekla_model_options header = *options;
    struct hekla_session session = {0};
    header.vocab_only = true;
    hekla_status status = hekla_model_open(&p->target, &header, err);
    if (status == HEKLA_OK && !p->target->m.params.n_layer)
        status = hekla_fail(err, HEKLA_UNSUPPORTED,
            "models of this architecture cannot be run, so there is nothing to predict");
    if (status == HEKLA_OK && p->target->m.params.state.taps)
        status = hekla_fail(err, HEKLA_UNSUPPORTED,
            "models with a recurrent state cannot be predicted: only layers of attention are "
            "measured");
    if (status == HEKLA_OK && p->target->info.embeds_only)
        status = hekla_fail(err, HEKLA_UNSUPPORTED,
            "embedding models cannot be predicted: only layers of models that write text are "
            "measured");
    if (status == HEKLA_OK && p->target->m.params.latent.rank)
        status = hekla_fail(err, HEKLA_UNSUPPORTED,
            "models with attention over a latent cannot be predicted: only layers with K and V of "
            "their own are measured");
    status = status ? status : open_layer(p, options, err);
    if (status != HEKLA_OK)
        return status;
    out->device_is_cpu = gpu_device_is_cpu(p->layer->m.dev);
    p->n_prompt = out->device_is_cpu ? PROMPT_CPU : PROMPT_GPU;
    out->n_prompt = p->n_prompt;
    snprintf(out->device, sizeof(out->device), "%s", gpu_device_name(p->layer->m.dev));
    status = place_target(p, &session, err);
    if (status == HEKLA_OK) {
        predict_memory(p, &session, out);
        status = predict_phase(p, &session, false, &out->generation, err);
    }
    status = status ? status : predict_phase(p, &session, true, &out->prompt, err);
    model_store_destroy(session.memory);
    free(session.scratch.kv);
    return status;
}

hekla_status hekla_predict(const struct hekla_model_options *options, struct hekla_prediction *out,
    struct hekla_error *err)
{
    struct prediction p = {0};
    struct hekla_prediction result = {0};
    struct hekla_error local = {0};
    err = err ? err : &local;
    hekla_error_clear(err);
    hekla_status status = predict(&p, options, &result, err);
    if (p.target) {
        model_weights_free(&p.target->m);
        p.target->m.dev = NULL; /* the layer's */
    }
    hekla_model_close(p.target);
    hekla_model_close(p.layer);
    if (status == HEKLA_OK)
        *out = result;
    return status;
}
