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
    uint32_t n_rot; /* elements of a head that are rotated */
    enum rope_scaling scaling;
    float factor;          /* context extension, >= 1 in practice */
    uint32_t original_ctx; /* YaRN */
    float ext_factor, attn_factor, beta_fast, beta_slow;
    float log_multiplier; /* YaRN: of the part of the stretch that is taken back; 0: none of it */
};

enum { MODEL_MAX_LAYERS = 1024 };
/* What is special about a layer. */
#define LAYER_LOCAL 1u   /* sees a window; uses rope_local */
#define LAYER_NO_ROPE 2u /* positions are not marked */
#define LAYER_STATE 4u   /* a recurrent state in place of attention */
#define LAYER_DENSE 8u   /* no experts, where the others have them */

/* How a layer is cut. */
struct layer_shape {
    struct head_shape head; /* n_head is the same in all layers */
    uint32_t n_ff;
    uint32_t kv_layer; /* whose K and V it sees: its own, or those of an earlier one */
};

struct model_experts {
    uint32_t n, n_used, n_ff; /* n 0: none */
    uint32_t n_ff_shared;     /* of the expert that all tokens use besides; 0: none */
    uint64_t dense_blocks;    /* as of the model, of layers without experts */
    float router_scale;       /* of what the router sees; 0: 1 */
    struct routing routing;
};

/* Layers with a recurrent state; see conv_args and delta_args. */
struct model_state {
    uint32_t taps, channels;       /* of the convolution; taps 0: there are no such layers */
    uint32_t n_head, n_group, dim; /* of the delta rule; n_head 0: the layer has none */
    uint64_t blocks;               /* as of the model, of these layers */
};

/* Attention over a latent: what K and V of all heads are made of is kept in place of them, as one
 * head of K, [n_rot rotated | rank], whose rank elements are V, too. Heads of Q come to it by a
 * matrix each, and what they see goes through another one. https://arxiv.org/abs/2405.04434 */
struct model_latent {
    uint32_t rank;     /* 0: the model has no such thing */
    uint32_t q_rank;   /* of what Q is made of; 0: of the layer's input */
    uint32_t head_dim; /* of Q before, without what is rotated */
    uint32_t value_dim;
};

/* 0 is what a plain llama has, except for the first lines. */
struct model_params {
    uint32_t n_vocab, n_ctx_train, n_embd, n_layer, n_ff;
    struct head_shape head; /* of the common keys; n_head_kv and n_ff: the most of a layer */
    uint32_t n_next;        /* layers behind the last that guess further tokens: left out */
    uint32_t n_token_types; /* text is of the first */
    uint32_t n_layer_input; /* of what each layer gets of a token besides; 0: nothing */
    float norm_eps;
    struct model_rope rope, rope_local;
    uint64_t blocks;    /* rules and program: BLOCK_... */
    bool neox;          /* rotated pairs are i and i + n_rot / 2, in the file */
    bool layer_norm;    /* else RMS norms */
    bool parallel;      /* the feed-forward part has the attention's input */
    bool value_norm;    /* heads of V are normed, too, without a weight */
    bool long_rope;     /* rotations also for contexts up to rope.original_ctx: rope_short */
    uint32_t act;       /* GLU_... */
    float embed_scale;  /* 0: 1 */
    float output_scale; /* of the logits; 0: 1. In the weights of the last norm */
    float output_softcap;
    struct attn_options attention; /* window: of local layers */
    struct model_experts experts;
    struct model_state state;
    struct model_latent latent;
    uint8_t layers[MODEL_MAX_LAYERS]; /* LAYER_... */
    struct layer_shape shapes[MODEL_MAX_LAYERS];
};

/* The matrices of a layer, by role. */
#define MODEL_MATRICES(X)                                                                          \
    X(qkv) /* the rows of Q, K and V, or of Q and K, in one; else: */                              \
    X(q)                                                                                           \
    X(k)                                                                                           \
    X(v)         /* [n_head(_kv) * head_dim, n_embd] */                                            \
    X(q_a)       /* [q_rank, n_embd]; or Q is made of the input */                                 \
    X(q_plain)   /* what is not rotated, [n_head * latent.head_dim, q_rank or n_embd] */           \
    X(q_rotated) /* [n_head * n_rot, the same] */                                                  \
    X(kv_a)      /* the rows of both in one; else: */                                              \
    X(k_rotated) /* [n_rot, n_embd] */                                                             \
    X(kv_latent) /* [rank, n_embd] */                                                              \
    X(k_b)       /* of each head [rank, latent.head_dim] */                                        \
    X(v_b)       /* of each head [latent.value_dim, rank] */                                       \
    X(attn_out)  /* [n_embd, n_head * head_dim]; or of what a state gives */                       \
    X(mix_gate)  /* what attn_out multiplies is gated by it */                                     \
    X(state_in)  /* [channels of the convolution, or 3 n_embd, n_embd] */                          \
    X(alpha)                                                                                       \
    X(beta)    /* [heads of the state, n_embd] */                                                  \
    X(gate_up) /* quads of both by turns; else: */                                                 \
    X(gate)                                                                                        \
    X(up)           /* [n_ff, n_embd] */                                                           \
    X(down)         /* [n_embd, n_ff] */                                                           \
    X(input_gate)   /* [n_layer_input, n_embd] */                                                  \
    X(input_proj)   /* [n_embd, n_layer_input] */                                                  \
    X(shared_gate)  /* [1, n_embd] */                                                              \
    X(router)       /* [n_expert, n_embd] */                                                       \
    X(experts_both) /* gate_up of all experts; else: */                                            \
    X(experts_gate)                                                                                \
    X(experts_up)                                                                                  \
    X(experts_fused) /* of each expert gate, then up */                                            \
    X(experts_down)

/* Views with a NULL buffer and matrices with no shards: the model does not have them. */
struct model_layer {
    /* First: a matrix at offset 0 could not be named by a rule's `into`. */
    struct gpu_view attn_norm, attn_norm_bias, ffn_norm, ffn_norm_bias; /* [n_embd] */
#define MATRIX(name) struct matrix name;
    MODEL_MATRICES(MATRIX)
#undef MATRIX
    struct gpu_view attn_post_norm, ffn_post_norm; /* of what is added; [n_embd] */
    /* Of the sum; [n_embd] */
    struct gpu_view attn_sum_norm, attn_sum_norm_bias, ffn_sum_norm, ffn_sum_norm_bias;
    struct gpu_view head_norm; /* of Q, K and V, [n_head + n_head_kv (+ n_head_kv)][head_dim] */
    struct gpu_view sinks;     /* [n_head] */
    struct gpu_view q_a_norm, kv_a_norm; /* [q_rank], [rank] */
    /* Of experts beside a dense part: what they and the router see; of what each part adds. */
    struct gpu_view router_norm, experts_norm, experts_post_norm, dense_post_norm; /* [n_embd] */
    struct gpu_view experts_scales, choice_bias;                                   /* [n_expert] */
    struct gpu_view input_post_norm;                                               /* [n_embd] */
    struct gpu_view conv;              /* [channels][taps] */
    struct gpu_view state_dt, state_a; /* [heads of the state] */
    struct gpu_view state_norm;        /* [dim] */
    float output_scale;                /* of all that leaves the layer; 0: 1 */
};

struct model_weights {
    struct matrix token_embd;                      /* [n_vocab, n_embd] */
    struct matrix position_embd;                   /* [n_ctx_train, n_embd] */
    struct matrix type_embd;                       /* [n_token_types, n_embd]; row 0 is of text */
    struct gpu_view embd_norm, embd_norm_bias;     /* [n_embd] */
    struct matrix output;                          /* the same; the embedding's if there is none */
    struct gpu_view output_norm, output_norm_bias; /* [n_embd] */
    struct matrix layer_embd;                      /* [n_vocab, n_layer * n_layer_input] */
    struct matrix layer_proj;                      /* [n_layer * n_layer_input, n_embd] */
    struct gpu_view layer_norm;                    /* [n_layer_input] */
    struct gpu_view rope_freqs, rope_freqs_short;  /* [n_rot / 2] */
    struct gpu_view rope, rope_local, rope_short;  /* rotations, see rope_table_create */
    struct model_layer *layers;                    /* [n_layer] */
};

/* One tensor an architecture uses: its name in the file (with %u for the layer), its shape, and
 * where in model_weights or model_layer it belongs. */
enum weight_dim {
    DIM_NONE, /* nothing asks for it */
    DIM_ONE,
    DIM_VOCAB,
    DIM_CTX,
    DIM_TOKEN_TYPES,
    DIM_EMBD,
    DIM_Q,
    DIM_KV,
    DIM_HEAD,
    DIM_HEADS,
    DIM_HEADS_KV,
    DIM_FF,
    DIM_ROT_HALF,
    DIM_EXPERTS,
    DIM_FF_EXPERT,
    DIM_FF_EXPERT_BOTH,
    DIM_FF_SHARED,
    DIM_LAYER_INPUT,
    DIM_LAYER_INPUTS,
    DIM_TAPS,
    DIM_CHANNELS,
    DIM_GATED, /* three times the channels */
    DIM_STATE_HEADS,
    DIM_STATE_HEAD,
    DIM_STATE_OUT,
    DIM_ROT,
    DIM_LATENT,
    DIM_LATENT_Q,     /* what Q is made of */
    DIM_LATENT_HEAD,  /* what is not rotated */
    DIM_LATENT_PLAIN, /* the same of all heads */
    DIM_LATENT_ROTATED,
    DIM_LATENT_VALUE,
    DIM_LATENT_VALUES, /* of all heads */
};
/* WEIGHT_TURNS: a matrix; with another it becomes one in which quads of rows of both take turns,
 * where the rows of WEIGHT_MATRIX just follow each other. WEIGHT_BIAS: a vector that belongs to the
 * matrix of the same field, named before. WEIGHT_HEADS: a vector for each head of Q or K, or one
 * for all of them. WEIGHT_SCALAR: a number for the host. */
enum weight_kind {
    WEIGHT_MATRIX,
    WEIGHT_TURNS,
    WEIGHT_VECTOR,
    WEIGHT_BIAS,
    WEIGHT_HEADS,
    WEIGHT_SCALAR,
};
/* A tensor may hold more than a rule asks for: these rows of it. */
enum weight_slice {
    SLICE_ALL,
    SLICE_Q,
    SLICE_K,
    SLICE_V,
    SLICE_GATE,
    SLICE_UP,
    SLICE_HEADS_Q, /* the first halves of heads of 2 head_dim rows */
    SLICE_HEADS_GATE,
    SLICE_PLAIN, /* of each head, before what is rotated */
    SLICE_ROTATED,
    SLICE_LATENT, /* before what is rotated */
    SLICE_LATENT_ROTATED,
};
#define RULE_LAYER 1u /* one a layer */
#define RULE_OPTIONAL 2u
#define RULE_ROTATED 4u  /* rows are heads that are rotated */
#define RULE_EXPERTS 8u  /* one after the other for all experts */
#define RULE_HEADS 32u   /* the same for all heads */
#define RULE_INSTEAD 16u /* where no rule before has found a matrix for the field */
struct weight_rule {
    const char *name;
    enum weight_kind kind;
    enum weight_dim columns, rows; /* the file's dims[0] and dims[1]; rows DIM_ONE for a vector */
    uint32_t flags;                /* RULE_... */
    uint64_t blocks;               /* it is for models that have one of these */
    size_t field;                  /* offsetof */
    size_t into;                   /* matrices of a layer that become one: offsetof, or 0 */
    enum weight_slice slice;
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

/* Finds every tensor that the rules name, checks type and shape, and uploads; a tensor that none
 * names is an error. params is complete.
 * On failure m holds what model_weights_free frees. */
hekla_status model_weights_load(struct model *m, const struct gguf *g, const char *file,
    const struct weight_rule *rules, size_t n_rules, struct model_progress progress,
    struct hekla_error *err);
/* The same without memory: everything is found, checked and placed, and device_bytes is known. */
hekla_status model_weights_place(struct model *m, const struct gguf *g, const char *file,
    const struct weight_rule *rules, size_t n_rules, struct hekla_error *err);
void model_weights_free(struct model *m);

/* Of a layer; 0: it has nothing of the kind. */
uint64_t model_dim(const struct model_params *p, enum weight_dim dim, uint32_t layer);
/* The most that a layer has. */
uint64_t model_widest(const struct model_params *p, enum weight_dim dim);
/* Whether K and V of the layer are its own. */
bool model_has_kv(const struct model_params *p, uint32_t layer);
/* Where in K's elements V begins that is a part of them; 0: V is its own. */
uint32_t model_value_first(const struct model_params *p);
/* Elements of K and V that a position has in the cache of a layer. */
uint32_t model_kv_elements(const struct model_params *p, uint32_t layer);
/* Every layer is cut alike, by p->head and p->n_ff. */
void model_shape_layers(struct model_params *p);
/* Floats of a recurrent state: rows of the convolution, then matrices. */
uint32_t model_conv_floats(const struct model_params *p);
uint32_t model_state_floats(const struct model_params *p);
uint32_t model_attention_layers(const struct model_params *p);
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
float *rope_table_create(
    const struct model_rope *rope, uint32_t n_ctx, const float *freqs, uint64_t *bytes);
uint64_t rope_table_bytes(const struct model_rope *rope, uint32_t n_ctx);

#endif
