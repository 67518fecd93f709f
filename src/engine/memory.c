/* How long a session's context is, and where its memory lies. */
#include "engine/kv.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_BATCH 512u
#define RING_SLACK 64u /* tokens that the device may run ahead, and more, beyond a batch */
#define MOST_BATCH                                                                                 \
    8192u /* grids have a workgroup a token, and 65535 is all a device must offer                  \
           */
#define ALL_LOGITS_BYTES                                                                           \
    (64ull << 20) /* rows kept at once when every position's logits are wanted */

static uint32_t round_up(uint32_t n, uint32_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Bytes of K (or V) of a layer. */
static uint64_t kv_bytes(const struct hekla_session *s, uint32_t layer, uint64_t n_ctx)
{
    return op_kv_bytes(s->kv_type, n_ctx * model_dim(&s->model->m.params, DIM_KV, layer));
}

uint32_t session_ring(const struct hekla_session *s)
{
    const struct model_params *p = &s->model->m.params;
    uint32_t batch = s->n_batch ? s->n_batch : DEFAULT_BATCH;
    uint32_t all = round_up(s->n_ctx, ATTN_CHUNK);
    uint32_t ring = round_up(p->attention.window + batch + RING_SLACK, ATTN_CHUNK);
    return s->n_ctx && all < ring ? all : ring;
}

/* Bytes of a position in all layers that see a window, or in all others. */
static uint64_t position_bytes(const struct hekla_session *s, bool local)
{
    const struct model_params *p = &s->model->m.params;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < p->n_layer; i++)
        if (session_layer_is_local(s, i) == local)
            sum += op_kv_bytes(s->kv_type, model_kv_elements(p, i));
    return sum;
}

/* Most positions that the device's bindings and `bytes` of memory hold. */
static uint64_t most_positions(const struct hekla_session *s, uint64_t bytes)
{
    const struct model_params *p = &s->model->m.params;
    const struct gpu_caps *caps = gpu_device_caps(s->model->m.dev);
    uint64_t one = op_kv_bytes(s->kv_type, model_widest(p, DIM_KV)),
             range = caps->max_range < caps->max_slab ? caps->max_range : caps->max_slab;
    uint64_t local = position_bytes(s, true), global = position_bytes(s, false);
    /* Attention's partial results are bound, too. */
    uint64_t chunk = 4ull * p->head.n_head * (2 + model_widest(p, DIM_HEAD));
    uint64_t by_binding = range / one, by_partials = range / chunk * ATTN_CHUNK - ATTN_CHUNK;
    by_binding = by_partials < by_binding ? by_partials : by_binding;
    uint64_t by_memory = bytes / (local + global), ring = session_ring(s);
    if (by_memory > ring)
        by_memory = global ? (bytes - local * ring) / global : by_binding;
    uint64_t n = by_binding < by_memory ? by_binding : by_memory;
    return n / K_TILE * K_TILE;
}

static hekla_status choose_context(
    struct hekla_session *s, uint32_t asked, uint64_t available, struct hekla_error *err)
{
    const struct model_params *p = &s->model->m.params;
    /* A margin for scratch memory, the driver and everybody else. */
    uint64_t most = most_positions(s, available / 8 * 7);
    if (asked > p->n_ctx_train)
        return hekla_fail(err, HEKLA_ARGUMENT,
            "a context of %u tokens was asked for, and the model goes up to %u", asked,
            p->n_ctx_train);
    if (asked && round_up(asked, K_TILE) > most)
        return hekla_fail(err, HEKLA_MEMORY,
            "a context of %u tokens needs %llu MiB for the KV cache on %s, where %llu tokens fit: "
            "ask for a smaller context (-c)",
            asked,
            (unsigned long long)((position_bytes(s, true) + position_bytes(s, false)) * asked) >>
                20,
            gpu_device_name(s->model->m.dev), (unsigned long long)most);
    /* By default half of what is left may be filled. */
    uint64_t half = most_positions(s, available / 2);
    s->n_ctx = asked ? asked : p->n_ctx_train < half ? p->n_ctx_train : (uint32_t)half;
    if (!s->n_ctx)
        return hekla_fail(err, HEKLA_MEMORY, "no memory is left on %s for a context",
            gpu_device_name(s->model->m.dev));
    return HEKLA_OK;
}

static struct rows reserve_rows(struct hekla_session *s, uint32_t n_rows, uint32_t n)
{
    struct rows r = {.n = n, .stride = round_up(n, 32)};
    model_store_reserve(s->memory, (uint64_t)n_rows * r.stride * 4, &r.view);
    return r;
}

static struct rows_q8 reserve_q8(struct hekla_session *s, uint32_t n_rows, uint32_t n)
{
    struct rows_q8 r = {0};
    quant_spread(&r.layout, (n + 31) / 32);
    r.stride_u4 = rows_q8_stride_u4(&r.layout);
    model_store_reserve(s->memory, (uint64_t)n_rows * r.stride_u4 * 16, &r.view);
    return r;
}

/* Rows of pairs: a token and one of its experts. */
static void reserve_experts(struct hekla_session *s)
{
    const struct model_experts *x = &s->model->m.params.experts;
    struct arch_scratch *c = &s->scratch;
    uint32_t t = s->n_batch, n = t * x->n_used;
    c->pairs = (struct expert_pairs){.n_used = x->n_used, .capacity = t};
    model_store_reserve(s->memory, n * UINT64_C(4), &c->pairs.ids);
    model_store_reserve(s->memory, n * UINT64_C(4), &c->pairs.weights);
    model_store_reserve(s->memory, (uint64_t)x->n * t * 4, &c->pairs.list);
    model_store_reserve(s->memory, x->n * UINT64_C(4), &c->pairs.count);
    c->pair_up_first = round_up(x->n_ff, 64); /* it is bound there */
    c->scores = reserve_rows(s, t, x->n);
    c->pair_gate_up = reserve_rows(s, n, c->pair_up_first + x->n_ff);
    c->pair_ff = reserve_rows(s, n, x->n_ff);
    c->pair_ff_q8 = reserve_q8(s, n, x->n_ff);
    c->pair_out = reserve_rows(s, n, s->model->m.params.n_embd);
    if (s->model->m.params.blocks & BLOCK_EXPERTS_BESIDE)
        c->experts_sum = reserve_rows(s, t, s->model->m.params.n_embd);
}

/* What attention over a latent works in. */
static void reserve_latent(struct hekla_session *s)
{
    const struct model_params *p = &s->model->m.params;
    struct arch_scratch *c = &s->scratch;
    uint32_t t = s->n_batch, n_head = p->head.n_head;
    if (p->latent.q_rank) {
        c->q_a = reserve_rows(s, t, p->latent.q_rank);
        c->q_a_q8 = reserve_q8(s, t, p->latent.q_rank);
    }
    c->q_plain = reserve_rows(s, t, n_head * p->latent.head_dim);
    c->q_plain_q8 = reserve_q8(s, t * n_head, p->latent.head_dim);
    c->latent_out = reserve_rows(s, t, n_head * p->latent.rank);
    c->latent_out_q8 = reserve_q8(s, t * n_head, p->latent.rank);
}

/* What layers with a recurrent state work in, and what they keep. */
static hekla_status reserve_state(struct hekla_session *s, struct hekla_error *err)
{
    const struct model_params *p = &s->model->m.params;
    struct arch_scratch *c = &s->scratch;
    uint32_t t = s->n_batch, inner = (uint32_t)model_dim(p, DIM_STATE_OUT, 0);
    uint32_t q = (uint32_t)model_widest(p, DIM_Q);
    c->state_in = reserve_rows(s, t, p->state.n_head ? p->state.channels : 3 * p->state.channels);
    if (p->state.n_head) {
        c->beta_first = round_up(p->state.n_head, 32);
        c->gates = reserve_rows(s, t, c->beta_first + p->state.n_head);
        c->mixed_first = round_up(inner > q ? inner : q, 64); /* it is bound there */
        c->mixed = reserve_rows(s, t, 2 * c->mixed_first);
    }
    c->state = calloc(p->n_layer, sizeof(*c->state));
    if (!c->state)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a session");
    session_state_reserve(s);
    return HEKLA_OK;
}

/* Floats of what attn_out multiplies, in whichever layer it is most. */
static uint32_t most_attention(const struct model_params *p)
{
    uint32_t q = (uint32_t)model_widest(p, DIM_Q);
    uint32_t inner = (uint32_t)model_dim(p, DIM_STATE_OUT, 0);
    inner = p->state.taps && !inner ? p->n_embd : inner;
    if (p->latent.rank)
        return (uint32_t)model_dim(p, DIM_LATENT_VALUES, 0);
    return q > inner ? q : inner;
}

static hekla_status reserve_all(struct hekla_session *s, struct hekla_error *err)
{
    const struct model_params *p = &s->model->m.params;
    struct arch_scratch *c = &s->scratch;
    uint32_t t = s->n_batch, qkv = 0, attn = most_attention(p);
    uint32_t n_ctx = round_up(s->n_ctx, K_TILE);
    uint32_t ff = p->n_ff > p->experts.n_ff_shared ? p->n_ff : p->experts.n_ff_shared;
    struct head_shape widest = p->head;
    for (uint32_t i = 0; i < p->n_layer; i++) {
        uint32_t own = (uint32_t)model_dim(p, DIM_Q, i) + model_kv_elements(p, i);
        qkv = own > qkv ? own : qkv;
    }
    widest.head_dim = (uint32_t)model_widest(p, DIM_HEAD);
    ff = ff > p->n_layer_input ? ff : p->n_layer_input;
    c->up_first = round_up(ff, 32);
    c->short_context = p->long_rope && s->n_ctx <= p->rope.original_ctx;
    c->x = reserve_rows(s, t, p->n_embd);
    c->norm = reserve_rows(s, t, p->n_embd);
    c->qkv = reserve_rows(s, t, p->state.channels > qkv ? p->state.channels : qkv);
    c->attn = reserve_rows(s, t, attn);
    c->gate_up = reserve_rows(s, t, c->up_first + ff);
    c->ff = reserve_rows(s, t, ff);
    c->embd_q8 = reserve_q8(s, t, p->n_embd);
    c->attn_q8 = reserve_q8(s, t, attn);
    c->ff_q8 = reserve_q8(s, t, ff);
    c->logits = s->embeddings ? c->norm : reserve_rows(s, s->all_logits ? t : 1, p->n_vocab);
    model_store_reserve(s->memory, (uint64_t)p->n_vocab * 4, &s->scores);
    model_store_reserve(s->memory, (uint64_t)t * 4, &s->nll);
    model_store_reserve(s->memory, op_attention_partial_bytes(widest, n_ctx, t), &c->partials);
    if (p->experts.n)
        reserve_experts(s);
    if (p->latent.rank)
        reserve_latent(s);
    if (p->n_layer_input) {
        c->input_first = round_up(p->n_layer_input, 64); /* it is bound there */
        c->inputs = reserve_rows(s, t, c->input_first + p->n_layer * p->n_layer_input);
        c->input_proj = reserve_rows(s, t, p->n_layer * p->n_layer_input);
    }
    c->kv = calloc(p->n_layer, sizeof(*c->kv));
    if (!c->kv)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a session");
    for (uint32_t i = 0; i < p->n_layer; i++) {
        if (!model_has_kv(p, i))
            continue;
        bool local = session_layer_is_local(s, i);
        c->kv[i] = (struct kv_cache){.n_ctx = local ? session_ring(s) : n_ctx,
            .type = s->kv_type,
            .value_first = model_value_first(p)};
        model_store_reserve(s->memory, kv_bytes(s, i, c->kv[i].n_ctx), &c->kv[i].k);
        if (!c->kv[i].value_first)
            model_store_reserve(s->memory, kv_bytes(s, i, c->kv[i].n_ctx), &c->kv[i].v);
    }
    return s->state_slots ? reserve_state(s, err) : HEKLA_OK;
}

/* The padding of rows is 0 and stays so, rows without padding need no clearing; attention's partial
 * results begin as zeros. */
/* Runs commands that fill with zeros and ends them. */
static hekla_status run_fill(
    struct hekla_session *s, struct gpu_commands *commands, struct hekla_error *err)
{
    uint64_t ticket = 0;
    hekla_status status = gpu_commands_end(commands, err);
    if (status == HEKLA_OK)
        status = gpu_submit(commands, 1, &ticket, err);
    if (status == HEKLA_OK)
        status = gpu_wait(s->model->m.dev, ticket, err);
    gpu_commands_destroy(commands);
    return status;
}

hekla_status session_clear(struct hekla_session *s, struct hekla_error *err)
{
    const struct arch_scratch *c = &s->scratch;
    const struct rows *all[] = {
        &c->x, &c->norm, &c->qkv, &c->attn, &c->gate_up, &c->ff, &c->pair_ff};
    struct gpu_commands *commands = NULL;
    if (gpu_device_is_ref(s->model->m.dev))
        return HEKLA_OK; /* its memory begins as zeros */
    hekla_status status = gpu_commands_begin(&commands, s->model->m.dev, 0, err);
    if (status != HEKLA_OK)
        return status;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i]->view.buffer && (all[i]->n != all[i]->stride || s->model->m.params.n_ff % 32 ||
                                       model_widest(&s->model->m.params, DIM_Q) % 32))
            gpu_commands_fill_zero(commands, all[i]->view);
    gpu_commands_fill_zero(commands, c->partials);
    return run_fill(s, commands, err);
}

hekla_status session_clear_cache(struct hekla_session *s, struct hekla_error *err)
{
    struct gpu_commands *commands = NULL;
    hekla_status status = gpu_commands_begin(&commands, s->model->m.dev, 0, err);
    if (status != HEKLA_OK)
        return status;
    for (uint32_t i = 0; i < s->model->m.params.n_layer; i++) {
        if (s->model->m.params.layers[i] & LAYER_STATE)
            gpu_commands_fill_zero(commands, s->scratch.state[i].view);
        if (!model_has_kv(&s->model->m.params, i))
            continue;
        gpu_commands_fill_zero(commands, s->scratch.kv[i].k);
        if (s->scratch.kv[i].v.buffer)
            gpu_commands_fill_zero(commands, s->scratch.kv[i].v);
    }
    return run_fill(s, commands, err);
}

static hekla_status create_host_buffers(struct hekla_session *s, struct hekla_error *err)
{
    struct gpu_device *dev = s->model->m.dev;
    uint64_t rows = s->all_logits ? s->n_batch : 1;
    hekla_status status = gpu_buffer_create(
        dev, &s->step, sizeof(struct step_args), GPU_MEMORY_STEP, "the step buffer", err);
    if (status == HEKLA_OK)
        status = gpu_buffer_create(dev, &s->history, ((uint64_t)s->n_ctx + 1) * 4, GPU_MEMORY_STEP,
            "the token history", err);
    if (status == HEKLA_OK)
        status = gpu_buffer_create(
            dev, &s->ring, RING_SIZE * 4, GPU_MEMORY_READBACK, "the token ring", err);
    if (status == HEKLA_OK)
        status = gpu_buffer_create(dev, &s->readback, rows * s->scratch.logits.stride * 4,
            GPU_MEMORY_READBACK, "logits", err);
    if (status == HEKLA_OK)
        status = gpu_buffer_create(
            dev, &s->nll_readback, (uint64_t)s->n_batch * 4, GPU_MEMORY_READBACK, "scores", err);
    s->tokens = calloc((size_t)s->n_ctx + 1, sizeof(*s->tokens));
    if (status == HEKLA_OK && !s->tokens)
        status = hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a session");
    return status;
}

/* What rounds no weight should round no activation. */
uint32_t session_default_kv(const struct hekla_model *model)
{
    const struct gguf *g = model->gguf;
    for (uint64_t i = 0; i < g->n_tensors; i++)
        if (g->tensors[i].n_dims > 1 && g->tensors[i].type != quant_types[QT_f32].file_id)
            return KV_TYPE_F16;
    return KV_TYPE_F32;
}

/* Most tokens of a step of whose heads a binding holds the queries; at most `most`. */
static uint32_t latent_batch(const struct hekla_session *s, uint32_t most)
{
    const struct gpu_caps *caps = gpu_device_caps(s->model->m.dev);
    uint64_t range = caps->max_range < caps->max_slab ? caps->max_range : caps->max_slab;
    uint64_t fits = range / (4 * (model_widest(&s->model->m.params, DIM_Q) + MAX_HEAD_DIM));
    return fits < 1 ? 1 : fits < most ? (uint32_t)fits : most;
}

hekla_status session_place(struct hekla_session *s, const struct hekla_session_options *options,
    uint64_t available, struct hekla_error *err)
{
    const struct model_params *p = &s->model->m.params;
    s->all_logits = options->all_logits || options->embeddings;
    s->embeddings = options->embeddings;
    s->fast = options->numerics == HEKLA_NUMERICS_FAST;
    s->kv_type = session_default_kv(s->model);
    if (options->kv_type != HEKLA_KV_AUTO)
        s->kv_type = (uint32_t)(options->kv_type - HEKLA_KV_F32) + KV_TYPE_F32;
    for (uint32_t i = 0; s->kv_type >= KV_TYPE_Q8_0 && i < p->n_layer; i++)
        if (p->shapes[i].head.head_dim % 32 != 0)
            return hekla_fail(err, HEKLA_ARGUMENT,
                "a quantised KV cache needs heads of a multiple of 32 elements, and this model's "
                "have %u: use f16",
                p->shapes[i].head.head_dim);
    s->n_batch = options->n_batch < MOST_BATCH ? options->n_batch : MOST_BATCH;
    uint64_t state;
    hekla_status status = session_state_size(s, &state, err);
    if (status == HEKLA_OK)
        status = choose_context(s, options->n_ctx, available > state ? available - state : 0, err);
    if (status != HEKLA_OK)
        return status;
    s->n_batch = options->n_batch ? options->n_batch : DEFAULT_BATCH;
    s->n_batch = s->n_batch < s->n_ctx ? s->n_batch : s->n_ctx;
    uint32_t most_batch = p->experts.n ? MOST_BATCH / p->experts.n_used : MOST_BATCH;
    if (p->latent.rank)
        most_batch = latent_batch(s, most_batch);
    s->n_batch = s->n_batch < most_batch ? s->n_batch : most_batch;
    uint64_t rows =
        ALL_LOGITS_BYTES / ((s->embeddings ? p->n_embd : (uint64_t)p->n_vocab) * 4 + 128);
    if (s->all_logits && s->n_batch > rows)
        s->n_batch = rows ? (uint32_t)rows : 1;
    s->most = gpu_device_caps(s->model->m.dev)->submit_ms && s->n_batch > 8 ? 8 : s->n_batch;
    for (uint32_t i = 0, size = 1; i < STEP_SIZES; i++, size *= 8)
        s->sizes[i] = i + 1 < STEP_SIZES && size < s->n_batch ? size : s->n_batch;
    status = model_store_create(&s->memory, s->model->m.dev,
        "not enough memory for the KV cache and working memory (a smaller context, -c, may do)",
        err);
    return status == HEKLA_OK ? reserve_all(s, err) : status;
}

hekla_status session_allocate(
    struct hekla_session *s, const struct hekla_session_options *options, struct hekla_error *err)
{
    hekla_status status = session_place(s, options, gpu_memory_available(s->model->m.dev), err);
    if (status == HEKLA_OK)
        status = engine_prove(s->model, s->kv_type, s->fast, err);
    if (status == HEKLA_OK)
        status = model_store_allocate(s->memory, err);
    if (status == HEKLA_OK)
        status = create_host_buffers(s, err);
    return status == HEKLA_OK ? session_clear(s, err) : status;
}
