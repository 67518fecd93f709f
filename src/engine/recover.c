/*
 * After a lost device: it is opened again, and everything on it made again from what the host has:
 * weights from the file, the KV cache from the session's tokens. Exact numerics make it the same.
 */
#include "engine/engine.h"

#include <stdlib.h>

/* Frees what the lost device holds, before as much is wanted of the new one. */
static hekla_status reopen(struct hekla_model *model, struct hekla_error *err)
{
    struct gpu_device *dev = NULL;
    const char *id = gpu_device_identity(model->m.dev)->short_id;
    model_weights_free(&model->m);
    plan_pipelines_destroy(model->pipelines);
    model->pipelines = NULL;
    hekla_status status = gpu_device_open(&dev, id, *model->caps ? model->caps : NULL, err);
    if (status != HEKLA_OK)
        return status;
    gpu_device_close(model->m.dev);
    model->m.dev = dev;
    status = engine_load(model, err);
    if (status != HEKLA_OK)
        model_weights_free(&model->m);
    return status;
}

hekla_status engine_recover(struct hekla_model *model, struct hekla_error *err)
{
    const struct hekla_error lost = *err;
    const char *name = model->info.device;
    if (!gpu_device_is_lost(model->m.dev))
        return lost.code;
    name = *name ? name : gpu_device_name(model->m.dev);
    hekla_error_clear(err);
    if (model->recovered)
        return hekla_fail(err, HEKLA_DEVICE,
            "%s was lost a second time (%s): its driver, its memory or its power supply may be "
            "faulty",
            name, lost.text);
    model->recovered = true;
    engine_notice(model, HEKLA_NOTICE_WARNING,
        "%s was lost (%s): it is opened again, and what it held is computed again", name,
        lost.text);
    hekla_status status = reopen(model, err);
    if (status == HEKLA_OK)
        return HEKLA_OK;
    const struct hekla_error again = *err;
    bool lost_again = gpu_device_is_lost(model->m.dev) && again.code == HEKLA_DEVICE;
    hekla_error_clear(err);
    return hekla_fail(err, again.code, "%s was lost%s: %s", name,
        lost_again ? " a second time" : ", and cannot be used again", again.text);
}

/* Buffers, and the tokens on the device, as they were. */
static hekla_status restore(struct hekla_session *s, struct hekla_error *err)
{
    hekla_token *tokens = s->tokens;
    uint32_t n = s->pos;
    void (*on_logits)(void *user, uint32_t pos, const float *logits) = s->on_logits;
    hekla_status status = session_allocate(s,
        &(struct hekla_session_options){
            .n_ctx = s->n_ctx,
            .n_batch = s->n_batch,
            .kv_type = (enum hekla_kv_type)(s->kv_type - KV_TYPE_F32 + HEKLA_KV_F32),
            .all_logits = s->all_logits,
            .embeddings = s->embeddings,
            .numerics = s->fast ? HEKLA_NUMERICS_FAST : HEKLA_NUMERICS_EXACT,
        },
        err);
    if (s->tokens != tokens)
        free(s->tokens);
    s->tokens = tokens;
    s->counters_at_open = gpu_device_counters(s->model->m.dev);
    s->on_logits = NULL; /* they were reported */
    s->pos = s->written = s->kept_from = 0;
    if (status == HEKLA_OK)
        status = session_append(s, tokens, n, err);
    s->on_logits = on_logits;
    s->pos = n;
    return status;
}

hekla_status session_recover(struct hekla_session *s, struct hekla_error *err)
{
    struct hekla_model *model = s->model;
    hekla_status status = err->code;
    if (!gpu_device_is_lost(model->m.dev))
        return status;
    pthread_mutex_lock(&model->lock);
    if (model->n_sessions == 1) {
        session_release(s);
        status = engine_recover(model, err);
        if (status == HEKLA_OK)
            status = restore(s, err);
        if (status != HEKLA_OK) {
            /* A second loss meanwhile is told as such. */
            if (model->m.weights.layers)
                status = engine_recover(model, err);
            session_release(s);
        }
    }
    pthread_mutex_unlock(&model->lock);
    return status;
}
