/* Scoring text: the surprise of each token, computed on the device, for perplexity. */
#include "engine/engine.h"

#include <string.h>

static hekla_status find_score_plan(
    struct hekla_session *s, uint32_t i, struct plan **out, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    if (!s->score[i]) {
        struct op_list list;
        session_init_list(s, &list, s->sizes[i]);
        struct gpu_view host = {&s->nll_readback, 0, (uint64_t)s->sizes[i] * 4};
        arch_build(&s->model->m, &s->scratch, ARCH_LOGITS_ALL, &list);
        op_nll(&list, s->nll, s->scratch.logits);
        op_copy(&list, (struct gpu_view){s->nll.buffer, s->nll.offset, host.size}, host);
        status = plan_create(&s->score[i], s->model->m.dev, s->model->pipelines, &list, err);
    }
    *out = s->score[i];
    return status;
}

/* n tokens, of which at least the last has a successor at tokens[n]. */
static hekla_status score_step(struct hekla_session *s, const hekla_token *tokens, uint32_t n,
    float *nll, struct hekla_error *err)
{
    struct plan *plan;
    hekla_status status = find_score_plan(s, session_size_for(s, n), &plan, err);
    if (status != HEKLA_OK)
        return status;
    status = session_run_step(s, plan, tokens, n, n + 1, err);
    if (status != HEKLA_OK)
        return status;
    memcpy(nll, s->nll_readback.host, (size_t)n * 4);
    s->pos += n;
    return HEKLA_OK;
}

/* Scores from position s->pos on; what was scored before a failure stays. */
static hekla_status score_rest(struct hekla_session *s, const hekla_token *tokens, size_t n,
    uint32_t first, float *nll, struct hekla_error *err)
{
    hekla_status status = HEKLA_OK;
    for (size_t done = s->pos - first; done + 1 < n && status == HEKLA_OK;) {
        size_t rest = n - 1 - done;
        uint32_t step = rest < s->most ? (uint32_t)rest : s->most;
        s->logits = LOGITS_NONE;
        status = score_step(s, tokens + done, step, nll + done, err);
        done += step;
    }
    return status;
}

hekla_status hekla_session_score(
    hekla_session *s, const hekla_token *tokens, size_t n, float *nll, struct hekla_error *err)
{
    struct hekla_error local;
    err = err ? err : &local;
    hekla_error_clear(err);
    if (!s->all_logits || s->embeddings)
        return hekla_fail(err, HEKLA_ARGUMENT, "scoring needs a session with all_logits");
    if (n < 2)
        return hekla_fail(err, HEKLA_ARGUMENT, "scoring needs two tokens at least, not %zu", n);
    hekla_status status = session_check_tokens(s, tokens, n, err);
    if (status != HEKLA_OK)
        return status;
    struct session_span span = session_span_begin(s);
    uint32_t first = s->pos;
    status = session_refill(s, err);
    if (status == HEKLA_OK)
        status = score_rest(s, tokens, n, first, nll, err);
    if (status != HEKLA_OK) {
        status = session_recover(s, err);
        if (status == HEKLA_OK)
            status = score_rest(s, tokens, n, first, nll, err);
        if (status != HEKLA_OK)
            status = session_recover(s, err);
    }
    s->logits = LOGITS_NONE; /* of the newest position: not kept */
    session_span_end(s, HEKLA_PROMPT, &span, n - 1);
    return status;
}
