/*
 * Context shift. The tokens that stay are evaluated again at their new positions, rather than the
 * cache turned to them: rotating keys that were rounded when stored, and values that saw what was
 * dropped, would give a state that no list of tokens gives.
 */
#include "engine/engine.h"

#include <string.h>

hekla_status hekla_session_set_shift(
    hekla_session *s, bool shifts, uint32_t n_keep, struct hekla_error *err)
{
    hekla_error_clear(err);
    if (shifts && (s->n_ctx < 2 || n_keep > s->n_ctx - 2))
        return hekla_fail(err, HEKLA_ARGUMENT,
            "%u tokens cannot be kept when the context is full: it has %u positions, and two must "
            "be left",
            n_keep, s->n_ctx);
    if (shifts && s->model->info.embeds_only)
        return hekla_fail(err, HEKLA_UNSUPPORTED, "contexts of embedding models cannot be shifted");
    s->shifts = shifts;
    s->n_keep = n_keep;
    return HEKLA_OK;
}

const hekla_token *hekla_session_tokens(const hekla_session *s)
{
    return s->tokens;
}

hekla_status session_shift(struct hekla_session *s, struct hekla_error *err)
{
    uint32_t n_drop = (s->n_ctx - s->n_keep) / 2, n_rest = s->n_ctx - n_drop - s->n_keep;
    hekla_token *hole = s->tokens + s->n_keep;
    void (*on_logits)(void *user, uint32_t pos, const float *logits) = s->on_logits;
    hekla_session_rewind(s, s->n_keep);
    memmove(hole, hole + n_drop, (size_t)n_rest * sizeof(*hole));
    s->on_logits = NULL; /* those of these tokens were reported */
    hekla_status status = hekla_session_eval(s, hole, n_rest, err);
    s->on_logits = on_logits;
    return status;
}
