/* Tiny models with attention over a latent, and experts behind a dense layer. */
#ifndef TESTS_LATENT_FILES_H
#define TESTS_LATENT_FILES_H

#include "arch_files.h"

enum { LATENT_ROTATED = 32, LATENT_PLAIN = 32, LATENT_RANK = 64, LATENT_VALUE = 32 };
enum { LATENT_EXPERTS = 16, LATENT_N_FF = 32 };

struct latent_spec {
    uint64_t seed;
    uint32_t n_layer, q_rank, n_shared, n_group;
    bool sigmoid, bias, yarn, whole_kv; /* whole_kv: K and V of heads in one tensor */
    /* A number that is not what it should be. */
    const char *key;
    uint32_t value;
};

static inline void latent_u32(
    struct arch_file *f, const struct latent_spec *s, const char *key, uint32_t value)
{
    arch_file_u32(f, key, s->key && !strcmp(s->key, key) ? s->value : value);
}

static inline void latent_keys(struct arch_file *f, const struct latent_spec *s)
{
    if (s->q_rank)
        latent_u32(f, s, "attention.q_lora_rank", s->q_rank);
    latent_u32(f, s, "attention.kv_lora_rank", LATENT_RANK);
    latent_u32(f, s, "attention.key_length", LATENT_RANK + LATENT_ROTATED);
    latent_u32(f, s, "attention.value_length", LATENT_RANK);
    latent_u32(f, s, "attention.key_length_mla", LATENT_PLAIN + LATENT_ROTATED);
    latent_u32(f, s, "attention.value_length_mla", LATENT_VALUE);
    latent_u32(f, s, "rope.dimension_count", LATENT_ROTATED);
    latent_u32(f, s, "leading_dense_block_count", 1);
    latent_u32(f, s, "expert_count", LATENT_EXPERTS);
    latent_u32(f, s, "expert_used_count", 3);
    latent_u32(f, s, "expert_shared_count", s->n_shared);
    latent_u32(f, s, "expert_feed_forward_length", LATENT_N_FF);
    latent_u32(f, s, "expert_gating_func", s->sigmoid ? 2 : 1);
    arch_file_f32(f, "expert_weights_scale", s->sigmoid ? 2.5f : 1);
    arch_file_bool(f, "expert_weights_norm", s->sigmoid);
    if (s->n_group) {
        latent_u32(f, s, "expert_group_count", s->n_group);
        latent_u32(f, s, "expert_group_used_count", 2);
    }
    if (!s->yarn)
        return;
    build_key_text(&f->keys, arch_file_key(f, "rope.scaling.type"), "yarn");
    arch_file_f32(f, "rope.scaling.factor", 40);
    arch_file_u32(f, "rope.scaling.original_context_length", 64);
    arch_file_f32(f, "rope.scaling.yarn_log_multiplier", 0.1f);
}

static inline void latent_attention(
    struct arch_file *f, const struct latent_spec *s, uint32_t layer)
{
    const uint32_t head = LATENT_PLAIN + LATENT_ROTATED, kv = LATENT_PLAIN + LATENT_VALUE;
    const uint64_t q = (uint64_t)f->n_head * head;
    if (s->q_rank) {
        arch_file_matrix(f, layer, "attn_q_a", f->n_embd, s->q_rank, 1);
        arch_file_norm(f, layer, "attn_q_a_norm", s->q_rank, false);
    }
    arch_file_matrix(
        f, layer, s->q_rank ? "attn_q_b" : "attn_q", s->q_rank ? s->q_rank : f->n_embd, q, 1.5f);
    arch_file_matrix(f, layer, "attn_kv_a_mqa", f->n_embd, LATENT_RANK + LATENT_ROTATED, 1.5f);
    arch_file_norm(f, layer, "attn_kv_a_norm", LATENT_RANK, false);
    if (s->whole_kv) {
        arch_file_matrix(f, layer, "attn_kv_b", LATENT_RANK, (uint64_t)f->n_head * kv, 1);
    } else {
        arch_file_stack(f, layer, "attn_k_b", LATENT_PLAIN, LATENT_RANK, f->n_head, 0.25f);
        arch_file_stack(f, layer, "attn_v_b", LATENT_RANK, LATENT_VALUE, f->n_head, 0.2f);
    }
    arch_file_matrix(f, layer, "attn_output", (uint64_t)f->n_head * LATENT_VALUE, f->n_embd, 1);
}

static inline void latent_ffn(struct arch_file *f, const struct latent_spec *s, uint32_t layer)
{
    if (layer == 0) {
        arch_file_ffn(f, layer, true, false);
        return;
    }
    arch_file_experts(f, layer, LATENT_EXPERTS, LATENT_N_FF);
    if (s->bias)
        arch_file_bias(f, layer, "exp_probs_b", LATENT_EXPERTS);
    arch_file_shared(f, layer, (uint64_t)s->n_shared * LATENT_N_FF);
}

static inline struct build make_latent(const struct latent_spec *s)
{
    struct arch_file f = {.arch = "deepseek2",
        .random = s->seed,
        .n_layer = s->n_layer,
        .n_embd = 64,
        .n_head = 4,
        .n_head_kv = 1,
        .head_dim = 16,
        .n_ff = 96};
    arch_file_begin(&f, false, false, false);
    latent_keys(&f, s);
    for (uint32_t i = 0; i < f.n_layer; i++) {
        arch_file_norm(&f, i, "attn_norm", f.n_embd, false);
        latent_attention(&f, s, i);
        arch_file_norm(&f, i, "ffn_norm", f.n_embd, false);
        latent_ffn(&f, s, i);
    }
    return arch_file_end(&f);
}

/* As DeepSeek V3 is. */
static const struct latent_spec latent_v3 = {.seed = 16,
    .n_layer = 4,
    .q_rank = 32,
    .n_shared = 1,
    .n_group = 4,
    .sigmoid = true,
    .bias = true,
    .yarn = true};
/* As DeepSeek V2 Lite is, which llama.cpp knows by its depth. */
static const struct latent_spec latent_lite = {.seed = 17, .n_layer = 27, .n_shared = 2};

#endif
