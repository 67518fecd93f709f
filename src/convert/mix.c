#include "convert/mix.h"

#include "base/le.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct mix mixes[] = {
    {"F16", NULL, QT_f16, 1, {0}, {0}, {0}, false},
    {"BF16", NULL, QT_bf16, 32, {0}, {0}, {0}, false},
    {"Q8_0", NULL, QT_q8_0, 7, {0}, {0}, {0}, false},
    {"Q4_0", NULL, QT_q4_0, 2, {0}, {0}, {0}, false},
    {"Q4_1", NULL, QT_q4_1, 3, {0}, {0}, {0}, false},
    {"Q5_0", NULL, QT_q5_0, 8, {0}, {0}, {0}, false},
    {"Q5_1", NULL, QT_q5_1, 9, {0}, {0}, {0}, false},
    {"Q2_K", NULL, QT_q2_k, 10, {MIX_GQA_4, QT_q4_k, QT_q3_k}, {MIX_ALWAYS, QT_q3_k, 0},
        {MIX_ALWAYS, QT_q3_k, 0}, true},
    {"Q2_K_S", NULL, QT_q2_k, 21, {MIX_GQA_4, QT_q4_k, 0}, {MIX_EIGHTH, QT_q4_k, 0}, {0}, false},
    {"Q3_K_S", NULL, QT_q3_k, 11, {0}, {0}, {0}, true},
    {"Q3_K_M", "Q3_K", QT_q3_k, 12, {MIX_FIRST_2, QT_q5_k, QT_q4_k},
        {MIX_SIXTEENTH, QT_q5_k, QT_q4_k}, {MIX_ALWAYS, QT_q4_k, 0}, true},
    {"Q3_K_L", NULL, QT_q3_k, 13, {MIX_ALWAYS, QT_q5_k, 0}, {MIX_ALWAYS, QT_q5_k, 0},
        {MIX_ALWAYS, QT_q5_k, 0}, false},
    {"Q4_K_S", NULL, QT_q4_k, 14, {MIX_FIRST_4, QT_q5_k, 0}, {MIX_EIGHTH, QT_q5_k, 0}, {0}, true},
    {"Q4_K_M", "Q4_K", QT_q4_k, 15, {MIX_SOME, QT_q6_k, 0}, {MIX_SOME, QT_q6_k, 0}, {0}, true},
    {"Q5_K_S", NULL, QT_q5_k, 16, {0}, {0}, {0}, false},
    {"Q5_K_M", "Q5_K", QT_q5_k, 17, {MIX_SOME, QT_q6_k, 0}, {MIX_SOME, QT_q6_k, 0}, {0}, false},
    {"Q6_K", NULL, QT_q6_k, 18, {0}, {0}, {0}, false},
    {"IQ4_NL", NULL, QT_iq4_nl, 25, {MIX_GQA_4, QT_q5_k, 0}, {MIX_EIGHTH, QT_q5_k, 0}, {0}, true},
    {"IQ4_XS", NULL, QT_iq4_xs, 30, {MIX_GQA_4, QT_q5_k, 0}, {MIX_EIGHTH, QT_q5_k, 0}, {0}, true},
    {"MXFP4", NULL, QT_mxfp4, 38, {0}, {0}, {0}, false},
};

const struct mix *mix_at(uint32_t i)
{
    return i < sizeof(mixes) / sizeof(mixes[0]) ? &mixes[i] : NULL;
}

const struct mix *mix_find(const char *name)
{
    for (uint32_t i = 0; mix_at(i); i++)
        if (!strcasecmp(name, mixes[i].name) ||
            (mixes[i].alias && !strcasecmp(name, mixes[i].alias)))
            return &mixes[i];
    return NULL;
}

/* ---- the model --------------------------------------------------------------------------------
 */

static bool contains(struct gguf_string s, const char *text)
{
    size_t n = strlen(text);
    for (uint64_t i = 0; i + n <= s.n; i++)
        if (!memcmp(s.data + i, text, n))
            return true;
    return false;
}

static bool is_attn_v(struct gguf_string name)
{
    return contains(name, "attn_v.weight") || contains(name, "attn_qkv.weight") ||
           contains(name, "attn_kv_b.weight");
}

/* Of "blk.N."; 0 for other names. */
static uint32_t layer_of(struct gguf_string name)
{
    char head[20] = {0};
    unsigned layer = 0;
    memcpy(head, name.data, name.n < sizeof(head) - 1 ? (size_t)name.n : sizeof(head) - 1);
    return sscanf(head, "blk.%9u.", &layer) == 1 ? layer : 0;
}

/* A count, or that of the first layer where they differ; 0 if there is none. */
static uint32_t count_of(const struct gguf *g, struct gguf_string arch, const char *what)
{
    char name[128];
    uint32_t count = 0;
    snprintf(name, sizeof(name), "%.*s.%s", (int)(arch.n < 64 ? arch.n : 64), arch.data, what);
    const struct gguf_key *key = gguf_find_key(g, name);
    if (key && key->type == GGUF_ARRAY)
        return key->n > 0 && (key->item_type == GGUF_U32 || key->item_type == GGUF_I32)
                   ? le_u32(key->data)
                   : 0;
    return gguf_get_u32(g, name, false, 0, &count, NULL) ? 0 : count;
}

void mix_look(struct mix_model *model, const struct gguf *gguf)
{
    struct gguf_string arch = {"", 0};
    *model = (struct mix_model){.gguf = gguf, .tied = !gguf_find_tensor(gguf, "output.weight")};
    if (gguf_get_string(gguf, "general.architecture", true, &arch, NULL))
        return;
    uint32_t kv = count_of(gguf, arch, "attention.head_count_kv");
    model->n_layers = count_of(gguf, arch, "block_count");
    model->n_experts = count_of(gguf, arch, "expert_count");
    model->gqa = kv ? count_of(gguf, arch, "attention.head_count") / kv : 1;
    for (uint64_t i = 0; i < gguf->n_tensors; i++)
        model->n_attn_v += is_attn_v(gguf->tensors[i].name);
}

/* ---- the rules --------------------------------------------------------------------------------
 */

/* Vectors, and matrices so small or so delicate that they are left alone. */
static bool is_kept(const struct gguf_tensor *t)
{
    static const char *const kept[] = {"_norm.weight", "ffn_gate_inp.weight", "tid2eid.weight",
        "altup", "laurel", "per_layer_model_proj", "position_embd", "token_types", "ssm_conv1d",
        "shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight",
        "attn_rel_b.weight", "rope_freqs"};
    if (t->n_elements == t->dims[0])
        return true;
    if (t->name.n < 6 || memcmp(t->name.data + t->name.n - 6, "weight", 6) != 0)
        return true;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (contains(t->name, kept[i]))
            return true;
    return false;
}

/* Layer i of n. */
static enum quant apply(
    const struct mix *mix, const struct mix_rule *rule, uint32_t gqa, uint32_t i, uint32_t n)
{
    bool yes = false;
    switch (rule->when) {
    case MIX_NEVER:
        return mix->type;
    case MIX_ALWAYS:
        yes = true;
        break;
    case MIX_GQA_4:
        yes = gqa >= 4;
        break;
    case MIX_FIRST_2:
        yes = i < 2;
        break;
    case MIX_FIRST_4:
        yes = i < 4;
        break;
    case MIX_SIXTEENTH:
        yes = i < n / 16;
        break;
    case MIX_EIGHTH:
        yes = i < n / 8;
        break;
    case MIX_SOME:
        yes = i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
        break;
    }
    return yes ? rule->then : rule->otherwise ? rule->otherwise : mix->type;
}

/* The place of a tensor among the attn_v's, which not every layer need have. */
static uint32_t rank_of(const struct mix_model *model, uint32_t layer)
{
    uint32_t rank = 0;
    for (uint64_t i = 0; i < model->gguf->n_tensors; i++) {
        struct gguf_string name = model->gguf->tensors[i].name;
        rank += is_attn_v(name) && layer_of(name) < layer;
    }
    return rank;
}

static enum quant choose_attn_v(
    const struct mix *mix, const struct mix_model *model, uint32_t layer)
{
    enum quant type = apply(mix, &mix->attn_v, model->gqa, rank_of(model, layer), model->n_attn_v);
    /* Llama 70B and its like share each of these among 8 heads: more bits cost little there. */
    if (model->n_layers == 80 && model->gqa > 1 && (type == QT_q3_k || type == QT_q4_k))
        type = QT_q5_k;
    return model->n_experts == 8 ? QT_q8_0 : type;
}

/* The type for a matrix whose rows are whole blocks of any type. */
static enum quant choose_matrix(
    const struct mix *mix, const struct mix_model *model, const struct gguf_tensor *t)
{
    bool embedding = gguf_string_is(t->name, "token_embd.weight") ||
                     gguf_string_is(t->name, "per_layer_token_embd.weight");
    uint32_t layer = layer_of(t->name);
    if (gguf_string_is(t->name, "output.weight") || (model->tied && embedding)) {
        if (t->dims[0] % quant_types[mix->type].block_elements)
            return QT_q8_0;
        return mix->type == QT_q8_0 ? QT_q8_0 : QT_q6_k;
    }
    if (embedding)
        return mix->type;
    if (is_attn_v(t->name))
        return choose_attn_v(mix, model, layer);
    if (contains(t->name, "attn_k.weight") && model->n_experts == 8)
        return QT_q8_0;
    if (contains(t->name, "ffn_down"))
        return apply(mix, &mix->ffn_down, model->gqa, layer, model->n_layers);
    if (contains(t->name, "attn_output.weight")) {
        if (model->n_experts == 8)
            return mix->attn_output_q5_k ? QT_q5_k : mix->type;
        return apply(mix, &mix->attn_output, model->gqa, layer, model->n_layers);
    }
    return mix->type;
}

/* For rows that are not whole blocks: about as many bits in smaller blocks, and at last none. */
static enum quant smaller_block(enum quant type)
{
    switch (type) {
    case QT_q2_k:
    case QT_q3_k:
        return QT_q4_0;
    case QT_q4_k:
        return QT_q5_0;
    case QT_q5_k:
        return QT_q5_1;
    case QT_q6_k:
        return QT_q8_0;
    case QT_iq4_xs:
        return QT_iq4_nl;
    default:
        return QT_f16;
    }
}

enum quant mix_choose(const struct mix *mix, const struct mix_model *model,
    const struct gguf_tensor *t, bool pure, enum quant *wanted)
{
    *wanted = mix->type;
    if (is_kept(t))
        *wanted = (enum quant)(quant_find(t->type) - quant_types);
    else if (!pure && quant_types[mix->type].class == QUANT_CLASS_INT)
        *wanted = choose_matrix(mix, model, t);
    enum quant type = *wanted;
    while (t->dims[0] % quant_types[type].block_elements)
        type = smaller_block(type);
    return type;
}
