/* The program of ops that all architectures share. */
#include "arch/internal.h"

#include <math.h>

struct matvec_input arch_input_for(const struct build *b, struct rows x, struct rows_q8 q8,
    const struct matrix *const *matrices, uint32_t n_matrices, uint32_t n_cols)
{
    bool any_int = false;
    for (uint32_t i = 0; i < n_matrices; i++)
        any_int |=
            matrices[i]->n_shards && quant_types[matrices[i]->quant].class == QUANT_CLASS_INT;
    if (any_int)
        op_quantize(b->list, q8, x, n_cols);
    return (struct matvec_input){x, q8};
}

struct rows arch_norm(const struct build *b, struct gpu_view g, struct gpu_view bias, bool last)
{
    if (!g.buffer)
        return b->s->x;
    if (!b->p->layer_norm) {
        op_rmsnorm(b->list, b->s->norm, b->s->x, g, b->p->norm_eps, last);
        return b->s->norm;
    }
    op_norm_rows(b->list, b->s->norm, b->s->x,
        &(struct norm_rows){.g = g,
            .bias = bias,
            .n = b->p->n_embd,
            .rows = 1,
            .eps = b->p->norm_eps,
            .centred = true,
            .last = last});
    return b->s->norm;
}

/* s->x becomes its norm, if there is one. */
static void norm_sum(const struct build *b, struct gpu_view g, struct gpu_view bias)
{
    if (g.buffer)
        op_norm_rows(b->list, b->s->x, b->s->x,
            &(struct norm_rows){.g = g,
                .bias = bias,
                .n = b->p->n_embd,
                .rows = 1,
                .eps = b->p->norm_eps,
                .centred = true});
}

void arch_narrow(struct rows *x, struct rows_q8 *q8, uint32_t n)
{
    x->n = n;
    quant_spread(&q8->layout, (n + 31) / 32);
}

void arch_norm_to(
    const struct build *b, struct rows y, struct rows x, struct gpu_view g, bool add, float scale)
{
    op_norm_rows(b->list, y, x,
        &(struct norm_rows){.g = g,
            .n = b->p->n_embd,
            .rows = 1,
            .eps = b->p->norm_eps,
            .scale = scale,
            .add = add});
}

void arch_add(const struct build *b, const struct matrix *w, const struct matvec_input *in,
    struct gpu_view post_norm, float scale)
{
    const struct arch_scratch *s = b->s;
    bool plain = !post_norm.buffer;
    op_matvec(b->list, plain ? s->x : s->norm, 0, w, in, w->bias, plain, 0);
    if (!plain)
        arch_norm_to(b, s->x, s->norm, post_norm, true, scale);
}

/* What differs from layer to layer in how positions are marked and seen. */
struct attention {
    const struct kv_cache *kv;
    struct gpu_view rope;
    struct head_shape shape, own; /* own: what the layer makes, without K and V of another's */
    uint32_t k_first, v_first;    /* in s->qkv */
    struct attn_options options;
};

static struct attention attention_of(const struct build *b, uint32_t layer)
{
    const struct model_weights *w = &b->m->weights;
    uint32_t flags = b->p->layers[layer];
    struct attention a = {.kv = &b->s->kv[b->p->shapes[layer].kv_layer],
        .rope = b->s->short_context ? w->rope_short : w->rope,
        .shape = b->p->shapes[layer].head,
        .k_first = (uint32_t)model_dim(b->p, DIM_Q, layer),
        .options = b->p->attention};
    if (flags & LAYER_NO_ROPE)
        a.shape.n_rot = 0;
    a.own = a.shape;
    a.own.n_head_kv = (uint32_t)model_dim(b->p, DIM_HEADS_KV, layer);
    a.v_first = a.k_first + (uint32_t)model_dim(b->p, DIM_KV, layer);
    if (flags & LAYER_LOCAL && w->rope_local.buffer)
        a.rope = w->rope_local;
    if (!(flags & LAYER_LOCAL))
        a.options.window = 0;
    a.options.sinks = w->layers[layer].sinks;
    return a;
}

/* Whether one dispatch can norm, multiply, rotate and store: for the one token of a decode step. */
static bool can_fuse(const struct build *b, const struct matrix *const *all, uint32_t n,
    const struct kv_cache *kv, bool norm)
{
    for (uint32_t i = 0; i < n; i++)
        if (all[i]->n_shards && !op_can_qkv(b->list, all[i], kv))
            return false;
    return norm && !b->p->layer_norm && !b->p->parallel;
}

/* Norms of Q, of K behind it, and of V. */
static void norm_heads(
    const struct build *b, const struct model_layer *l, const struct attention *a)
{
    const struct model_params *p = b->p;
    const struct head_shape *h = &a->own;
    struct rows x = b->s->qkv;
    struct norm_rows norm = {.g = l->head_norm,
        .n = h->head_dim,
        .rows = h->n_head + h->n_head_kv * (p->value_norm ? 2 : 1),
        .eps = p->norm_eps,
        .centred = p->layer_norm};
    if (p->blocks & BLOCK_WIDE_NORM) {
        norm.n = a->k_first;
        norm.rows = 1;
        op_norm_rows(b->list, x, x, &norm);
        x.view.offset += a->k_first * UINT64_C(4);
        x.view.size -= a->k_first * UINT64_C(4);
        norm.g.offset += a->k_first * UINT64_C(4);
        norm.g.size -= a->k_first * UINT64_C(4);
        norm.n = a->v_first - a->k_first;
    }
    op_norm_rows(b->list, x, x, &norm);
}

/* s->x -> Q in s->qkv, K and V in the cache. */
static void build_qkv(const struct build *b, const struct model_layer *l, const struct attention *a)
{
    const struct model_params *p = b->p;
    const struct arch_scratch *s = b->s;
    const struct matrix *all[] = {&l->qkv, &l->q, &l->k, &l->v, &l->mix_gate};
    const uint32_t row[] = {0, 0, a->k_first, a->v_first};
    bool heads = l->head_norm.buffer;
    const struct norm_input norm = {s->x, l->attn_norm, p->norm_eps};
    bool fused = can_fuse(b, all, 5, a->kv, l->attn_norm.buffer);
    struct matvec_input in = {0};
    if (!fused)
        in = arch_input_for(
            b, arch_norm(b, l->attn_norm, l->attn_norm_bias, false), s->embd_q8, all, 5, 0);
    for (int i = 0; i < 4; i++) {
        if (!all[i]->n_shards)
            continue;
        if (!fused)
            op_matvec(b->list, s->qkv, row[i], all[i], &in, all[i]->bias, false, 0);
        else if (heads)
            op_norm_matvec(b->list, s->qkv, row[i], all[i], &norm);
        else
            op_norm_qkv(b->list, s->qkv, a->kv, all[i], row[i], &norm, a->rope, a->own);
    }
    if (fused && l->mix_gate.n_shards)
        op_norm_matvec(b->list, s->mixed, 0, &l->mix_gate, &norm);
    else if (l->mix_gate.n_shards)
        op_matvec(b->list, s->mixed, 0, &l->mix_gate, &in, l->mix_gate.bias, false, 0);
    if (heads)
        norm_heads(b, l, a);
    if (!fused || heads)
        op_rope_kv(b->list, s->qkv, a->k_first, a->v_first, a->kv, a->rope, a->own);
}

struct matvec_input arch_attention_output(const struct build *b, const struct model_layer *l)
{
    struct matvec_input out = {b->s->attn, b->s->attn_q8};
    arch_narrow(&out.f32, &out.q8, l->attn_out.layout.n);
    return out;
}

struct rows arch_mixed(const struct build *b, uint32_t n)
{
    struct rows r = b->s->mixed;
    r.view.offset += b->s->mixed_first * UINT64_C(4);
    r.view.size -= b->s->mixed_first * UINT64_C(4);
    r.n = n;
    return r;
}

struct matvec_input arch_gate_mixed(
    const struct build *b, const struct model_layer *l, uint32_t act)
{
    struct matvec_input out = arch_attention_output(b, l);
    bool out_int = quant_types[l->attn_out.quant].class == QUANT_CLASS_INT;
    op_glu(b->list, out.f32, out_int ? &out.q8 : NULL, b->s->mixed,
        &(struct glu){.n = out.f32.n, .rows = 1, .up_first = b->s->mixed_first, .act = act});
    return out;
}

/* Attention, as the output projection wants it. */
static struct matvec_input build_attention(
    const struct build *b, const struct model_layer *l, const struct attention *a)
{
    const struct arch_scratch *s = b->s;
    struct matvec_input out = arch_attention_output(b, l);
    bool out_int = quant_types[l->attn_out.quant].class == QUANT_CLASS_INT;
    if (l->mix_gate.n_shards) {
        op_attention_with(
            b->list, arch_mixed(b, out.f32.n), s->qkv, a->kv, s->partials, a->shape, &a->options);
        return arch_gate_mixed(b, l, GLU_SIGMOID);
    }
    if (out_int && op_can_attention_q8(b->list, a->shape)) {
        op_attention_q8(b->list, out.q8, s->qkv, a->kv, s->partials, a->shape, &a->options);
        return out;
    }
    op_attention_with(b->list, out.f32, s->qkv, a->kv, s->partials, a->shape, &a->options);
    return arch_input_for(b, out.f32, out.q8, (const struct matrix *[]){&l->attn_out}, 1, 0);
}

/* What layers get of the tokens: rows of an embedding, and of the other one a projection, which is
 * divided by sqrt(n_embd) and normed. The norm does not see the division but for its epsilon. */
static void build_inputs(const struct build *b)
{
    const struct model_params *p = b->p;
    const struct model_weights *w = &b->m->weights;
    const struct arch_scratch *s = b->s;
    struct rows y = s->inputs;
    y.view.offset += s->input_first * UINT64_C(4);
    y.view.size -= s->input_first * UINT64_C(4);
    y.n -= s->input_first;
    op_embed(b->list, y, &w->layer_embd, sqrtf((float)p->n_layer_input), 0);
    struct matvec_input in =
        arch_input_for(b, s->x, s->embd_q8, (const struct matrix *[]){&w->layer_proj}, 1, 0);
    op_matvec(b->list, s->input_proj, 0, &w->layer_proj, &in, w->layer_proj.bias, false, 0);
    op_norm_rows(b->list, y, s->input_proj,
        &(struct norm_rows){.g = w->layer_norm,
            .n = p->n_layer_input,
            .rows = p->n_layer,
            .eps = p->norm_eps * (float)p->n_embd,
            .scale = sqrtf(0.5f),
            .add = true,
            .shared = true});
}

/* The layer's own, gated by what it has made of the token. */
static void build_input(const struct build *b, uint32_t layer, const struct model_layer *l)
{
    const struct arch_scratch *s = b->s;
    struct rows y = s->ff;
    struct rows_q8 q8 = s->ff_q8;
    struct matvec_input in =
        arch_input_for(b, s->x, s->embd_q8, (const struct matrix *[]){&l->input_gate}, 1, 0);
    op_matvec(b->list, s->inputs, 0, &l->input_gate, &in, l->input_gate.bias, false, 0);
    arch_narrow(&y, &q8, b->p->n_layer_input);
    in = arch_glu(b, y, q8, s->inputs, &l->input_proj,
        &(struct glu){
            .n = y.n, .rows = 1, .up_first = s->input_first + layer * y.n, .act = b->p->act});
    arch_add(b, &l->input_proj, &in, l->input_post_norm, l->output_scale);
}

static void build_layer(const struct build *b, uint32_t layer)
{
    const struct model_layer *l = &b->m->weights.layers[layer];
    struct matvec_input in;
    if (b->p->layers[layer] & LAYER_STATE) {
        in = arch_build_state(b, layer);
    } else if (b->p->blocks & BLOCK_LATENT) {
        in = arch_build_latent(b, layer);
    } else {
        struct attention a = attention_of(b, layer);
        build_qkv(b, l, &a);
        in = build_attention(b, l, &a);
    }
    arch_add(b, &l->attn_out, &in, l->attn_post_norm, 0);
    norm_sum(b, l->attn_sum_norm, l->attn_sum_norm_bias);
    arch_build_ffn(b, l);
    norm_sum(b, l->ffn_sum_norm, l->ffn_sum_norm_bias);
    if (b->p->n_layer_input)
        build_input(b, layer, l);
}

static void build_logits(const struct build *b, bool last)
{
    const struct model_weights *w = &b->m->weights;
    const struct arch_scratch *s = b->s;
    uint32_t n_cols = last ? 1 : 0;
    if (op_can_norm(b->list, &w->output) && !b->p->layer_norm) {
        struct norm_input norm = {s->x, w->output_norm, b->p->norm_eps};
        op_norm_matvec(b->list, s->logits, 0, &w->output, &norm);
        n_cols = 1;
    } else {
        struct rows x = arch_norm(b, w->output_norm, w->output_norm_bias, last);
        struct matvec_input in =
            arch_input_for(b, x, s->embd_q8, (const struct matrix *[]){&w->output}, 1, n_cols);
        op_matvec(b->list, s->logits, 0, &w->output, &in, w->output.bias, false, n_cols);
    }
    if (b->p->output_softcap > 0)
        op_softcap(b->list, s->logits, b->p->output_softcap, n_cols);
}

/* Of tokens; and of what they are, and where. */
static void build_embedding(const struct build *b)
{
    const struct model_weights *w = &b->m->weights;
    float scale = b->p->embed_scale;
    op_embed(b->list, b->s->x, &w->token_embd, scale != 0 ? scale : 1.0f, 0);
    op_embed(b->list, b->s->x, &w->type_embd, 1.0f, EMBED_ADD | EMBED_FIRST);
    op_embed(b->list, b->s->x, &w->position_embd, 1.0f, EMBED_ADD | EMBED_POSITION);
    norm_sum(b, w->embd_norm, w->embd_norm_bias);
}

void arch_build(const struct model *m, const struct arch_scratch *s, enum arch_logits logits,
    struct op_list *list)
{
    const struct build b = {m, &m->params, s, list};
    build_embedding(&b);
    if (m->params.n_layer_input)
        build_inputs(&b);
    for (uint32_t i = 0; i < m->params.n_layer; i++) {
        list->layer = i + 1;
        build_layer(&b, i);
    }
    list->layer = 0;
    if (logits == ARCH_EMBEDDINGS)
        arch_norm(&b, m->weights.output_norm, m->weights.output_norm_bias, false);
    else if (logits != ARCH_LOGITS_NONE)
        build_logits(&b, logits == ARCH_LOGITS_LAST);
}

hekla_status arch_check(const struct model *m, const char *file, struct hekla_error *err)
{
    const struct model_params *p = &m->params;
    for (uint32_t i = 0; i < p->n_layer; i++) {
        const struct model_layer *l = &m->weights.layers[i];
        if (p->blocks & BLOCK_MAYBE_FFN_NORM && p->parallel == (l->ffn_norm.buffer != NULL))
            return hekla_fail(err, HEKLA_FORMAT, "%s: blk.%u.ffn_norm.weight %s, unlike in blk.0",
                file, i, p->parallel ? "is there" : "is missing");
    }
    return HEKLA_OK;
}
