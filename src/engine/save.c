/* A session in a file, and back. */
#include "base/checksum.h"
#include "base/le.h"
#include "base/mapfile.h"
#include "base/outfile.h"
#include "base/utf8.h"
#include "engine/kv.h"
#include "engine/session_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SHOWN = 200 };

static struct session_file describe(const struct hekla_session *s)
{
    const struct model_params *p = &s->model->m.params;
    struct session_file f = {
        .model = s->model->identity,
        .kv_type = s->kv_type,
        .n_layer = p->n_layer,
        .n_vocab = p->n_vocab,
        .window = p->attention.window,
        .n_ctx = s->n_ctx,
        .n_tokens = s->pos,
        .local_first = session_local_first(s),
        .n_state = session_state_saved(s, s->pos),
        .flags = (s->logits == LOGITS_ON_HOST ? SESSION_HAS_LOGITS : 0) |
                 (s->scratch.short_context ? SESSION_SHORT_ROTATIONS : 0) |
                 (s->fast ? SESSION_FAST : 0) | (model_value_first(p) ? SESSION_KEYS_ALONE : 0),
    };
    for (uint32_t i = 0; i < p->n_layer; i++) {
        bool local = session_layer_is_local(s, i);
        f.n_local += local;
        *(local ? &f.width_local : &f.width) += (uint32_t)model_dim(p, DIM_KV, i);
    }
    snprintf(f.model_name, sizeof(f.model_name), "%.64s", s->model->info.name);
    f.model_name[utf8_check(f.model_name, strlen(f.model_name))] = 0; /* cut inside one */
    return f;
}

struct writer {
    struct outfile *file;
    uint64_t at;
    struct checksum sum;
};

static hekla_status write_part(
    void *user, const void *data, uint64_t bytes, struct hekla_error *err)
{
    struct writer *w = user;
    hekla_status status = outfile_write(w->file, w->at, data, bytes, err);
    if (status == HEKLA_OK && bytes)
        checksum_add(&w->sum, data, (size_t)bytes);
    w->at += bytes;
    return status;
}

static hekla_status write_parts(struct hekla_session *s, const struct session_file *f,
    struct writer *w, const void *note, struct hekla_error *err)
{
    uint8_t head[SESSION_HEAD_BYTES], end[8];
    session_file_put_head(f, head);
    hekla_status status = outfile_reserve(w->file, f->end, err);
    if (status == HEKLA_OK)
        status = write_part(w, head, sizeof(head), err);
    if (status == HEKLA_OK)
        status = write_part(w, s->tokens, 4ull * f->n_tokens, err);
    if (status == HEKLA_OK && f->flags & SESSION_HAS_LOGITS)
        status = write_part(w, s->readback.host, 4ull * f->n_vocab, err);
    if (status == HEKLA_OK)
        status = session_kv_save(s, write_part, w, err);
    if (status == HEKLA_OK)
        status = session_state_save(s, write_part, w, err);
    if (status == HEKLA_OK)
        status = write_part(w, note, f->n_note, err);
    for (int i = 0; i < 8; i++)
        end[i] = (uint8_t)(checksum_of(&w->sum) >> 8 * i);
    return status == HEKLA_OK ? write_part(w, end, sizeof(end), err) : status;
}

static hekla_status save(struct hekla_session *s, const char *path, const void *note, size_t n_note,
    struct hekla_error *err)
{
    struct outfile file;
    hekla_status status = session_refill(s, err);
    if (status == HEKLA_OK && s->logits == LOGITS_ON_DEVICE)
        status = session_fetch_logits(s, err);
    if (status != HEKLA_OK)
        return status;
    struct session_file f = describe(s);
    f.n_note = n_note;
    if (!session_file_place(&f))
        return hekla_fail(err, HEKLA_ARGUMENT, "the note is larger than any file");
    status = outfile_open(&file, path, err);
    if (status != HEKLA_OK)
        return status;
    struct writer w = {.file = &file};
    status = write_parts(s, &f, &w, note, err);
    if (status == HEKLA_OK)
        status = outfile_sync(&file, err);
    if (status == HEKLA_OK)
        return outfile_commit(&file, err);
    outfile_abandon(&file);
    return status;
}

/* Nothing could go on from there. */
static hekla_status fail_encoder(struct hekla_error *err)
{
    return hekla_fail(
        err, HEKLA_UNSUPPORTED, "sessions of embedding models are not saved: they keep nothing");
}

hekla_status hekla_session_save(
    hekla_session *s, const char *path, const void *note, size_t n_note, struct hekla_error *err)
{
    struct hekla_error local;
    err = err ? err : &local;
    hekla_error_clear(err);
    if (!s->memory)
        return hekla_fail(err, HEKLA_DEVICE, "the session was lost with its device");
    if (s->model->info.embeds_only)
        return fail_encoder(err);
    hekla_status status = save(s, path, note, n_note, err);
    if (status == HEKLA_DEVICE) {
        status = session_recover(s, err);
        if (status == HEKLA_OK)
            status = save(s, path, note, n_note, err);
    }
    return status;
}

static const char *kv_type_name(uint32_t type)
{
    static const char *const names[] = {"f32", "f16", "q8_0", "q4_0"};
    return names[type];
}

/* Whether what the file holds is what this session would have computed. */
static hekla_status check_match(const struct hekla_session *s, const struct session_file *f,
    const char *name, struct hekla_error *err)
{
    struct session_file own = describe(s);
    if (f->model != own.model)
        return hekla_fail(err, HEKLA_ARGUMENT, "%s: saved with another model: %s, not %s", name,
            utf8_label(f->model_name, strlen(f->model_name)).text,
            strcmp(f->model_name, own.model_name) ? own.model_name : "this one of the same name");
    if (f->n_layer != own.n_layer || f->n_local != own.n_local || f->width != own.width ||
        f->width_local != own.width_local || f->n_vocab != own.n_vocab || f->window != own.window ||
        f->n_state != session_state_saved(s, f->n_tokens) ||
        (f->flags ^ own.flags) & SESSION_KEYS_ALONE)
        return hekla_fail(
            err, HEKLA_FORMAT, "%s: damaged: its cache has not the shape of its model's", name);
    if (f->kv_type != own.kv_type)
        return hekla_fail(err, HEKLA_ARGUMENT,
            "%s: saved with a KV cache of type %s, and this session has one of type %s", name,
            kv_type_name(f->kv_type), kv_type_name(own.kv_type));
    if (f->flags & SESSION_FAST && !s->fast)
        return hekla_fail(err, HEKLA_ARGUMENT,
            "%s: saved with fast numerics, and this session has exact ones: ask for --numerics "
            "fast",
            name);
    if (f->n_tokens > s->n_ctx)
        return hekla_fail(err, HEKLA_ARGUMENT,
            "%s: its %u tokens do not fit in a context of %u: ask for a larger one (-c)", name,
            f->n_tokens, s->n_ctx);
    if ((f->flags ^ own.flags) & SESSION_SHORT_ROTATIONS)
        return hekla_fail(err, HEKLA_ARGUMENT,
            "%s: saved with a context of %u, and this model marks positions in another way for %u",
            name, f->n_ctx, s->n_ctx);
    if (f->local_first && f->n_tokens - f->local_first < f->window)
        return hekla_fail(err, HEKLA_FORMAT, "%s: damaged: it holds no whole window", name);
    return HEKLA_OK;
}

/* Row 0 of the logits, where the device's sampler finds them. */
static hekla_status put_logits(
    struct hekla_session *s, const uint8_t *logits, struct hekla_error *err)
{
    struct gpu_view to = s->scratch.logits.view;
    uint32_t bytes = 4 * s->model->m.params.n_vocab;
    struct op_list list;
    struct plan *plan = NULL;
    session_init_list(s, &list, 1);
    list.timing = OP_TIMING_OFF;
    to.size = bytes;
    memcpy(s->readback.host, logits, bytes);
    op_copy(&list, (struct gpu_view){&s->readback, 0, bytes}, to);
    hekla_status status = plan_create(&plan, s->model->m.dev, s->model->pipelines, &list, err);
    if (status == HEKLA_OK)
        status = session_run(s, plan, err);
    plan_destroy(plan);
    if (status == HEKLA_OK)
        s->logits = LOGITS_ON_HOST;
    return status;
}

static hekla_status take(struct hekla_session *s, const struct session_file *f, const uint8_t *data,
    struct hekla_error *err)
{
    s->logits = LOGITS_NONE;
    for (uint32_t i = 0; i < f->n_tokens; i++)
        s->tokens[i] = (hekla_token)le_u32(data + SESSION_HEAD_BYTES + 4ull * i);
    memcpy(s->history.host, s->tokens, 4ull * f->n_tokens);
    s->pos = s->written = f->n_tokens;
    s->kept_from = f->local_first;
    s->kept_from = session_local_first(s);
    hekla_status status = session_kv_restore(s, data + f->cache, f->local_first, err);
    if (status == HEKLA_OK)
        status = session_state_restore(s, data + f->state, err);
    if (status == HEKLA_OK && f->flags & SESSION_HAS_LOGITS)
        status = put_logits(s, data + f->logits, err);
    return status;
}

static hekla_status restore(struct hekla_session *s, const struct mapfile *m, const char *path,
    void **note, size_t *n_note, struct hekla_error *err)
{
    const char *name = utf8_tail(path, PATH_SHOWN);
    struct session_file f;
    uint8_t *copy = NULL;
    hekla_status status = session_file_read(&f, m->data, m->size, name, err);
    if (status == HEKLA_OK)
        status = check_match(s, &f, name, err);
    if (status == HEKLA_OK && note) {
        copy = malloc((size_t)f.n_note + 1);
        if (!copy)
            return hekla_fail(err, HEKLA_MEMORY, "%s: not enough host memory for its note", name);
        memcpy(copy, m->data + f.note, (size_t)f.n_note);
        copy[f.n_note] = 0;
    }
    if (status == HEKLA_OK) {
        status = take(s, &f, m->data, err);
        if (status == HEKLA_DEVICE)
            status = session_recover(s, err); /* computes again what the tokens give */
        if (status == HEKLA_OK)
            status = mapfile_check_unchanged(m, path, err);
        if (status != HEKLA_OK)
            hekla_session_rewind(s, 0);
    }
    if (status != HEKLA_OK || !note) {
        free(copy);
        return status;
    }
    *note = copy;
    *n_note = (size_t)f.n_note;
    return HEKLA_OK;
}

hekla_status hekla_session_restore(
    hekla_session *s, const char *path, void **note, size_t *n_note, struct hekla_error *err)
{
    struct hekla_error local;
    struct mapfile m;
    err = err ? err : &local;
    hekla_error_clear(err);
    if (!s->memory)
        return hekla_fail(err, HEKLA_DEVICE, "the session was lost with its device");
    if (s->model->info.embeds_only)
        return fail_encoder(err);
    hekla_status status = mapfile_open(&m, path, err);
    if (status != HEKLA_OK)
        return status;
    status = restore(s, &m, path, note, n_note, err);
    mapfile_close(&m);
    return status;
}
