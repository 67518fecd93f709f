/* Tiny models of architectures that no file is at hand of: random weights, as GGUF images. */
#ifndef TESTS_ARCH_FILES_H
#define TESTS_ARCH_FILES_H

#include "../unit/gguf_build.h"
#include "../unit/vocab_build.h"

enum { ARCH_TENSORS = 800 };

struct arch_file {
    const char *arch;
    struct build keys, data;
    uint32_t n_keys, n_tensors;
    struct {
        char name[64];
        uint64_t dims[3];
        size_t offset;
    } tensors[ARCH_TENSORS];
    uint64_t random;
    uint32_t n_layer, n_embd, n_head, n_head_kv, head_dim, n_ff;
};

static inline const char *arch_file_key(struct arch_file *f, const char *key)
{
    static char name[100];
    snprintf(name, sizeof(name), "%s.%s", f->arch, key);
    f->n_keys++;
    return name;
}

static inline void arch_file_u32(struct arch_file *f, const char *key, uint32_t v)
{
    build_key_u32(&f->keys, arch_file_key(f, key), v);
}

static inline void arch_file_f32(struct arch_file *f, const char *key, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    build_key_int(&f->keys, arch_file_key(f, key), GGUF_F32, bits, 4);
}

/* -1 .. 1 */
static inline float arch_file_random(struct arch_file *f)
{
    f->random = f->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (float)(int32_t)(f->random >> 32) / 2147483648.0f;
}

static inline void arch_file_tensor(struct arch_file *f, const char *name, uint64_t columns,
    uint64_t rows, float mean, float spread)
{
    if (f->n_tensors == ARCH_TENSORS)
        abort();
    snprintf(f->tensors[f->n_tensors].name, sizeof(f->tensors[0].name), "%s", name);
    f->tensors[f->n_tensors].dims[0] = columns;
    f->tensors[f->n_tensors].dims[1] = rows;
    f->tensors[f->n_tensors].dims[2] = 1;
    f->tensors[f->n_tensors++].offset = f->data.n;
    for (uint64_t i = 0; i < columns * rows; i++) {
        float v = mean + spread * arch_file_random(f);
        uint32_t bits;
        memcpy(&bits, &v, sizeof(bits));
        build_int(&f->data, bits, 4);
    }
    build_pad(&f->data, 32);
}

/* Of a layer: results of about the inputs' size times gain. */
static inline void arch_file_matrix(struct arch_file *f, uint32_t layer, const char *name,
    uint64_t columns, uint64_t rows, float gain)
{
    char full[64];
    snprintf(full, sizeof(full), "blk.%u.%s.weight", layer, name);
    float size = 1;
    while (size * size < (float)columns / 3)
        size++;
    arch_file_tensor(f, full, columns, rows, 0, gain / size);
}

static inline void arch_file_norm(
    struct arch_file *f, uint32_t layer, const char *name, uint64_t n, bool bias)
{
    char full[64];
    snprintf(full, sizeof(full), "blk.%u.%s.weight", layer, name);
    arch_file_tensor(f, full, n, 1, 1, 0.3f);
    snprintf(full, sizeof(full), "blk.%u.%s.bias", layer, name);
    if (bias)
        arch_file_tensor(f, full, n, 1, 0, 0.2f);
}

static inline void arch_file_bias(struct arch_file *f, uint32_t layer, const char *name, uint64_t n)
{
    char full[64];
    snprintf(full, sizeof(full), "blk.%u.%s.bias", layer, name);
    arch_file_tensor(f, full, n, 1, 0, 0.2f);
}

static inline void arch_file_qkv_biases(struct arch_file *f, uint32_t layer)
{
    arch_file_bias(f, layer, "attn_q", (uint64_t)f->n_head * f->head_dim);
    arch_file_bias(f, layer, "attn_k", (uint64_t)f->n_head_kv * f->head_dim);
    arch_file_bias(f, layer, "attn_v", (uint64_t)f->n_head_kv * f->head_dim);
}

static inline void arch_file_qk_norms(
    struct arch_file *f, uint32_t layer, uint64_t q_norm, uint64_t k_norm)
{
    arch_file_norm(f, layer, "attn_q_norm", q_norm, false);
    arch_file_norm(f, layer, "attn_k_norm", k_norm, false);
}

/* Q, K, V and the output projection; some heads see sharply. */
static inline void arch_file_attention(struct arch_file *f, uint32_t layer, bool biases)
{
    uint64_t q = (uint64_t)f->n_head * f->head_dim, kv = (uint64_t)f->n_head_kv * f->head_dim;
    arch_file_matrix(f, layer, "attn_q", f->n_embd, q, 1.5f);
    arch_file_matrix(f, layer, "attn_k", f->n_embd, kv, 1.5f);
    arch_file_matrix(f, layer, "attn_v", f->n_embd, kv, 1);
    arch_file_matrix(f, layer, "attn_output", q, f->n_embd, 1);
    if (!biases)
        return;
    arch_file_qkv_biases(f, layer);
    arch_file_bias(f, layer, "attn_output", f->n_embd);
}

static inline void arch_file_ffn(struct arch_file *f, uint32_t layer, bool gate, bool biases)
{
    if (gate)
        arch_file_matrix(f, layer, "ffn_gate", f->n_embd, f->n_ff, 1);
    arch_file_matrix(f, layer, "ffn_up", f->n_embd, f->n_ff, 1);
    arch_file_matrix(f, layer, "ffn_down", f->n_ff, f->n_embd, 1);
    if (!biases)
        return;
    arch_file_bias(f, layer, "ffn_up", f->n_ff);
    arch_file_bias(f, layer, "ffn_down", f->n_embd);
}

/* n matrices in one tensor. */
static inline void arch_file_stack(struct arch_file *f, uint32_t layer, const char *name,
    uint64_t columns, uint64_t rows, uint64_t n, float spread)
{
    char full[64];
    snprintf(full, sizeof(full), "blk.%u.%s.weight", layer, name);
    arch_file_tensor(f, full, columns, rows * n, 0, spread);
    f->tensors[f->n_tensors - 1].dims[1] = rows;
    f->tensors[f->n_tensors - 1].dims[2] = n;
}

static inline void arch_file_experts(struct arch_file *f, uint32_t layer, uint32_t n, uint64_t n_ff)
{
    arch_file_matrix(f, layer, "ffn_gate_inp", f->n_embd, n, 2);
    arch_file_stack(f, layer, "ffn_gate_exps", f->n_embd, n_ff, n, 0.2f);
    arch_file_stack(f, layer, "ffn_up_exps", f->n_embd, n_ff, n, 0.2f);
    arch_file_stack(f, layer, "ffn_down_exps", n_ff, f->n_embd, n, 0.2f);
}

static inline void arch_file_bool(struct arch_file *f, const char *key, bool v)
{
    build_key_int(&f->keys, arch_file_key(f, key), GGUF_BOOL, v, 1);
}

/* One that all tokens use. */
static inline void arch_file_shared(struct arch_file *f, uint32_t layer, uint64_t n_ff)
{
    arch_file_matrix(f, layer, "ffn_gate_shexp", f->n_embd, n_ff, 1);
    arch_file_matrix(f, layer, "ffn_up_shexp", f->n_embd, n_ff, 1);
    arch_file_matrix(f, layer, "ffn_down_shexp", n_ff, f->n_embd, 1);
}

/* Keys that all have; vocab: an image without tensors, whose keys are taken and which is freed. */
static inline void arch_file_keys(struct arch_file *f, bool layer_norm, struct build *vocab)
{
    struct build *k = &f->keys;
    build_key_text(k, "general.architecture", f->arch);
    f->n_keys++;
    arch_file_u32(f, "context_length", 256);
    arch_file_u32(f, "embedding_length", f->n_embd);
    arch_file_u32(f, "block_count", f->n_layer);
    arch_file_u32(f, "feed_forward_length", f->n_ff);
    arch_file_u32(f, "attention.head_count", f->n_head);
    arch_file_u32(f, "attention.head_count_kv", f->n_head_kv);
    if (f->head_dim * f->n_head != f->n_embd) {
        arch_file_u32(f, "attention.key_length", f->head_dim);
        arch_file_u32(f, "attention.value_length", f->head_dim);
    }
    arch_file_f32(
        f, layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 1e-3f);
    arch_file_f32(f, "rope.freq_base", 5000);
    const size_t header = 24, n_keys = 16;
    build_bytes(k, vocab->data + header, vocab->n - header);
    f->n_keys += vocab->data[n_keys];
    build_free(vocab);
}

/* ARCH_FILE_VOCAB tokens. */
enum { ARCH_FILE_VOCAB = 258 };
static inline struct build arch_file_vocab(void)
{
    return build_vocab(&(struct vocab_spec){
        .pre = "gpt-2",
        .merges = {"a b"},
        .merge_tokens = {"ab"},
        .extra = {{"<|end|>", 3}},
        .bos = 257,
    });
}

/* Keys, the embedding, and what is behind the last layer. */
static inline void arch_file_begin(struct arch_file *f, bool layer_norm, bool bias, bool tied)
{
    struct build vocab = arch_file_vocab();
    arch_file_keys(f, layer_norm, &vocab);
    arch_file_tensor(f, "token_embd.weight", f->n_embd, ARCH_FILE_VOCAB, 0, tied ? 0.6f : 1.5f);
    if (!tied)
        arch_file_tensor(f, "output.weight", f->n_embd, ARCH_FILE_VOCAB, 0, 0.5f);
    arch_file_tensor(f, "output_norm.weight", f->n_embd, 1, 1, 0.3f);
    if (bias)
        arch_file_tensor(f, "output_norm.bias", f->n_embd, 1, 0, 0.2f);
}

static inline void arch_file_embedding_norm(struct arch_file *f)
{
    arch_file_tensor(f, "token_embd_norm.weight", f->n_embd, 1, 1, 0.3f);
    arch_file_tensor(f, "token_embd_norm.bias", f->n_embd, 1, 0, 0.2f);
}

/* BERT with a vocabulary of n_vocab tokens, which is freed; fused: Q, K and V in one tensor. */
static inline void arch_file_bert(
    struct arch_file *f, struct build *vocab, uint32_t n_vocab, bool fused)
{
    arch_file_keys(f, true, vocab);
    build_key_int(&f->keys, arch_file_key(f, "attention.causal"), GGUF_BOOL, 0, 1);
    build_key_u32(&f->keys, "tokenizer.ggml.token_type_count", 2);
    f->n_keys++;
    arch_file_tensor(f, "token_embd.weight", f->n_embd, n_vocab, 0, 1);
    arch_file_tensor(f, "token_types.weight", f->n_embd, 2, 0, 0.5f);
    arch_file_tensor(f, "position_embd.weight", f->n_embd, 256, 0, 1);
    arch_file_embedding_norm(f);
    for (uint32_t i = 0; i < f->n_layer; i++) {
        uint64_t q = (uint64_t)f->n_head * f->head_dim, kv = (uint64_t)f->n_head_kv * f->head_dim;
        if (fused) {
            arch_file_matrix(f, i, "attn_qkv", f->n_embd, q + 2 * kv, 1.5f);
            arch_file_bias(f, i, "attn_qkv", q + 2 * kv);
            arch_file_matrix(f, i, "attn_output", q, f->n_embd, 1);
            arch_file_bias(f, i, "attn_output", f->n_embd);
        } else {
            arch_file_attention(f, i, true);
        }
        arch_file_norm(f, i, "attn_output_norm", f->n_embd, true);
        arch_file_ffn(f, i, false, true);
        arch_file_norm(f, i, "layer_output_norm", f->n_embd, true);
    }
}

/* The image; f is empty then. */
static inline struct build arch_file_end(struct arch_file *f)
{
    struct build b = {0};
    build_header(&b, 3, f->n_tensors, f->n_keys);
    build_bytes(&b, f->keys.data, f->keys.n);
    for (uint32_t i = 0; i < f->n_tensors; i++)
        build_tensor(&b, f->tensors[i].name,
            f->tensors[i].dims[2] > 1   ? 3
            : f->tensors[i].dims[1] > 1 ? 2
                                        : 1,
            f->tensors[i].dims, 0, f->tensors[i].offset);
    build_pad(&b, 32);
    build_bytes(&b, f->data.data, f->data.n);
    build_free(&f->keys);
    build_free(&f->data);
    return b;
}

/* Writes an image and frees it. */
static inline void arch_file_write(struct build image, const char *path)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(image.data, 1, image.n, file), image.n);
    fclose(file);
    build_free(&image);
}

#endif
