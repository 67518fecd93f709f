#include "engine/state.h"

#include <string.h>

#define NOWHERE UINT32_MAX
#define RING_BYTES (64ull << 20) /* of a ring that is longer than it must be */
enum {
    LEAST_RING = 3,    /* two tokens ahead */
    PROMPT_LEAST = 64, /* tokens, for a copy to be worth a step of its own */
    /* Before the end: where the next prompt of a chat still is the same. */
    PROMPT_TAIL = 16,
};

static const struct model_params *params_of(const struct hekla_session *s)
{
    return &s->model->m.params;
}

static uint64_t slot_bytes(const struct hekla_session *s)
{
    return model_state_floats(params_of(s)) * 4ull;
}

static uint32_t count_layers(const struct hekla_session *s)
{
    return params_of(s)->n_layer - model_attention_layers(params_of(s));
}

hekla_status session_state_size(struct hekla_session *s, uint64_t *bytes, struct hekla_error *err)
{
    const struct gpu_caps *caps = gpu_device_caps(s->model->m.dev);
    uint64_t most = caps->max_range < caps->max_slab ? caps->max_range : caps->max_slab;
    uint64_t one = slot_bytes(s), all = one * count_layers(s);
    s->state_slots = 0;
    *bytes = 0;
    memset(s->state_at, 0xff, sizeof(s->state_at));
    if (!all)
        return HEKLA_OK;
    if (one * (LEAST_RING + STATE_KEPT) > most)
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%llu bytes for the state of a layer are too many for %s",
            (unsigned long long)one * (LEAST_RING + STATE_KEPT), gpu_device_name(s->model->m.dev));
    s->state_slots = LEAST_RING;
    while (s->state_slots < STATE_SLOTS && all * (s->state_slots + 1) <= RING_BYTES &&
           one * (s->state_slots + 1 + STATE_KEPT) <= most)
        s->state_slots++;
    *bytes = all * (s->state_slots + STATE_KEPT);
    return HEKLA_OK;
}

void session_state_reserve(struct hekla_session *s)
{
    for (uint32_t i = 0; i < params_of(s)->n_layer && s->state_slots; i++) {
        struct state_cache *state = &s->scratch.state[i];
        if (!(params_of(s)->layers[i] & LAYER_STATE))
            continue;
        *state = (struct state_cache){
            .slots = s->state_slots, .slot_size = model_state_floats(params_of(s))};
        model_store_reserve(s->memory, slot_bytes(s) * (s->state_slots + STATE_KEPT), &state->view);
    }
}

uint32_t session_state_ahead(const struct hekla_session *s)
{
    return s->state_slots ? s->state_slots - 1 : UINT32_MAX;
}

void session_state_begin(struct hekla_session *s)
{
    for (uint32_t i = 0; i < s->state_slots + STATE_KEPT; i++)
        if (s->state_at[i] > s->pos)
            s->state_at[i] = NOWHERE;
}

void session_state_set(struct hekla_session *s, uint32_t pos)
{
    if (s->state_slots)
        s->state_at[pos % s->state_slots] = pos;
}

void session_state_unset(struct hekla_session *s, uint32_t pos)
{
    if (s->state_slots)
        s->state_at[pos % s->state_slots] = NOWHERE;
}

static struct gpu_view view_of(const struct hekla_session *s, uint32_t layer, uint32_t slot)
{
    struct gpu_view view = s->scratch.state[layer].view;
    view.offset += slot * slot_bytes(s);
    view.size = slot_bytes(s);
    return view;
}

static hekla_status run_list(struct hekla_session *s, struct op_list *list, struct hekla_error *err)
{
    struct plan *plan = NULL;
    hekla_status status = plan_create(&plan, s->model->m.dev, s->model->pipelines, list, err);
    if (status == HEKLA_OK)
        status = session_run(s, plan, err);
    plan_destroy(plan);
    return status;
}

static hekla_status copy_slot(
    struct hekla_session *s, uint32_t from, uint32_t to, struct hekla_error *err)
{
    struct op_list list = {.caps = gpu_device_caps(s->model->m.dev), .n_tokens = 1};
    s->state_at[to] = NOWHERE;
    for (uint32_t i = 0; i < params_of(s)->n_layer; i++)
        if (s->scratch.state[i].slots)
            op_copy(&list, view_of(s, i, from), view_of(s, i, to));
    hekla_status status = run_list(s, &list, err);
    if (status == HEKLA_OK)
        s->state_at[to] = s->state_at[from];
    return status;
}

hekla_status session_state_recall(struct hekla_session *s, uint32_t *from, struct hekla_error *err)
{
    uint32_t best = NOWHERE;
    *from = s->pos;
    if (!s->state_slots || s->pos == 0 || s->state_at[s->pos % s->state_slots] == s->pos)
        return HEKLA_OK;
    for (uint32_t i = 0; i < s->state_slots + STATE_KEPT; i++)
        if (s->state_at[i] <= s->pos && (best == NOWHERE || s->state_at[i] > s->state_at[best]))
            best = i;
    *from = best == NOWHERE ? 0 : s->state_at[best];
    if (best == NOWHERE || best < s->state_slots)
        return HEKLA_OK;
    return copy_slot(s, best, *from % s->state_slots, err);
}

uint32_t session_state_mark(const struct hekla_session *s, size_t n)
{
    return s->state_slots && n >= PROMPT_LEAST ? (uint32_t)n - PROMPT_TAIL : 0;
}

/* In the place of the oldest copy, or of one that counts no more. */
hekla_status session_state_keep(struct hekla_session *s, struct hekla_error *err)
{
    uint32_t oldest = s->state_slots;
    for (uint32_t i = oldest; i < s->state_slots + STATE_KEPT; i++)
        if (s->state_at[i] + 1 < s->state_at[oldest] + 1) /* NOWHERE is before all others */
            oldest = i;
    return copy_slot(s, s->pos % s->state_slots, oldest, err);
}

uint64_t session_state_saved(const struct hekla_session *s, uint32_t n_tokens)
{
    return n_tokens ? slot_bytes(s) * count_layers(s) : 0;
}

/* The state of s->pos of a layer between its slot and the host. */
static hekla_status move_layer(struct hekla_session *s, uint32_t layer, struct gpu_buffer *staging,
    bool to_device, struct hekla_error *err)
{
    struct op_list list = {.caps = gpu_device_caps(s->model->m.dev), .n_tokens = 1};
    struct gpu_view slot = view_of(s, layer, s->pos % s->state_slots);
    struct gpu_view host = {staging, 0, slot.size};
    op_copy(&list, to_device ? host : slot, to_device ? slot : host);
    return run_list(s, &list, err);
}

hekla_status session_state_save(
    struct hekla_session *s, session_rows_fn take, void *user, struct hekla_error *err)
{
    struct gpu_buffer staging = {0};
    if (!session_state_saved(s, s->pos))
        return HEKLA_OK;
    hekla_status status = gpu_buffer_create(
        s->model->m.dev, &staging, slot_bytes(s), GPU_MEMORY_READBACK, "a saved session", err);
    for (uint32_t i = 0; i < params_of(s)->n_layer && status == HEKLA_OK; i++) {
        if (!s->scratch.state[i].slots)
            continue;
        status = move_layer(s, i, &staging, false, err);
        if (status == HEKLA_OK)
            status = take(user, staging.host, slot_bytes(s), err);
    }
    gpu_buffer_destroy(s->model->m.dev, &staging);
    return status;
}

hekla_status session_state_restore(
    struct hekla_session *s, const uint8_t *data, struct hekla_error *err)
{
    struct gpu_buffer staging = {0};
    memset(s->state_at, 0xff, sizeof(s->state_at));
    if (!session_state_saved(s, s->pos))
        return HEKLA_OK;
    hekla_status status = gpu_buffer_create(
        s->model->m.dev, &staging, slot_bytes(s), GPU_MEMORY_UPLOAD, "a saved session", err);
    for (uint32_t i = 0; i < params_of(s)->n_layer && status == HEKLA_OK; i++) {
        if (!s->scratch.state[i].slots)
            continue;
        memcpy(staging.host, data, (size_t)slot_bytes(s));
        data += slot_bytes(s);
        status = move_layer(s, i, &staging, true, err);
    }
    gpu_buffer_destroy(s->model->m.dev, &staging);
    if (status == HEKLA_OK)
        session_state_set(s, s->pos);
    return status;
}
