/*
 * arch/: one file per architecture, which says what is special about it: hyper-parameters (GGUF
 * keys) and the blocks that apply. What architectures share is table and program: keys in read.c,
 * tensors in rules.c, description -> op list in build.c and ffn.c. No GGUF strings elsewhere, no
 * GPU words here.
 */
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

#include "model/model.h"

/* Memory a step works in, made by the session for the largest step. */
struct arch_scratch {
    struct rows x, norm, qkv, attn, gate_up, ff; /* f32 */
    struct rows_q8 embd_q8, attn_q8, ff_q8;
    uint32_t up_first;   /* in gate_up */
    struct kv_cache *kv; /* [n_layer]; nothing where a layer has none of its own */
    struct gpu_view partials;
    struct rows logits; /* [1 or n_tokens][n_vocab] */
    bool short_context; /* up to rope.original_ctx positions */
    /* Experts; rows of pairs, but for scores. */
    struct expert_pairs pairs;
    struct rows scores, pair_gate_up, pair_ff, pair_out;
    struct rows_q8 pair_ff_q8;
    uint32_t pair_up_first;
    struct rows experts_sum; /* what experts add, where it is normed */
    /* What layers get of a token besides: each one's own, from input_first on, behind its gate. */
    struct rows inputs, input_proj;
    uint32_t input_first;
    /* Layers with a recurrent state, and attention whose output is gated. */
    struct state_cache *state;   /* [n_layer] */
    struct rows state_in, gates; /* what is convolved; alpha, and beta behind it */
    struct rows mixed;           /* the gate, and what is gated behind it */
    uint32_t beta_first, mixed_first;
    /* Attention over a latent; the rows of heads lie side by side, as 8-bit blocks each for itself.
     */
    struct rows q_a, q_plain, latent_out;
    struct rows_q8 q_a_q8, q_plain_q8, latent_out_q8;
};

/* ARCH_EMBEDDINGS: what the logits would be made of, in s->norm. */
enum arch_logits {
    ARCH_LOGITS_NONE,
    ARCH_LOGITS_LAST,
    ARCH_LOGITS_ALL,
    ARCH_EMBEDDINGS,
    ARCH_LOGITS_KINDS
};

/* Blocks: the tensors that a rule of rules.c is for. */
#define BLOCK_BODY 1ull /* embedding, output */
#define BLOCK_OUTPUT_NORM 0x20000ull
#define BLOCK_MODEL (BLOCK_BODY | BLOCK_OUTPUT_NORM)
#define BLOCK_ATTN 2ull           /* Q, K and V each for themselves */
#define BLOCK_ATTN_FUSED 4ull     /* in one tensor */
#define BLOCK_FFN 8ull            /* with a gate */
#define BLOCK_FFN_FUSED 0x10ull   /* gate and up in one tensor */
#define BLOCK_FFN_PLAIN 0x20ull   /* without a gate */
#define BLOCK_FFN_NORM 0x40ull    /* its own norm */
#define BLOCK_POST_NORM 0x80ull   /* of what attention and feed-forward add */
#define BLOCK_HEAD_NORM 0x100ull  /* of Q and K by heads */
#define BLOCK_LAYER_NORM 0x200ull /* biases of norms */
#define BLOCK_SINKS 0x400ull
#define BLOCK_EXPERTS 0x800ull
#define BLOCK_SHARED 0x1000ull           /* an expert that all tokens use */
#define BLOCK_ATTN_NORM_IS_FFN 0x2000ull /* the feed-forward norm has another name */
#define BLOCK_LONG_ROPE 0x4000ull
#define BLOCK_MAYBE_HEAD_NORM 0x8000ull /* models with and without */
#define BLOCK_MAYBE_FFN_NORM 0x10000ull
#define BLOCK_ATTN_MAYBE_V 0x40000ull     /* Q, K and V, and where there is no V, K is */
#define BLOCK_LAYER_INPUT 0x80000ull      /* each layer gets something of a token besides */
#define BLOCK_OUTPUT_SCALE 0x100000ull    /* of layers; or without */
#define BLOCK_ATTN_NORM 0x200000ull       /* before attention */
#define BLOCK_WIDE_NORM 0x400000ull       /* of Q and of K, all heads together */
#define BLOCK_EXPERTS_FUSED 0x800000ull   /* gate and up in one tensor */
#define BLOCK_EXPERTS_BESIDE 0x1000000ull /* experts and a dense part, with norms each */
#define BLOCK_EMBD_NORM 0x2000000ull      /* the last norm has another name */
#define BLOCK_ATTN_GATED 0x4000000ull     /* Q, K and V, and in Q's tensor gates of the output */
#define BLOCK_SHORT_CONV 0x8000000ull     /* a gated convolution */
#define BLOCK_DELTA_NET 0x10000000ull
#define BLOCK_SHARED_GATE 0x20000000ull /* how much the shared expert counts */
#define BLOCK_CHOICE_BIAS 0x40000000ull /* of experts, when they are chosen; or without */
#define BLOCK_LATENT 0x80000000ull      /* attention over a latent */
#define BLOCK_LATENT_Q 0x100000000ull   /* whose Q is made of the input */
#define BLOCK_LATENT_Q_A 0x200000000ull /* whose Q is made of less */
#define BLOCK_ENCODER 0x400000000ull    /* norms of the embedding, and of all that leaves a part */
#define BLOCK_POSITIONS 0x800000000ull  /* an embedding of positions */
#define BLOCKS_LLAMA (BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN | BLOCK_FFN | BLOCK_FFN_NORM)

/* Reads keys by their names behind the architecture's; the first failure stays. */
struct arch_reader {
    const struct gguf *g;
    const char *file, *arch; /* arch: as in keys */
    struct hekla_error *err;
    hekla_status status;
};

struct arch {
    uint64_t blocks;
    uint64_t state_blocks; /* of layers with LAYER_STATE; 0: it has no such layers */
    bool neox;             /* rotated pairs are i and i + n_rot / 2 */
    /* What differs from a llama; may be NULL. The common keys are read. */
    void (*read)(struct arch_reader *r, struct model_params *p);
};

/* read.c; a value that is out of range is a failure. fallback: if the key is absent. */
uint32_t arch_read_u32(
    struct arch_reader *r, const char *key, uint32_t fallback, uint32_t low, uint32_t high);
/* The key must be there. */
uint32_t arch_need_u32(struct arch_reader *r, const char *key, uint32_t low, uint32_t high);
/* latent.c: the same of attention over a latent, and what that is made of. */
void arch_read_latent(struct arch_reader *r, struct model_params *p);
/* A head's elements and how many of them are rotated, by the keys that end so. */
void arch_read_head(struct arch_reader *r, const char *end, struct head_shape *h);
float arch_read_positive(struct arch_reader *r, const char *key, float fallback, float most);
float arch_read_f32(struct arch_reader *r, const char *key, float fallback);
bool arch_read_bool(struct arch_reader *r, const char *key, bool fallback);
/* Which layers see a window: those of a `pattern` but the last of each, unless the file says. */
void arch_read_window(struct arch_reader *r, struct model_params *p, uint32_t pattern);
/* Where layers see a window, the others do not mark positions. */
void arch_global_unmarked(struct model_params *p);
/* Which layers have a state: those that the file lists, or all but the last of each interval. */
void arch_read_states(struct arch_reader *r, struct model_params *p);
/* What models have that only make embeddings: tokens see all others, Q, K and V may be fused. */
void arch_read_encoder(struct arch_reader *r, struct model_params *p);
/* experts.c: experts in place of the feed-forward part, as many as the file says; n 0: none. */
void arch_read_experts(struct arch_reader *r, struct model_params *p);
/* The same, and what further keys say of them: how they are chosen, one that all tokens use, and
 * layers at the beginning that have none. sigmoid: how they are rated where the file does not say.
 */
void arch_read_routed_experts(struct arch_reader *r, struct model_params *p, bool sigmoid);

/* The file's architecture, or HEKLA_UNSUPPORTED with its name and the list. *name: as in keys. */
hekla_status arch_find(const struct arch **out, const char **name, const struct gguf *g,
    const char *file, struct hekla_error *err);
hekla_status arch_read_params(const struct arch *arch, const char *name, const struct gguf *g,
    const char *file, struct model_params *out, struct hekla_error *err);
/* The tensors of all architectures. */
const struct weight_rule *arch_rules(size_t *n);
/* What the rules cannot say of weights that are there. */
hekla_status arch_check(const struct model *m, const char *file, struct hekla_error *err);
/* Whether a model of these parameters can need the kernel. */
bool arch_needs(const struct model_params *p, enum kernel base);
/* Appends one step of at most list->n_tokens tokens: from history to s->logits. */
void arch_build(const struct model *m, const struct arch_scratch *s, enum arch_logits logits,
    struct op_list *list);

#define ARCH(name, text) extern const struct arch arch_##name;
#include "arch/arch.def"
#undef ARCH

#endif
