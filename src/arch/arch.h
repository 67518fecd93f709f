/*
 * arch/: one file per architecture: GGUF keys -> description, tensor names -> weights by role, and
 * description -> op list. No GGUF strings elsewhere, no GPU words here.
 */
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

#include "model/model.h"

/* Memory a step works in, made by the session for the largest step. */
struct arch_scratch {
    struct rows x, norm, qkv, attn, gate_up, ff; /* f32 */
    struct rows_q8 embd_q8, attn_q8, ff_q8;
    uint32_t k_first, v_first, up_first; /* in qkv and gate_up */
    struct kv_cache *kv;                 /* [n_layer] */
    struct gpu_view partials;
    struct rows logits; /* [1 or n_tokens][n_vocab] */
};

enum arch_logits { ARCH_LOGITS_NONE, ARCH_LOGITS_LAST, ARCH_LOGITS_ALL };

struct arch {
    const char *name;
    hekla_status (*read_params)(
        const struct gguf *g, const char *file, struct model_params *out, struct hekla_error *err);
    const struct weight_rule *rules;
    size_t n_rules;
    /* Appends one step of at most list->n_tokens tokens: from history to s->logits. */
    void (*build)(const struct model *m, const struct arch_scratch *s, enum arch_logits logits,
        struct op_list *list);
};

/* The file's architecture, or HEKLA_UNSUPPORTED with its name and the list. */
hekla_status arch_find(
    const struct arch **out, const struct gguf *g, const char *file, struct hekla_error *err);

#define ARCH(name, text) extern const struct arch arch_##name;
#include "arch/arch.def"
#undef ARCH

#endif
