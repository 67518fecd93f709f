#include "engine/engine.h"

#include "selftest/kept.h"
#include "selftest/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const uint8_t hekla_builtin_model[], hekla_builtin_model_end[];

hekla_status hekla_device_list(
    struct hekla_device_info *out, size_t cap, size_t *count, struct hekla_error *err)
{
    hekla_error_clear(err);
    return gpu_list(out, cap, count, err);
}

static const char *commonest_type(const struct gguf *g)
{
    uint64_t bytes[64] = {0};
    uint32_t best = 0;
    for (uint64_t i = 0; i < g->n_tensors; i++)
        if (g->tensors[i].type < 64)
            bytes[g->tensors[i].type] += g->tensors[i].n_bytes;
    for (uint32_t t = 1; t < 64; t++)
        if (bytes[t] > bytes[best])
            best = t;
    const char *name = quant_file_type_name(best);
    return name ? name : "?";
}

static void copy_text(char *out, size_t size, const char *data, uint64_t n)
{
    snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), data);
}

static hekla_status read_info(struct hekla_model *model, const char *file, struct hekla_error *err)
{
    struct hekla_model_info *info = &model->info;
    const struct model_params *p = &model->m.params;
    const struct gguf *g = model->gguf;
    struct gguf_string name;
    hekla_status status = gguf_get_string(g, "general.name", false, &name, err);
    if (status != HEKLA_OK)
        return status;
    const char *slash = strrchr(file, '/');
    const char *base = slash ? slash + 1 : file;
    copy_text(info->name, sizeof(info->name), name.data ? name.data : base,
        name.data ? name.n : strlen(base));
    struct gguf_string architecture;
    status = gguf_get_string(g, "general.architecture", !g->make, &architecture, err);
    if (status != HEKLA_OK)
        return status;
    if (architecture.data)
        copy_text(
            info->architecture, sizeof(info->architecture), architecture.data, architecture.n);
    else
        snprintf(info->architecture, sizeof(info->architecture), "%s", model->arch_name);
    snprintf(info->type_name, sizeof(info->type_name), "%s", commonest_type(g));
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        info->n_params += g->tensors[i].n_elements;
        info->file_bytes += g->tensors[i].n_bytes;
    }
    info->pooling = engine_pooling(g, info->architecture);
    info->embeds_only = p->attention.whole;
    info->n_vocab = p->n_vocab;
    info->n_ctx_train = p->n_ctx_train;
    info->n_embd = p->n_embd;
    info->n_layer = p->n_layer;
    info->n_head = p->head.n_head;
    info->n_head_kv = p->head.n_head_kv;
    info->head_dim = p->head.head_dim;
    info->n_ff = p->n_ff;
    info->window = p->attention.window;
    for (uint32_t i = 0; i < p->n_layer; i++)
        if (!(p->layers[i] & LAYER_STATE))
            *(p->layers[i] & LAYER_LOCAL ? &info->kv_elements_window : &info->kv_elements) +=
                model_kv_elements(p, i);
    uint32_t file_type;
    status = gguf_get_u32(g, "general.file_type", false, UINT32_MAX, &file_type, err);
    info->file_type = file_type < 1024 ? (int32_t)file_type : -1;
    if (status != HEKLA_OK || !model->tokenizer)
        return status;
    info->add_bos = tokenizer_add_bos(model->tokenizer);
    info->bos = tokenizer_bos(model->tokenizer);
    info->eos = tokenizer_eos(model->tokenizer);
    info->eot = tokenizer_eot(model->tokenizer);
    return HEKLA_OK;
}

/* For its vocabulary alone a file may be of any architecture, or tell nothing about its layers. */
static hekla_status read_arch(
    struct hekla_model *model, const char *file, bool vocab_only, struct hekla_error *err)
{
    struct hekla_error why = {0};
    hekla_status status = arch_find(&model->arch, &model->arch_name, model->gguf, file, &why);
    bool lenient = vocab_only && (status == HEKLA_UNSUPPORTED || model->gguf->n_tensors == 0);
    if (status == HEKLA_OK)
        status = arch_read_params(
            model->arch, model->arch_name, model->gguf, file, &model->m.params, &why);
    if (status == HEKLA_OK)
        return HEKLA_OK;
    if (!lenient)
        return hekla_fail(err, status, "%s", why.text);
    model->m.params = (struct model_params){0};
    return HEKLA_OK;
}

/* Everything but the text: the vocabulary has a size, and special tokens where mkmodel puts them.
 */
hekla_status engine_open_synthetic(
    struct hekla_model *model, const char *name, struct hekla_error *err)
{
    struct arch_synthetic *s = &model->synthetic;
    struct hekla_model_info *info = &model->info;
    uint64_t size;
    model->directory = arch_shape_directory(&s->shape, s->mix, &size);
    if (!model->directory)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    hekla_status status =
        gguf_open_memory(&model->gguf, model->directory, size, name, quant_file_bytes, err);
    if (status != HEKLA_OK)
        return status;
    model->gguf->make = arch_synthetic_make;
    model->gguf->make_user = s;
    model->arch = &arch_llama;
    model->arch_name = "llama";
    model->m.params = arch_shape_params(&s->shape);
    status = read_info(model, name, err);
    info->file_type = (int32_t)s->mix->file_type;
    info->add_bos = true;
    info->bos = (hekla_token)s->shape.vocab - 256;
    info->eos = info->bos + 1;
    info->eot = info->bos + 4;
    return status;
}

static hekla_status open_header(struct hekla_model *model, const char *path, const char *file,
    bool vocab_only, struct hekla_error *err)
{
    hekla_status status = path ? gguf_open(&model->gguf, path, quant_file_bytes, err)
                               : gguf_open_memory(&model->gguf, hekla_builtin_model,
                                     (uint64_t)(hekla_builtin_model_end - hekla_builtin_model),
                                     file, quant_file_bytes, err);
    if (status == HEKLA_OK)
        status = read_arch(model, file, vocab_only, err);
    if (status == HEKLA_OK)
        status = tokenizer_create(&model->tokenizer, model->gguf, err);
    if (status != HEKLA_OK)
        return status;
    model->m.params.n_vocab = tokenizer_vocab_size(model->tokenizer);
    status = read_info(model, file, err);
    return status == HEKLA_OK ? engine_read_sampling(model, file, err) : status;
}

/* One file a device: another build's is of no use any more. */
static void remember_pipelines(struct hekla_model *model)
{
    char path[SELFTEST_PATH];
    const char *folder = model->proof.folder;
    if (!folder || gpu_device_is_ref(model->m.dev))
        return;
    int n = snprintf(path, sizeof(path), "%s/pipelines-%s-%u.bin", folder,
        gpu_device_identity(model->m.dev)->uuid, gpu_device_identity(model->m.dev)->driver_id);
    if (n > 0 && n < SELFTEST_PATH)
        gpu_pipelines_remember(model->m.dev, path, kept_key(model->m.dev));
}

hekla_status engine_load(struct hekla_model *model, struct hekla_error *err)
{
    remember_pipelines(model);
    hekla_status status =
        plan_pipelines_create(&model->pipelines, model->m.dev, model->verdicts, err);
    size_t n_rules;
    const struct weight_rule *rules = arch_rules(&n_rules);
    if (status == HEKLA_OK)
        status = model_weights_load(
            &model->m, model->gguf, model->file, rules, n_rules, model->progress, err);
    return status == HEKLA_OK ? arch_check(&model->m, model->file, err) : status;
}

static char *copy_of(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

hekla_status engine_open_weights(struct hekla_model *model,
    const struct hekla_model_options *options, const char *file, bool prove,
    struct hekla_error *err)
{
    model->notice = options->notice;
    model->notice_user = options->notice_user;
    model->progress = (struct model_progress){options->progress, options->progress_user};
    model->file = copy_of(file);
    model->caps = copy_of(options->caps ? options->caps : "");
    if (!model->file || !model->caps)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    hekla_status status = gpu_device_open(&model->m.dev, options->device, options->caps, err);
    if (status == HEKLA_OK && prove)
        status = engine_prove_begin(model, &options->proof, err);
    if (status == HEKLA_OK) /* a session may ask for another cache, and prove that */
        status = engine_prove(model, session_default_kv(model), false, err);
    if (status != HEKLA_OK)
        return status;
    status = engine_load(model, err);
    if (status != HEKLA_OK)
        status = engine_recover(model, err);
    model->progress = (struct model_progress){0}; /* loading again later is nothing to watch */
    if (status == HEKLA_OK)
        status = engine_identify(model, err);
    if (status != HEKLA_OK)
        return status;
    model->info.device_bytes = model->m.device_bytes;
    model->info.decode_bytes = model_decode_bytes(&model->m);
    snprintf(model->info.device, sizeof(model->info.device), "%s", gpu_device_name(model->m.dev));
    model->info.device_is_cpu = gpu_device_is_cpu(model->m.dev);
    return HEKLA_OK;
}

struct hekla_model *engine_create(struct hekla_error *err)
{
    struct hekla_model *model = calloc(1, sizeof(*model));
    if (model)
        pthread_mutex_init(&model->lock, NULL);
    else
        hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    return model;
}

static hekla_status open_named(struct hekla_model *model, const char *name, struct hekla_error *err)
{
    hekla_status status = arch_synthetic_find(&model->synthetic, name, err);
    return status == HEKLA_OK ? engine_open_synthetic(model, name, err) : status;
}

hekla_status hekla_model_open(
    hekla_model **out, const struct hekla_model_options *options, struct hekla_error *err)
{
    return engine_open(out, options, true, err);
}

hekla_status engine_open(hekla_model **out, const struct hekla_model_options *options, bool prove,
    struct hekla_error *err)
{
    const struct hekla_model_options defaults = {0};
    const struct hekla_model_options *o = options ? options : &defaults;
    const char *made = o->path ? NULL : o->synthetic;
    const char *file = o->path ? o->path : made ? made : "the built-in model";
    struct hekla_error local = {0}; /* rooms rely on the first message winning */
    err = err ? err : &local;
    hekla_error_clear(err);
    struct hekla_model *model = engine_create(err);
    if (!model)
        return HEKLA_MEMORY;
    hekla_status status =
        made ? open_named(model, made, err) : open_header(model, o->path, file, o->vocab_only, err);
    const char *warning = model->tokenizer ? tokenizer_warning(model->tokenizer) : NULL;
    if (status == HEKLA_OK && o->notice && warning)
        o->notice(o->notice_user, HEKLA_NOTICE_WARNING, warning);
    if (status == HEKLA_OK && !o->vocab_only)
        status = engine_open_weights(model, o, file, prove, err);
    if (status != HEKLA_OK) {
        hekla_model_close(model);
        return status;
    }
    *out = model;
    return HEKLA_OK;
}

void hekla_model_close(hekla_model *model)
{
    if (!model)
        return;
    model_weights_free(&model->m);
    plan_pipelines_destroy(model->pipelines);
    gpu_device_close(model->m.dev);
    pthread_mutex_destroy(&model->lock);
    free(model->verdicts);
    free((char *)model->proof.folder);
    free((char *)model->proof.helper);
    free(model->file);
    free(model->caps);
    free(model->samplers);
    tokenizer_destroy(model->tokenizer);
    gguf_close(model->gguf);
    free(model->directory);
    free(model);
}

void hekla_model_get_info(const hekla_model *model, struct hekla_model_info *out)
{
    *out = model->info;
}

/* ---- text: the tokenizer's functions under their public names ---- */

hekla_status hekla_tokenize(const hekla_model *model, const char *text, size_t n, uint32_t flags,
    hekla_token *tokens, size_t cap, size_t *count, struct hekla_error *err)
{
    hekla_error_clear(err);
    if (!model->tokenizer)
        return hekla_fail(err, HEKLA_UNSUPPORTED, "a synthetic model has no vocabulary for text");
    return tokenizer_encode(model->tokenizer, text, n, flags, tokens, cap, count, err);
}

size_t hekla_token_bytes(
    const hekla_model *model, hekla_token token, bool special, char *out, size_t cap)
{
    return model->tokenizer ? tokenizer_bytes(model->tokenizer, token, special, out, cap) : 0;
}

size_t hekla_text_stream_add(const hekla_model *model, struct hekla_text_stream *stream,
    hekla_token token, bool special, char *out, size_t cap)
{
    return model->tokenizer ? tokenizer_stream(model->tokenizer, stream, token, special, out, cap)
                            : 0;
}

bool hekla_token_is_end(const hekla_model *model, hekla_token token)
{
    return model->tokenizer ? tokenizer_is_end(model->tokenizer, token)
                            : token == model->info.eos || token == model->info.eot;
}

static hekla_status fail_no_chat(struct hekla_error *err)
{
    return hekla_fail(err, HEKLA_UNSUPPORTED, "a synthetic model has no chat format");
}

hekla_status hekla_chat_format(const hekla_model *model, const struct hekla_message *messages,
    size_t n, bool add_assistant, char **text, struct hekla_error *err)
{
    hekla_error_clear(err);
    if (!model->tokenizer)
        return fail_no_chat(err);
    return chat_format(model->tokenizer, messages, n,
        &(struct hekla_chat_options){.no_answer = !add_assistant}, text, err);
}

hekla_status hekla_chat_format_with(const hekla_model *model, const struct hekla_message *messages,
    size_t n, const struct hekla_chat_options *options, char **text, struct hekla_error *err)
{
    hekla_error_clear(err);
    if (!model->tokenizer)
        return fail_no_chat(err);
    return chat_format(model->tokenizer, messages, n, options, text, err);
}

hekla_status hekla_chat_format_json(const hekla_model *model, const char *messages,
    const struct hekla_chat_options *options, char **text, struct hekla_error *err)
{
    hekla_error_clear(err);
    if (!model->tokenizer)
        return fail_no_chat(err);
    return chat_format_json(model->tokenizer, messages, options, text, err);
}
