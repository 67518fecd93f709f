/*
 * model/: a model's description (hyper-parameters, and weights by role) and its weights in device
 * memory. Owns the weight buffers, in slabs of at most caps->max_slab. Knows no architecture: arch/
 * fills the description and names the tensors, and model/ finds, checks and uploads them.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "gguf/gguf.h"
#include "kernels/op.h"

enum rope_scaling { ROPE_SCALING_NONE, ROPE_SCALING_LINEAR, ROPE_SCALING_YARN };

struct model_rope {
    float base;
    enum rope_scaling scaling;
    float factor;          /* context extension, >= 1 in practice */
    uint32_t original_ctx; /* YaRN */
    float ext_factor, attn_factor, beta_fast, beta_slow;
};

struct model_params {
    uint32_t n_vocab, n_ctx_train, n_embd, n_layer, n_ff;
    struct head_shape head;
    float norm_eps;
    struct model_rope rope;
};

/* Views with a NULL buffer and matrices with no shards: the model does not have them. */
struct model_layer {
    struct gpu_view attn_norm, ffn_norm; /* [n_embd] */
    struct matrix qkv;                   /* the rows of Q, K and V, or of Q and K, in one; else: */
    struct matrix q, k, v;               /* [n_head(_kv) * head_dim, n_embd] */
    struct matrix attn_out;              /* [n_embd, n_head * head_dim] */
    struct matrix gate_up;               /* quads of both by turns; else: */
    struct matrix gate, up;              /* [n_ff, n_embd] */
    struct matrix down;                  /* [n_embd, n_ff] */
    struct gpu_view q_bias, k_bias, v_bias, attn_out_bias, gate_bias, up_bias, down_bias;
};

struct model_weights {
    struct matrix token_embd;    /* [n_vocab, n_embd] */
    struct matrix output;        /* the same; the embedding's if the file has none */
    struct gpu_view output_norm; /* [n_embd] */
    struct gpu_view rope_freqs;  /* [n_rot / 2] */
    struct gpu_view rope;        /* rotations, see rope_table_create */
    struct model_layer *layers;  /* [n_layer] */
};

/* One tensor an architecture uses: its name in the file (with %u for the layer), its shape, and
 * where in model_weights or model_layer it belongs. */
enum weight_dim { DIM_ONE, DIM_VOCAB, DIM_EMBD, DIM_Q, DIM_KV, DIM_FF, DIM_ROT_HALF };
/* WEIGHT_TURNS: a matrix; with another it becomes one in which quads of rows of both take turns,
 * where the rows of WEIGHT_MATRIX just follow each other. */
enum weight_kind { WEIGHT_MATRIX, WEIGHT_TURNS, WEIGHT_VECTOR };
struct weight_rule {
    const char *name;
    enum weight_kind kind;
    enum weight_dim columns, rows; /* the file's dims[0] and dims[1]; rows DIM_ONE for a vector */
    bool per_layer, optional;
    size_t field; /* offsetof */
    /* Matrices of a layer that become one, if they have one format: offsetof, or 0. A vector with
     * it prevents that where the file has it. */
    size_t into;
};

struct model_progress {
    bool (*report)(void *user, double fraction); /* false: cancel; may be NULL */
    void *user;
};

struct model_store; /* slabs */

struct model {
    struct gpu_device *dev;
    struct model_params params;
    struct model_weights weights;
    struct model_store *store;
    uint64_t device_bytes, file_bytes, n_params;
};

/* Finds every tensor that the rules name, checks type and shape, and uploads. params is complete.
 * On failure m holds what model_weights_free frees. */
hekla_status model_weights_load(struct model *m, const struct gguf *g, const char *file,
    const struct weight_rule *rules, size_t n_rules, struct model_progress progress,
    struct hekla_error *err);
/* The same without memory: everything is found, checked and placed, and device_bytes is known. */
hekla_status model_weights_place(struct model *m, const struct gguf *g, const char *file,
    const struct weight_rule *rules, size_t n_rules, struct hekla_error *err);
void model_weights_free(struct model *m);

uint64_t model_dim(const struct model_params *p, enum weight_dim dim);
/* Weight bytes read for one decoded token. */
uint64_t model_decode_bytes(const struct model *m);

/* store.c: placing and filling device memory. what: its purpose, for messages; kept. */
hekla_status model_store_create(
    struct model_store **out, struct gpu_device *dev, const char *what, struct hekla_error *err);
void model_store_destroy(struct model_store *s);
/* Reserves bytes (at most max_range, 256-byte aligned); the buffers exist after _allocate. */
void model_store_reserve(struct model_store *s, uint64_t bytes, struct gpu_view *out);
hekla_status model_store_allocate(struct model_store *s, struct hekla_error *err);
/* Space for `bytes` at `offset` of view, to be filled by the caller before the next call. The
 * memory may be the view's own or staging. At most MODEL_STAGING_BYTES. */
#define MODEL_STAGING_BYTES (16ull << 20)
hekla_status model_store_map(struct model_store *s, const struct gpu_view *view, uint64_t offset,
    uint64_t bytes, void **out, struct hekla_error *err);
/* Sends what was mapped last. */
hekla_status model_store_flush(struct model_store *s, struct hekla_error *err);
uint64_t model_store_bytes(const struct model_store *s);
/* The i-th allocation; false behind the last. */
bool model_store_slab(const struct model_store *s, uint32_t i, struct gpu_view *out);

/* rope.c: rotation tables, [ROPE_LOW + high][n_rot / 2] pairs (cos, sin): row l < ROPE_LOW is the
 * rotation by l, row ROPE_LOW + h by 256 h; high covers n_ctx positions. freqs: [n_rot / 2]
 * divisors or NULL. The result is malloc'ed, *bytes long; NULL: out of memory. The same bits on
 * every host. */
float *rope_table_create(const struct model_rope *rope, uint32_t n_rot, uint32_t n_ctx,
    const float *freqs, uint64_t *bytes);
uint64_t rope_table_bytes(uint32_t n_rot, uint32_t n_ctx);

#endif
