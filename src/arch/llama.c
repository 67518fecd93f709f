/* Llama 2, 3, 3.1, 3.2 and Mistral 7B. https://arxiv.org/abs/2302.13971, 2407.21783, 2310.06825 */
#include "arch/arch.h"

#include <stddef.h>

#define TOP(field) offsetof(struct model_weights, field)
#define LAYER(field) offsetof(struct model_layer, field)

static const struct weight_rule rules[] = {
    {"token_embd.weight", WEIGHT_MATRIX, DIM_EMBD, DIM_VOCAB, false, false, TOP(token_embd), 0},
    {"output.weight", WEIGHT_MATRIX, DIM_EMBD, DIM_VOCAB, false, true, TOP(output), 0},
    {"output_norm.weight", WEIGHT_VECTOR, DIM_EMBD, DIM_ONE, false, false, TOP(output_norm), 0},
    {"rope_freqs.weight", WEIGHT_VECTOR, DIM_ROT_HALF, DIM_ONE, false, true, TOP(rope_freqs), 0},
    {"blk.%u.attn_norm.weight", WEIGHT_VECTOR, DIM_EMBD, DIM_ONE, true, false, LAYER(attn_norm), 0},
    {"blk.%u.attn_q.weight", WEIGHT_MATRIX, DIM_EMBD, DIM_Q, true, false, LAYER(q), LAYER(qkv)},
    {"blk.%u.attn_k.weight", WEIGHT_MATRIX, DIM_EMBD, DIM_KV, true, false, LAYER(k), LAYER(qkv)},
    {"blk.%u.attn_v.weight", WEIGHT_MATRIX, DIM_EMBD, DIM_KV, true, false, LAYER(v), LAYER(qkv)},
    {"blk.%u.attn_output.weight", WEIGHT_MATRIX, DIM_Q, DIM_EMBD, true, false, LAYER(attn_out), 0},
    {"blk.%u.attn_q.bias", WEIGHT_VECTOR, DIM_Q, DIM_ONE, true, true, LAYER(q_bias), LAYER(qkv)},
    {"blk.%u.attn_k.bias", WEIGHT_VECTOR, DIM_KV, DIM_ONE, true, true, LAYER(k_bias), LAYER(qkv)},
    {"blk.%u.attn_v.bias", WEIGHT_VECTOR, DIM_KV, DIM_ONE, true, true, LAYER(v_bias), LAYER(qkv)},
    {"blk.%u.attn_output.bias", WEIGHT_VECTOR, DIM_EMBD, DIM_ONE, true, true, LAYER(attn_out_bias),
        0},
    {"blk.%u.ffn_norm.weight", WEIGHT_VECTOR, DIM_EMBD, DIM_ONE, true, false, LAYER(ffn_norm), 0},
    {"blk.%u.ffn_gate.weight", WEIGHT_TURNS, DIM_EMBD, DIM_FF, true, false, LAYER(gate),
        LAYER(gate_up)},
    {"blk.%u.ffn_up.weight", WEIGHT_TURNS, DIM_EMBD, DIM_FF, true, false, LAYER(up),
        LAYER(gate_up)},
    {"blk.%u.ffn_down.weight", WEIGHT_MATRIX, DIM_FF, DIM_EMBD, true, false, LAYER(down), 0},
    {"blk.%u.ffn_gate.bias", WEIGHT_VECTOR, DIM_FF, DIM_ONE, true, true, LAYER(gate_bias),
        LAYER(gate_up)},
    {"blk.%u.ffn_up.bias", WEIGHT_VECTOR, DIM_FF, DIM_ONE, true, true, LAYER(up_bias),
        LAYER(gate_up)},
    {"blk.%u.ffn_down.bias", WEIGHT_VECTOR, DIM_EMBD, DIM_ONE, true, true, LAYER(down_bias), 0},
};

static hekla_status check_range(const char *file, const char *key, uint64_t value, uint64_t low,
    uint64_t high, struct hekla_error *err)
{
    if (value >= low && value <= high)
        return HEKLA_OK;
    return hekla_fail(err, HEKLA_FORMAT, "%s: %s is %llu, expected %llu to %llu", file, key,
        (unsigned long long)value, (unsigned long long)low, (unsigned long long)high);
}

/* The first failure wins, so a whole group of reads can be checked at its end. */
static hekla_status read_shape(
    const struct gguf *g, const char *file, struct model_params *p, struct hekla_error *err)
{
    struct head_shape *h = &p->head;
    uint32_t value_dim, experts;
    hekla_status s = gguf_get_u32(g, "llama.context_length", true, 0, &p->n_ctx_train, err);
    s = s ? s : gguf_get_u32(g, "llama.embedding_length", true, 0, &p->n_embd, err);
    s = s ? s : gguf_get_u32(g, "llama.block_count", true, 0, &p->n_layer, err);
    s = s ? s : gguf_get_u32(g, "llama.feed_forward_length", true, 0, &p->n_ff, err);
    s = s ? s : gguf_get_u32(g, "llama.attention.head_count", true, 0, &h->n_head, err);
    s = s ? s : check_range(file, "llama.context_length", p->n_ctx_train, 1, 1u << 24, err);
    s = s ? s : check_range(file, "llama.embedding_length", p->n_embd, 1, 1u << 20, err);
    s = s ? s : check_range(file, "llama.block_count", p->n_layer, 1, 4096, err);
    s = s ? s : check_range(file, "llama.feed_forward_length", p->n_ff, 1, 1u << 22, err);
    s = s ? s : check_range(file, "llama.attention.head_count", h->n_head, 1, 4096, err);
    s = s ? s
          : gguf_get_u32(g, "llama.attention.head_count_kv", false, h->n_head, &h->n_head_kv, err);
    s = s ? s : check_range(file, "llama.attention.head_count_kv", h->n_head_kv, 1, h->n_head, err);
    if (!s && h->n_head % h->n_head_kv)
        s = hekla_fail(err, HEKLA_FORMAT, "%s: %u attention heads cannot share %u key/value heads",
            file, h->n_head, h->n_head_kv);
    s = s ? s
          : gguf_get_u32(
                g, "llama.attention.key_length", false, p->n_embd / h->n_head, &h->head_dim, err);
    s = s ? s
          : gguf_get_u32(g, "llama.attention.value_length", false, h->head_dim, &value_dim, err);
    s = s ? s : check_range(file, "llama.attention.key_length", h->head_dim, 4, MAX_HEAD_DIM, err);
    if (!s && (value_dim != h->head_dim || h->head_dim % 4))
        s = hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: heads of %u (keys) and %u (values) elements are not supported, only equal "
            "multiples "
            "of 4",
            file, h->head_dim, value_dim);
    s = s ? s : gguf_get_u32(g, "llama.rope.dimension_count", false, h->head_dim, &h->n_rot, err);
    s = s ? s : check_range(file, "llama.rope.dimension_count", h->n_rot, 2, h->head_dim, err);
    if (!s && h->n_rot % 2)
        s = hekla_fail(err, HEKLA_FORMAT,
            "%s: llama.rope.dimension_count is %u, expected an even number", file, h->n_rot);
    s = s ? s : gguf_get_u32(g, "llama.expert_count", false, 0, &experts, err);
    if (!s && experts)
        s = hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: a llama model with %u experts (Mixtral) is not supported yet", file, experts);
    return s;
}

static hekla_status read_positive(const struct gguf *g, const char *file, const char *key,
    float fallback, float most, float *out, struct hekla_error *err)
{
    hekla_status s = gguf_get_f32(g, key, false, fallback, out, err);
    if (!s && !(*out > 0 && *out <= most))
        s = hekla_fail(err, HEKLA_FORMAT, "%s: %s is %g, expected a positive number up to %g", file,
            key, (double)*out, (double)most);
    return s;
}

static hekla_status read_rope(
    const struct gguf *g, const char *file, struct model_params *p, struct hekla_error *err)
{
    struct model_rope *r = &p->rope;
    struct gguf_string type;
    float old_factor;
    hekla_status s = read_positive(g, file, "llama.rope.freq_base", 10000.0f, 1e12f, &r->base, err);
    /* Older files give only the scale of linear scaling. */
    s = s ? s : read_positive(g, file, "llama.rope.scale_linear", 1.0f, 1e6f, &old_factor, err);
    s = s ? s
          : read_positive(g, file, "llama.rope.scaling.factor", old_factor, 1e6f, &r->factor, err);
    s = s ? s : gguf_get_string(g, "llama.rope.scaling.type", false, &type, err);
    s = s ? s
          : gguf_get_u32(g, "llama.rope.scaling.original_context_length", false, p->n_ctx_train,
                &r->original_ctx, err);
    s = s ? s
          : check_range(file, "llama.rope.scaling.original_context_length", r->original_ctx, 1,
                1u << 24, err);
    s = s ? s
          : read_positive(
                g, file, "llama.rope.scaling.attn_factor", 1.0f, 1e3f, &r->attn_factor, err);
    s = s ? s
          : gguf_get_f32(g, "llama.rope.scaling.yarn_ext_factor", false, 1.0f, &r->ext_factor, err);
    s = s ? s
          : read_positive(
                g, file, "llama.rope.scaling.yarn_beta_fast", 32.0f, 1e6f, &r->beta_fast, err);
    s = s ? s
          : read_positive(
                g, file, "llama.rope.scaling.yarn_beta_slow", 1.0f, 1e6f, &r->beta_slow, err);
    if (s)
        return s;
    if (gguf_string_is(type, "yarn"))
        r->scaling = ROPE_SCALING_YARN;
    else if (gguf_string_is(type, "linear") || (!type.data && r->factor != 1.0f))
        r->scaling = ROPE_SCALING_LINEAR;
    else if (!type.data || gguf_string_is(type, "none"))
        r->scaling = ROPE_SCALING_NONE;
    else
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: llama.rope.scaling.type \"%.*s\" is not supported, only none, linear and yarn",
            file, (int)(type.n < 40 ? type.n : 40), type.data);
    return HEKLA_OK;
}

static hekla_status read_params(
    const struct gguf *g, const char *file, struct model_params *p, struct hekla_error *err)
{
    hekla_status s = read_shape(g, file, p, err);
    s = s ? s
          : read_positive(
                g, file, "llama.attention.layer_norm_rms_epsilon", 1e-5f, 1.0f, &p->norm_eps, err);
    return s ? s : read_rope(g, file, p, err);
}

/* Makes the 8-bit form of x where a matrix needs it. */
static struct matvec_input input_for(struct op_list *list, struct rows x, struct rows_q8 q8,
    const struct matrix *const *matrices, uint32_t n_matrices, uint32_t n_cols)
{
    bool any_int = false;
    for (uint32_t i = 0; i < n_matrices; i++)
        any_int |=
            matrices[i]->n_shards && quant_types[matrices[i]->quant].class == QUANT_CLASS_INT;
    if (any_int)
        op_quantize(list, q8, x, n_cols);
    return (struct matvec_input){x, q8};
}

/* s->x -> Q in s->qkv, K and V in the cache. */
static void build_qkv(const struct model *m, const struct model_layer *l, const struct kv_cache *kv,
    const struct arch_scratch *s, struct op_list *list)
{
    const struct model_params *p = &m->params;
    const struct matrix *all[] = {&l->qkv, &l->q, &l->k, &l->v};
    const uint32_t q = (uint32_t)model_dim(p, DIM_Q), qk = q + (uint32_t)model_dim(p, DIM_KV);
    const uint32_t row[] = {0, 0, q, qk}, first[] = {0, 0, s->k_first, s->v_first};
    const struct gpu_view none = {0}, bias[] = {none, l->q_bias, l->k_bias, l->v_bias};
    bool fused = true;
    for (int i = 0; i < 4; i++)
        fused &= !all[i]->n_shards || (op_can_qkv(list, all[i], kv) && !bias[i].buffer);
    if (fused) {
        struct norm_input norm = {s->x, l->attn_norm, p->norm_eps};
        for (int i = 0; i < 4; i++)
            if (all[i]->n_shards)
                op_norm_qkv(list, s->qkv, kv, all[i], row[i], &norm, m->weights.rope, p->head);
        return;
    }
    op_rmsnorm(list, s->norm, s->x, l->attn_norm, p->norm_eps, false);
    struct matvec_input in = input_for(list, s->norm, s->embd_q8, all, 4, 0);
    for (int i = 0; i < 4; i++)
        op_matvec(list, s->qkv, first[i], all[i], &in, bias[i], false, 0);
    op_rope_kv(list, s->qkv, s->k_first, s->v_first, kv, m->weights.rope, p->head);
}

/* s->x -> silu(gate) * up, as the down projection wants it. */
static struct matvec_input build_gate_up(const struct model *m, const struct model_layer *l,
    const struct arch_scratch *s, struct op_list *list)
{
    const struct model_params *p = &m->params;
    bool down_int = quant_types[l->down.quant].class == QUANT_CLASS_INT;
    if (op_can_norm(list, &l->gate_up) && down_int) {
        struct norm_input norm = {s->x, l->ffn_norm, p->norm_eps};
        op_norm_swiglu(list, s->ff_q8, &l->gate_up, &norm);
        return (struct matvec_input){s->ff, s->ff_q8};
    }
    const struct matrix *all[] = {&l->gate_up, &l->gate, &l->up};
    const struct gpu_view none = {0}, bias[] = {none, l->gate_bias, l->up_bias};
    const uint32_t first[] = {0, 0, s->up_first};
    op_rmsnorm(list, s->norm, s->x, l->ffn_norm, p->norm_eps, false);
    struct matvec_input in = input_for(list, s->norm, s->embd_q8, all, 3, 0);
    if (op_can_swiglu(list, &l->gate_up)) {
        op_swiglu(list, s->ff, &l->gate_up, &in);
    } else {
        for (int i = 0; i < 3; i++)
            op_matvec(list, s->gate_up, first[i], all[i], &in, bias[i], false, 0);
        op_silu_mul(list, s->ff, s->gate_up, l->gate_up.n_shards ? 0 : s->up_first);
    }
    return input_for(list, s->ff, s->ff_q8, (const struct matrix *[]){&l->down}, 1, 0);
}

/* Attention, as the output projection wants it. */
static struct matvec_input build_attention(const struct model *m, const struct model_layer *l,
    const struct kv_cache *kv, const struct arch_scratch *s, struct op_list *list)
{
    const struct head_shape head = m->params.head;
    bool out_int = quant_types[l->attn_out.quant].class == QUANT_CLASS_INT;
    if (out_int && op_can_attention_q8(list, head)) {
        op_attention_q8(list, s->attn_q8, s->qkv, kv, s->partials, head);
        return (struct matvec_input){s->attn, s->attn_q8};
    }
    op_attention(list, s->attn, s->qkv, kv, s->partials, head);
    return input_for(list, s->attn, s->attn_q8, (const struct matrix *[]){&l->attn_out}, 1, 0);
}

static void build_layer(const struct model *m, const struct model_layer *l,
    const struct kv_cache *kv, const struct arch_scratch *s, struct op_list *list)
{
    build_qkv(m, l, kv, s, list);
    struct matvec_input in = build_attention(m, l, kv, s, list);
    op_matvec(list, s->x, 0, &l->attn_out, &in, l->attn_out_bias, true, 0);
    in = build_gate_up(m, l, s, list);
    op_matvec(list, s->x, 0, &l->down, &in, l->down_bias, true, 0);
}

static void build(const struct model *m, const struct arch_scratch *s, enum arch_logits logits,
    struct op_list *list)
{
    const struct model_weights *w = &m->weights;
    op_embed(list, s->x, &w->token_embd);
    for (uint32_t i = 0; i < m->params.n_layer; i++) {
        list->layer = i + 1;
        build_layer(m, &w->layers[i], &s->kv[i], s, list);
    }
    list->layer = 0;
    if (logits == ARCH_LOGITS_NONE)
        return;
    if (op_can_norm(list, &w->output)) {
        struct norm_input norm = {s->x, w->output_norm, m->params.norm_eps};
        op_norm_matvec(list, s->logits, &w->output, &norm);
        return;
    }
    bool last = logits == ARCH_LOGITS_LAST;
    op_rmsnorm(list, s->norm, s->x, w->output_norm, m->params.norm_eps, last);
    struct matvec_input in = input_for(
        list, s->norm, s->embd_q8, (const struct matrix *[]){&w->output}, 1, last ? 1 : 0);
    op_matvec(list, s->logits, 0, &w->output, &in, (struct gpu_view){0}, false, last ? 1 : 0);
}

const struct arch arch_llama = {
    .name = "llama",
    .read_params = read_params,
    .rules = rules,
    .n_rules = sizeof(rules) / sizeof(rules[0]),
    .build = build,
};
