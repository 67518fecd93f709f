#include "engine/state.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static hekla_status allocate_and_tune(
    struct hekla_session *s, const struct hekla_session_options *options, struct hekla_error *err)
{
    hekla_status status = session_allocate(s, options, err);
    return status == HEKLA_OK ? session_tune_first(s, err) : status;
}

static hekla_status open_on(
    struct hekla_session *s, const struct hekla_session_options *options, struct hekla_error *err)
{
    struct hekla_model *model = s->model;
    hekla_status status = HEKLA_OK;
    pthread_mutex_lock(&model->lock);
    model->n_sessions++;
    if (!model->m.weights.layers)
        status = hekla_fail(err, HEKLA_DEVICE, "the model was lost with its device");
    else if (options->profile)
        status = session_profile_create(s, err);
    if (status == HEKLA_OK) {
        s->counters_at_open = gpu_device_counters(model->m.dev);
        status = allocate_and_tune(s, options, err);
        if (status == HEKLA_DEVICE && model->n_sessions == 1) {
            session_release(s);
            free(s->tokens);
            s->tokens = NULL;
            status = engine_recover(model, err);
            s->counters_at_open = gpu_device_counters(model->m.dev);
            if (status == HEKLA_OK)
                status = allocate_and_tune(s, options, err);
            if (status != HEKLA_OK)
                status = engine_recover(model, err); /* tells a second loss as such */
        }
    }
    pthread_mutex_unlock(&model->lock);
    return status;
}

hekla_status hekla_session_open(hekla_session **out, hekla_model *model,
    const struct hekla_session_options *options, struct hekla_error *err)
{
    struct hekla_error local = {0};
    err = err ? err : &local;
    hekla_error_clear(err);
    if (!model->m.dev)
        return hekla_fail(err, HEKLA_ARGUMENT, "the model was opened for its vocabulary only");
    if (model->info.embeds_only && !(options && options->embeddings))
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s (%s) is an embedding model, which writes no text: use \"hekla embed\"",
            utf8_label(model->info.name, strlen(model->info.name)).text, model->arch_name);
    struct hekla_session *s = calloc(1, sizeof(*s));
    if (!s)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a session");
    s->model = model;
    hekla_status status = open_on(s, options ? options : &(struct hekla_session_options){0}, err);
    if (status != HEKLA_OK) {
        hekla_session_close(s);
        return status;
    }
    *out = s;
    return HEKLA_OK;
}

void session_drop_plans(struct hekla_session *s)
{
    struct plan **single[] = {&s->sample, &s->decode, &s->fetch};
    for (uint32_t i = 0; i < STEP_SIZES; i++) {
        for (uint32_t k = 0; k < ARCH_LOGITS_KINDS; k++)
            plan_destroy(s->eval[i][k]);
        plan_destroy(s->score[i]);
    }
    memset(s->eval, 0, sizeof(s->eval));
    memset(s->score, 0, sizeof(s->score));
    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
        plan_destroy(*single[i]);
        *single[i] = NULL;
    }
}

void session_release(struct hekla_session *s)
{
    struct gpu_device *dev = s->model->m.dev;
    struct gpu_buffer *buffers[] = {
        &s->step, &s->history, &s->ring, &s->readback, &s->nll_readback};
    session_drop_plans(s);
    model_store_destroy(s->memory);
    s->memory = NULL;
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        gpu_buffer_destroy(dev, buffers[i]);
    free(s->scratch.kv);
    free(s->scratch.state);
    s->scratch.kv = NULL;
    s->scratch.state = NULL;
    s->logits = LOGITS_NONE;
}

void hekla_session_close(hekla_session *s)
{
    if (!s)
        return;
    session_release(s);
    pthread_mutex_lock(&s->model->lock);
    s->model->n_sessions--;
    pthread_mutex_unlock(&s->model->lock);
    session_profile_destroy(s->profile);
    free(s->tokens);
    free(s);
}

uint32_t hekla_session_n_ctx(const hekla_session *s)
{
    return s->n_ctx;
}

uint32_t hekla_session_pos(const hekla_session *s)
{
    return s->pos;
}

void hekla_session_rewind(hekla_session *s, uint32_t pos)
{
    if (pos >= s->pos)
        return;
    s->pos = pos;
    s->logits = LOGITS_NONE;
}

void session_init_list(const struct hekla_session *s, struct op_list *list, uint32_t n_tokens)
{
    *list = (struct op_list){
        .caps = gpu_device_caps(s->model->m.dev),
        .verdicts = s->model->verdicts,
        .tuning = &s->tuning,
        .fast = s->fast,
        .step = {&s->step, 0, sizeof(struct step_args)},
        .history = {&s->history, 0, ((uint64_t)s->n_ctx + 1) * 4},
        .n_tokens = n_tokens,
        .timing = s->profile ? OP_TIMING_ON : OP_TIMING_OFF,
    };
}

hekla_status session_run(struct hekla_session *s, struct plan *plan, struct hekla_error *err)
{
    uint64_t ticket;
    hekla_status status = plan_submit(plan, 1, &ticket, err);
    return status == HEKLA_OK ? gpu_wait(s->model->m.dev, ticket, err) : status;
}

void session_append_fetch(const struct hekla_session *s, struct op_list *list, uint32_t rows)
{
    struct gpu_view from = s->scratch.logits.view;
    from.size = (uint64_t)rows * s->scratch.logits.stride * 4;
    op_copy(list, from, (struct gpu_view){&s->readback, 0, from.size});
}

/* The recorded step for up to sizes[i] tokens. */
static hekla_status find_eval_plan(struct hekla_session *s, uint32_t i, enum arch_logits logits,
    struct plan **out, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    if (!s->eval[i][logits]) {
        struct op_list list;
        session_init_list(s, &list, s->sizes[i]);
        arch_build(&s->model->m, &s->scratch, logits, &list);
        if (logits != ARCH_LOGITS_NONE)
            session_append_fetch(s, &list, logits == ARCH_LOGITS_LAST ? 1 : s->sizes[i]);
        status = plan_create(&s->eval[i][logits], s->model->m.dev, s->model->pipelines, &list, err);
    }
    *out = s->eval[i][logits];
    return status;
}

/* After a step with all logits: reports them, and leaves the newest in row 0. */
static void report_logits(struct hekla_session *s, uint32_t n)
{
    float *rows = s->readback.host;
    uint32_t stride = s->scratch.logits.stride;
    for (uint32_t t = 0; t < n && s->on_logits; t++)
        s->on_logits(s->on_logits_user, s->pos + t, rows + (size_t)t * stride);
    if (n > 1)
        memcpy(rows, rows + (size_t)(n - 1) * stride, (size_t)s->scratch.logits.n * 4);
}

uint32_t session_size_for(const struct hekla_session *s, uint32_t n)
{
    uint32_t i = 0;
    while (s->sizes[i] < n)
        i++;
    return i;
}

/* A display driver ends what takes it too long, so a step should take caps->submit_ms at most: its
 * tokens grow and shrink with the time that the last one took. */
static void adapt(struct hekla_session *s, uint32_t n, double seconds)
{
    double aim = (double)gpu_device_caps(s->model->m.dev)->submit_ms * 1e-3;
    double fits = seconds > 0 ? aim / seconds * n : s->n_batch;
    if (aim <= 0 || s->model->m.params.attention.whole)
        return;
    if (fits < n)
        s->most = fits < 1 ? 1 : (uint32_t)fits;
    else if (n == s->most)
        s->most = fits < 8.0 * n ? (uint32_t)fits : 8 * n;
    s->most = s->most < s->n_batch ? s->most : s->n_batch;
}

hekla_status session_run_step(struct hekla_session *s, struct plan *plan, const hekla_token *tokens,
    uint32_t n, uint32_t n_known, struct hekla_error *err)
{
    *(struct step_args *)s->step.host = (struct step_args){
        .n_tokens = n,
        .pos = s->pos,
        .chunks_x = (s->pos + ATTN_CHUNK) / ATTN_CHUNK,
        .chunks_y = s->model->m.params.head.n_head,
        .chunks_z = 1,
    };
    memcpy((uint32_t *)s->history.host + s->pos, tokens, (size_t)n_known * 4);
    s->written = s->written > s->pos + n ? s->written : s->pos + n;
    session_state_begin(s);
    session_state_unset(s, s->pos + n);
    double start = clock_now();
    hekla_status status = session_run(s, plan, err);
    if (status == HEKLA_OK)
        session_state_set(s, s->pos + n);
    adapt(s, n, clock_now() - start);
    if (status == HEKLA_OK)
        session_profile_add(s, plan, s->phase, n, s->pos);
    if (status == HEKLA_OK)
        memmove(s->tokens + s->pos, tokens, (size_t)n * sizeof(*tokens));
    return status;
}

static hekla_status eval_step(struct hekla_session *s, const hekla_token *tokens, uint32_t n,
    bool last, struct hekla_error *err)
{
    enum arch_logits logits = s->embeddings   ? ARCH_EMBEDDINGS
                              : s->all_logits ? ARCH_LOGITS_ALL
                              : last          ? ARCH_LOGITS_LAST
                                              : ARCH_LOGITS_NONE;
    struct plan *plan;
    hekla_status status = find_eval_plan(s, session_size_for(s, n), logits, &plan, err);
    if (status != HEKLA_OK)
        return status;
    status = session_run_step(s, plan, tokens, n, n, err);
    if (status != HEKLA_OK)
        return status;
    if (s->all_logits)
        report_logits(s, n);
    s->pos += n;
    return HEKLA_OK;
}

hekla_status session_check_tokens(
    const struct hekla_session *s, const hekla_token *tokens, size_t n, struct hekla_error *err)
{
    if (!s->memory)
        return hekla_fail(err, HEKLA_DEVICE, "the session was lost with its device");
    if (n > s->n_ctx - s->pos)
        return hekla_fail(err, HEKLA_ARGUMENT,
            "%zu tokens do not fit: the context has %u positions, and %u are used", n, s->n_ctx,
            s->pos);
    if (s->model->m.params.attention.whole && s->pos > 0 && n > 0)
        return hekla_fail(err, HEKLA_ARGUMENT,
            "tokens of this model see those after them, too: a text is evaluated at once, and not "
            "behind the %u tokens that are there",
            s->pos);
    for (size_t i = 0; i < n; i++)
        if (tokens[i] < 0 || (uint32_t)tokens[i] >= s->model->m.params.n_vocab)
            return hekla_fail(err, HEKLA_ARGUMENT, "token %zu is %d, expected 0 to %u", i,
                tokens[i], s->model->m.params.n_vocab - 1);
    return HEKLA_OK;
}

hekla_status session_append(
    struct hekla_session *s, const hekla_token *tokens, size_t n, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    uint32_t mark = session_state_mark(s, n);
    for (size_t done = 0; done < n && status == HEKLA_OK;) {
        size_t left = (done < mark ? mark : n) - done;
        uint32_t step = left < s->most ? (uint32_t)left : s->most;
        s->logits = LOGITS_NONE;
        status = eval_step(s, tokens + done, step, done + step == n, err);
        done += step;
        if (status == HEKLA_OK && mark && done == mark)
            status = session_state_keep(s, err);
    }
    if (status == HEKLA_OK && n && !s->embeddings)
        s->logits = LOGITS_ON_HOST;
    return status;
}

hekla_status session_refill(struct hekla_session *s, struct hekla_error *err)
{
    uint32_t window = s->model->m.params.attention.window, ring = session_ring(s), n = s->pos;
    void (*on_logits)(void *user, uint32_t pos, const float *logits) = s->on_logits;
    bool overwritten = ring < s->n_ctx && s->written - s->pos > ring - window;
    bool never_held = s->pos < s->kept_from || s->pos - s->kept_from < window;
    never_held &= s->kept_from > 0;
    uint32_t from = 0;
    hekla_status status = HEKLA_OK;
    if (!window || (!overwritten && !never_held))
        status = session_state_recall(s, &from, err);
    else
        s->written = s->kept_from = 0;
    if (status != HEKLA_OK || from == n)
        return status;
    s->on_logits = NULL; /* they were reported */
    s->pos = from;
    status = session_append(s, s->tokens + from, n - from, err);
    s->on_logits = on_logits;
    s->pos = n;
    return status;
}

hekla_status hekla_session_eval(
    hekla_session *s, const hekla_token *tokens, size_t n, struct hekla_error *err)
{
    struct hekla_error local;
    err = err ? err : &local;
    hekla_error_clear(err);
    hekla_status status = session_check_tokens(s, tokens, n, err);
    if (status != HEKLA_OK)
        return status;
    struct session_span span = session_span_begin(s);
    uint32_t first = s->pos;
    status = session_refill(s, err);
    if (status == HEKLA_OK)
        status = session_append(s, tokens, n, err);
    if (status != HEKLA_OK) {
        status = session_recover(s, err);
        if (status == HEKLA_OK)
            status = session_append(s, tokens + (s->pos - first), n - (s->pos - first), err);
        if (status != HEKLA_OK)
            status = session_recover(s, err); /* tells a second loss as such */
    }
    session_span_end(s, HEKLA_PROMPT, &span, n);
    return status;
}

hekla_status hekla_session_sync(
    hekla_session *s, const hekla_token *tokens, size_t n, size_t *reused, struct hekla_error *err)
{
    size_t same = 0;
    hekla_error_clear(err);
    if (n > s->n_ctx)
        return hekla_fail(
            err, HEKLA_ARGUMENT, "%zu tokens do not fit in a context of %u", n, s->n_ctx);
    while (same < n && same < s->pos && s->tokens[same] == tokens[same])
        same++;
    if (s->model->m.params.attention.whole)
        same = 0;
    if (same == n && n)
        same--; /* the logits of the last one are wanted */
    hekla_session_rewind(s, (uint32_t)same);
    if (reused)
        *reused = same;
    return hekla_session_eval(s, tokens + same, n - same, err);
}

hekla_status session_fetch_logits(struct hekla_session *s, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    if (!s->fetch) {
        struct op_list list;
        session_init_list(s, &list, 1);
        session_append_fetch(s, &list, 1);
        status = plan_create(&s->fetch, s->model->m.dev, s->model->pipelines, &list, err);
    }
    if (status == HEKLA_OK)
        status = session_run(s, s->fetch, err);
    if (status == HEKLA_OK)
        s->logits = LOGITS_ON_HOST;
    return status;
}

const float *hekla_session_logits(hekla_session *s)
{
    struct hekla_error err = {0};
    if (s->logits == LOGITS_ON_DEVICE && session_fetch_logits(s, &err) != HEKLA_OK)
        session_recover(s, &err); /* leaves them on the host */
    return s->logits == LOGITS_ON_HOST ? s->readback.host : NULL;
}

void hekla_session_on_logits(
    hekla_session *s, void (*fn)(void *user, uint32_t pos, const float *logits), void *user)
{
    s->on_logits = fn;
    s->on_logits_user = user;
}

void hekla_session_get_stats(const hekla_session *s, struct hekla_stats *out)
{
    struct gpu_counters now = gpu_device_counters(s->model->m.dev);
    const struct gpu_counters *then = &s->counters_at_open;
    *out = s->stats;
    out->submits = now.submits - then->submits;
    out->dispatches = now.dispatches - then->dispatches;
    out->allocations = now.allocations - then->allocations;
    out->pipelines = now.pipelines - then->pipelines;
    out->descriptor_writes = now.descriptor_writes - then->descriptor_writes;
    out->recordings = now.recordings - then->recordings;
    out->device_bytes = s->memory ? model_store_bytes(s->memory) : 0;
}
