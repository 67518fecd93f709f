/*
 * Generation. The device samples, writes the token where the next step reads it, and advances its
 * own position, so the host only submits recorded steps ahead and reads token ids from a ring.
 * Chains that the device cannot do are drawn on the host from its logits, one step at a time; so is
 * a token after one that the grammar refused (sampling.c).
 */
#include "engine/state.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define MOST_AHEAD 8u

struct run {
    struct hekla_session *s;
    struct session_sampling *sampling;
    uint32_t first; /* position of the first generated token */
    uint32_t limit; /* tokens at most */
    uint32_t submitted, received, ahead;
    bool stopped; /* by the callback, an end token, or a complete text */
    uint64_t tickets[RING_SIZE];
};

static hekla_status record_plans(struct hekla_session *s, struct hekla_error *err)
{
    struct gpu_device *dev = s->model->m.dev;
    uint32_t n_vocab = s->model->m.params.n_vocab;
    struct gpu_view logits = s->scratch.logits.view, ring = {&s->ring, 0, s->ring.size};
    struct op_list list;
    hekla_status status = HEKLA_OK;
    logits.size = (uint64_t)n_vocab * 4;
    if (!s->sample) {
        session_init_list(s, &list, 1);
        if (s->all_logits) /* the newest row may have been any; the host has put it first */
            op_copy(&list, (struct gpu_view){&s->readback, 0, logits.size}, logits);
        op_sample(&list, logits, s->scores, ring, n_vocab);
        status = plan_create(&s->sample, dev, s->model->pipelines, &list, err);
    }
    if (!s->decode && status == HEKLA_OK) {
        session_init_list(s, &list, 1);
        arch_build(&s->model->m, &s->scratch, ARCH_LOGITS_LAST, &list);
        if (s->all_logits)
            session_append_fetch(s, &list, 1);
        op_sample(&list, logits, s->scores, ring, n_vocab);
        status = plan_create(&s->decode, dev, s->model->pipelines, &list, err);
    }
    return status;
}

static bool has_step(const struct sample_chain *c, enum sample_step step)
{
    for (uint32_t i = 0; i < c->n_steps; i++)
        if (c->steps[i] == step)
            return true;
    return false;
}

/* The step as the sampler finds it when it chooses the token after the newest evaluated one. */
static void init_step(struct hekla_session *s, const struct sample_chain *c)
{
    const struct hekla_sampling *p = &c->p;
    float warm = p->temperature > 1e-6f ? p->temperature : 1e-6f; /* 1 / warm stays finite */
    *(struct step_args *)s->step.host = (struct step_args){
        .n_tokens = 1,
        .pos = s->pos - 1,
        .chunks_y = s->model->m.params.head.n_head,
        .chunks_z = 1,
        .seed_lo = (uint32_t)p->seed,
        .seed_hi = (uint32_t)(p->seed >> 32),
        .inv_temp = c->greedy                         ? 0.0f
                    : has_step(c, SAMPLE_TEMPERATURE) ? 1.0f / warm
                                                      : 1.0f,
        .top_k = has_step(c, SAMPLE_TOP_K) ? p->top_k : 0,
        .top_p = has_step(c, SAMPLE_TOP_P) ? p->top_p : 1.0f,
        .min_p = has_step(c, SAMPLE_MIN_P) ? p->min_p : 0.0f,
        .repeat = p->repeat_penalty,
        .repeat_inv = 1.0f / p->repeat_penalty,
        .presence = p->presence_penalty,
        .frequency = p->frequency_penalty,
        .last_n = has_step(c, SAMPLE_PENALTIES) ? p->penalty_last_n : 0,
    };
}

static hekla_status submit_ahead(struct run *r, struct hekla_error *err)
{
    /* Half a round at a time: one submission for several tokens. */
    if (r->submitted - r->received > r->ahead / 2)
        return HEKLA_OK;
    while (r->submitted < r->limit && r->submitted - r->received < r->ahead) {
        bool first = r->submitted == 0;
        uint32_t room = r->ahead - (r->submitted - r->received), rest = r->limit - r->submitted;
        uint32_t n = first ? 1 : room < rest ? room : rest;
        uint64_t ticket;
        hekla_status status = plan_submit(first ? r->s->sample : r->s->decode, n, &ticket, err);
        if (status != HEKLA_OK)
            return status;
        for (uint32_t i = 0; i < n; i++)
            r->tickets[(r->submitted + i) % RING_SIZE] = ticket + i;
        r->submitted += n;
        if (r->s->written < r->first + r->submitted)
            r->s->written = r->first + r->submitted;
        for (uint32_t i = r->submitted - n; i < r->submitted; i++)
            session_state_set(r->s, r->first + i);
    }
    return HEKLA_OK;
}

/* The token for position first + i that the grammar did not let the device have. */
static hekla_status redraw(struct run *r, uint32_t i, hekla_token *token, struct hekla_error *err)
{
    struct hekla_session *s = r->s;
    hekla_status status = HEKLA_OK;
    if (s->logits == LOGITS_ON_DEVICE || (i > 0 && !s->all_logits))
        status = session_fetch_logits(s, err);
    if (status == HEKLA_OK)
        status = session_sampling_draw(r->sampling, s, r->first + i, true, token, err);
    if (status == HEKLA_OK && *token != SAMPLE_NONE)
        ((uint32_t *)s->history.host)[r->first + i] = (uint32_t)*token;
    return status;
}

/* Waits for the next token; the one before it has then been evaluated. SAMPLE_NONE: none follows.
 */
static hekla_status receive(struct run *r, hekla_token *token, struct hekla_error *err)
{
    struct hekla_session *s = r->s;
    uint32_t i = r->received;
    hekla_status status = gpu_wait(s->model->m.dev, r->tickets[i % RING_SIZE], err);
    if (status != HEKLA_OK)
        return status;
    *token = (hekla_token)((const uint32_t *)s->ring.host)[i % RING_SIZE];
    if ((uint32_t)*token >= s->model->m.params.n_vocab)
        return hekla_fail(err, HEKLA_DEVICE,
            "%s sampled token %d of %u: its results cannot be used",
            gpu_device_name(s->model->m.dev), *token, s->model->m.params.n_vocab);
    if (i > 0) {
        if (s->on_logits && s->all_logits)
            s->on_logits(s->on_logits_user, r->first + i - 1, s->readback.host);
        s->pos = r->first + i;
    }
    if (!session_sampling_allows(r->sampling, *token))
        status = redraw(r, i, token, err);
    if (status != HEKLA_OK || *token == SAMPLE_NONE)
        return status;
    if (r->first + i < s->n_ctx)
        s->tokens[r->first + i] = *token;
    /* The step for position first + i - 1 chose this token; the first one was only chosen. */
    session_profile_add(s, i ? s->decode : s->sample, HEKLA_GENERATION, 1, r->first + i - 1);
    r->received++;
    return session_sampling_accept(r->sampling, *token, err);
}

/* Draws the next token on the host, after evaluating the one before it. */
static hekla_status receive_on_host(struct run *r, hekla_token *token, struct hekla_error *err)
{
    struct hekla_session *s = r->s;
    hekla_status status = HEKLA_OK;
    s->phase = HEKLA_GENERATION;
    if (r->received > 0)
        status = session_append(s, s->tokens + s->pos, 1, err);
    s->phase = HEKLA_PROMPT;
    if (r->received == 0 && s->logits == LOGITS_ON_DEVICE)
        status = session_fetch_logits(s, err);
    if (status == HEKLA_OK)
        status = session_sampling_draw(r->sampling, s, s->pos, false, token, err);
    if (status != HEKLA_OK || *token == SAMPLE_NONE)
        return status;
    if (s->pos < s->n_ctx)
        s->tokens[s->pos] = *token;
    r->submitted = ++r->received;
    return session_sampling_accept(r->sampling, *token, err);
}

/* The host looks at what a step left behind before the next one may begin. */
static bool may_run_ahead(const struct run *r)
{
    return !r->s->all_logits && !r->s->profile && !r->sampling->sampler;
}

/* Short steps are submitted further ahead: the host's share then hides behind them. */
static uint32_t choose_ahead(const struct run *r, double seconds_per_token)
{
    if (!may_run_ahead(r))
        return 1;
    uint32_t most = session_state_ahead(r->s);
    uint32_t ahead = seconds_per_token < 0.005 ? MOST_AHEAD : seconds_per_token < 0.05 ? 4 : 2;
    return ahead < most ? ahead : most;
}

struct consumer {
    bool ignore_end;
    bool (*token)(void *user, hekla_token token);
    void *user;
};

static hekla_status run_tokens(struct run *r, const struct consumer *c, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    double start = clock_now();
    while (!r->stopped && r->received < r->limit && status == HEKLA_OK) {
        hekla_token id;
        if (!r->sampling->on_host)
            status = submit_ahead(r, err);
        if (status == HEKLA_OK)
            status = r->sampling->on_host ? receive_on_host(r, &id, err) : receive(r, &id, err);
        if (status != HEKLA_OK || id == SAMPLE_NONE)
            break;
        r->ahead = choose_ahead(r, (clock_now() - start) / r->received);
        if (r->received == 1 && may_run_ahead(r))
            status = submit_ahead(r, err); /* the device works while the host prints */
        bool ends = !c->ignore_end || r->sampling->matcher;
        r->stopped =
            (c->token && !c->token(c->user, id)) || (ends && hekla_token_is_end(r->s->model, id));
    }
    return status;
}

/* Generates r->limit tokens at most after what was evaluated. */
static hekla_status run_from_here(struct run *r, const struct consumer *c, struct hekla_error *err)
{
    struct hekla_session *s = r->s;
    r->first = s->pos;
    r->ahead = may_run_ahead(r) ? 2 : 1;
    if (r->sampling->on_host)
        return run_tokens(r, c, err);
    hekla_status status = record_plans(s, err);
    if (status == HEKLA_OK) {
        session_state_begin(s);
        init_step(s, &r->sampling->chain);
        status = run_tokens(r, c, err);
    }
    /* What was submitted ahead is waited for and forgotten. */
    if (r->submitted > r->received && status == HEKLA_OK)
        status = gpu_wait(s->model->m.dev, r->tickets[(r->submitted - 1) % RING_SIZE], err);
    if (r->submitted > r->received || status != HEKLA_OK)
        s->logits = LOGITS_NONE;
    else if (r->received > 1 && !s->all_logits)
        s->logits = LOGITS_ON_DEVICE;
    return status;
}

/* After a lost device: the tokens that came are evaluated again, all of them, and the next ones
 * follow as they would have: a random number depends on seed and position alone. */
static hekla_status resume(struct run *r, const struct consumer *c, struct hekla_error *err)
{
    struct hekla_session *s = r->s;
    hekla_status status = session_recover(s, err);
    uint32_t left = r->limit - r->received;
    if (status != HEKLA_OK || r->stopped || left == 0)
        return status;
    if (r->first + r->received > s->pos) /* the last one that came */
        status = session_append(s, s->tokens + s->pos, 1, err);
    struct run rest = {.s = s, .sampling = r->sampling, .limit = left};
    if (status == HEKLA_OK)
        status = run_from_here(&rest, c, err);
    r->received += rest.received;
    r->stopped = rest.stopped;
    return status == HEKLA_OK ? HEKLA_OK : session_recover(s, err);
}

/* Generates up to `left` tokens; shifts the context whenever it is full, if the session does. */
static hekla_status run_stretches(struct run *r, uint64_t left, const struct consumer *c,
    uint64_t *generated, struct hekla_error *err)
{
    struct hekla_session *s = r->s;
    struct session_sampling *how = r->sampling;
    for (;;) {
        /* The last token need not be evaluated, unless more are to follow. */
        uint32_t room = s->n_ctx - s->pos + (s->shifts ? 0 : 1);
        *r = (struct run){.s = s, .sampling = how, .limit = left < room ? (uint32_t)left : room};
        struct session_span span = session_span_begin(s);
        hekla_status status = r->limit ? run_from_here(r, c, err) : HEKLA_OK;
        if (status != HEKLA_OK)
            status = resume(r, c, err);
        session_span_end(s, HEKLA_GENERATION, &span, r->received);
        *generated += r->received;
        left -= r->received;
        bool full = !r->stopped && r->received == r->limit && left > 0;
        if (status != HEKLA_OK || !full || !s->shifts)
            return status;
        status = session_shift(s, err);
        if (status != HEKLA_OK)
            return status;
        how->chain.p.seed++; /* positions come again, and random numbers should not */
        if (how->sampler)
            sampler_set_seed(how->sampler, how->chain.p.seed);
    }
}

hekla_status hekla_session_generate(hekla_session *s, const struct hekla_sampling *sampling,
    int64_t n, bool ignore_end, bool (*token)(void *user, hekla_token token), void *user,
    size_t *generated, struct hekla_error *err)
{
    struct hekla_error local;
    err = err ? err : &local;
    hekla_error_clear(err);
    if (s->embeddings)
        return hekla_fail(err, HEKLA_ARGUMENT, "a session for embeddings has no logits");
    if (s->logits == LOGITS_NONE)
        return hekla_fail(err, HEKLA_ARGUMENT, "nothing has been evaluated to generate from");
    const struct consumer c = {ignore_end, token, user};
    struct session_sampling how;
    struct run r = {.s = s, .sampling = &how};
    uint64_t received = 0;
    hekla_status status = session_sampling_create(&how, s, sampling, err);
    if (status != HEKLA_OK) {
        session_sampling_destroy(&how);
        return status;
    }
    status = run_stretches(&r, n < 0 ? UINT64_MAX : (uint64_t)n, &c, &received, err);
    if (how.matcher)
        engine_notice(s->model, HEKLA_NOTICE_DETAIL,
            "the grammar refused %llu of %llu tokens, which were drawn again",
            (unsigned long long)how.refused, (unsigned long long)received);
    session_sampling_destroy(&how);
    if (generated)
        *generated = (size_t)received;
    return status;
}
