/* convert/mix: which tensor becomes which type. A mix is what people ask for by name ("Q4_K_M"):
 * the type of most matrices, and rules for those that are worth more bits. The rules are the ones
 * files of these names follow everywhere. */
#ifndef CONVERT_MIX_H
#define CONVERT_MIX_H

#include "gguf/gguf.h"
#include "quant/quant.h"

enum mix_when {
    MIX_NEVER,
    MIX_ALWAYS,
    MIX_GQA_4,     /* four or more heads share their keys and values */
    MIX_FIRST_2,   /* layers; */
    MIX_FIRST_4,   /* likewise */
    MIX_SIXTEENTH, /* the first sixteenth of the layers */
    MIX_EIGHTH,
    MIX_SOME, /* the first and last eighth, and every third between */
};

struct mix_rule {
    enum mix_when when;
    enum quant then, otherwise; /* otherwise QT_f32: the mix's own type */
};

struct mix {
    const char *name, *alias; /* alias: NULL, or a second name */
    enum quant type;
    uint32_t file_type; /* general.file_type */
    struct mix_rule attn_v, ffn_down, attn_output;
    bool attn_output_q5_k; /* of models with 8 experts */
};

/* NULL after the last. */
const struct mix *mix_at(uint32_t i);
/* By name or alias, in any case; NULL: there is none. */
const struct mix *mix_find(const char *name);

/* What the rules ask of a model. */
struct mix_model {
    uint32_t n_layers, n_experts, gqa, n_attn_v;
    bool tied; /* the embedding is also the output matrix */
    const struct gguf *gguf;
};
void mix_look(struct mix_model *model, const struct gguf *gguf);

/* The type for a tensor. *wanted: what it would be if its rows were whole blocks. `pure`: the mix's
 * own type for every matrix. */
enum quant mix_choose(const struct mix *mix, const struct mix_model *model,
    const struct gguf_tensor *t, bool pure, enum quant *wanted);

#endif
