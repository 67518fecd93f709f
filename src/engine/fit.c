/* What a model takes on a device: everything is placed as for loading, and nothing allocated. */
#include "engine/engine.h"

#include "arch/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Left to the driver and to everybody else. */
#define MARGIN (64ull << 20)

struct fit {
    const struct hekla_fit_options *options;
    struct hekla_model *model;
    struct hekla_fit *out;
    void *directory; /* of a shape */
};

static hekla_status fail_shape(const char *text, struct hekla_error *err)
{
    char shapes[200] = "", types[200] = "";
    const struct arch_shape *shape;
    const struct arch_mix *mix;
    for (size_t i = 0; (shape = arch_shape_at(i)); i++)
        snprintf(shapes + strlen(shapes), sizeof(shapes) - strlen(shapes), " %s", shape->name);
    for (size_t i = 0; (mix = arch_mix_at(i)); i++)
        snprintf(types + strlen(types), sizeof(types) - strlen(types), " %s", mix->name);
    return hekla_fail(err, HEKLA_ARGUMENT,
        "\"%.60s\": expected SHAPE:TYPE with SHAPE one of%s and TYPE one of%s", text, shapes,
        types);
}

/* A model that has a directory of tensors, and no file. */
static hekla_status open_shape(struct fit *f, const char *text, struct hekla_error *err)
{
    size_t n = strcspn(text, ":");
    const struct arch_shape *shape = arch_shape_find(text, n);
    const struct arch_mix *mix = text[n] ? arch_mix_find(text + n + 1, strlen(text + n + 1)) : NULL;
    uint64_t size;
    if (!shape || !mix)
        return fail_shape(text, err);
    f->model = calloc(1, sizeof(*f->model));
    f->directory = arch_shape_directory(shape, mix, &size);
    if (!f->model || !f->directory)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    pthread_mutex_init(&f->model->lock, NULL);
    f->model->arch = &arch_llama;
    f->model->m.params = arch_shape_params(shape);
    return gguf_open_memory(&f->model->gguf, f->directory, size, text, quant_file_bytes, err);
}

static hekla_status open_model(struct fit *f, struct hekla_error *err)
{
    const struct hekla_fit_options *o = f->options;
    const char *file = o->path ? o->path : "the built-in model";
    size_t n_rules;
    const struct weight_rule *rules = arch_rules(&n_rules);
    hekla_status status =
        o->shape ? open_shape(f, o->shape, err)
                 : hekla_model_open(&f->model,
                       &(struct hekla_model_options){.path = o->path, .vocab_only = true}, err);
    if (status == HEKLA_OK && !f->model->arch)
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: its architecture is not supported, so what it takes is not known", file);
    if (status == HEKLA_OK)
        status = gpu_device_open(&f->model->m.dev, o->device, o->caps, err);
    if (status == HEKLA_OK)
        status = model_weights_place(
            &f->model->m, f->model->gguf, o->shape ? o->shape : file, rules, n_rules, err);
    return status;
}

static struct hekla_session_options options_of(const struct fit *f, uint32_t n_ctx)
{
    bool embeds = f->model->info.embeds_only;
    return (struct hekla_session_options){.n_ctx = n_ctx,
        .kv_type = embeds ? HEKLA_KV_AUTO : f->options->kv_type,
        .embeddings = embeds};
}

/* Bytes of a session, or 0 if it does not fit beside the weights. */
static uint64_t session_bytes(const struct fit *f, uint32_t n_ctx, uint64_t memory, uint64_t *kv)
{
    struct hekla_session s = {.model = f->model};
    uint64_t weights = f->model->m.device_bytes + MARGIN, bytes = 0;
    struct hekla_session_options options = options_of(f, n_ctx);
    if (weights < memory && session_place(&s, &options, memory - weights, NULL) == HEKLA_OK) {
        bytes = model_store_bytes(s.memory);
        *kv = 0;
        for (uint32_t i = 0; i < session_kv_layers(&s); i++)
            *kv += s.scratch.kv[i].k.size + s.scratch.kv[i].v.size +
                   (s.scratch.state ? s.scratch.state[i].view.size : 0);
    }
    model_store_destroy(s.memory);
    free(s.scratch.kv);
    free(s.scratch.state);
    return weights + bytes <= memory ? bytes : 0;
}

static uint32_t longest_context(const struct fit *f)
{
    uint32_t low = 0, high = f->model->m.params.n_ctx_train;
    uint64_t kv;
    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        if (session_bytes(f, middle, f->out->memory, &kv))
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static hekla_status measure(struct fit *f, struct hekla_error *err)
{
    const struct hekla_fit_options *o = f->options;
    const struct model_params *p = &f->model->m.params;
    struct hekla_fit *out = f->out;
    *out = (struct hekla_fit){.weights = f->model->m.device_bytes,
        .memory = o->memory ? o->memory : gpu_memory_available(f->model->m.dev),
        .n_ctx = o->n_ctx ? o->n_ctx : p->n_ctx_train,
        .embeds_only = f->model->info.embeds_only};
    snprintf(out->device, sizeof(out->device), "%s", gpu_device_name(f->model->m.dev));
    /* Checked as for a session, in as much memory as may be needed. */
    struct hekla_session s = {.model = f->model};
    struct hekla_session_options options = options_of(f, o->n_ctx);
    hekla_status status = session_place(&s, &options, UINT64_MAX / 2, err);
    model_store_destroy(s.memory);
    free(s.scratch.kv);
    free(s.scratch.state);
    if (status != HEKLA_OK)
        return status;
    out->n_ctx = s.n_ctx;
    uint64_t all = session_bytes(f, out->n_ctx, UINT64_MAX / 2, &out->kv);
    out->scratch = all - out->kv;
    out->fits = session_bytes(f, out->n_ctx, out->memory, &out->kv) > 0;
    out->most_ctx = longest_context(f);
    return HEKLA_OK;
}

hekla_status hekla_fit(
    const struct hekla_fit_options *options, struct hekla_fit *out, struct hekla_error *err)
{
    struct hekla_error local = {0};
    struct hekla_fit result;
    struct fit f = {.options = options, .out = &result};
    err = err ? err : &local;
    hekla_error_clear(err);
    hekla_status status = open_model(&f, err);
    if (status == HEKLA_OK)
        status = measure(&f, err);
    if (status == HEKLA_OK)
        *out = result;
    hekla_model_close(f.model);
    free(f.directory);
    return status;
}
