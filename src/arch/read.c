/* Hyper-parameters that architectures share, and how the others are read. */
#include "arch/arch.h"
#include "base/le.h"

#include <stdio.h>
#include <string.h>

enum { KEY_SIZE = 160 };

static const char *key_of(const struct arch_reader *r, const char *key, char *out)
{
    snprintf(out, KEY_SIZE, "%s.%s", r->arch, key);
    return out;
}

static uint32_t read_u32(struct arch_reader *r, const char *key, bool required, uint32_t fallback,
    uint32_t low, uint32_t high)
{
    char name[KEY_SIZE];
    uint32_t value = fallback;
    if (r->status != HEKLA_OK)
        return low;
    r->status = gguf_get_u32(r->g, key_of(r, key, name), required, fallback, &value, r->err);
    if (r->status == HEKLA_OK && (value < low || value > high))
        r->status = hekla_fail(r->err, HEKLA_FORMAT, "%s: %s is %u, expected %u to %u", r->file,
            name, value, low, high);
    return r->status == HEKLA_OK ? value : low;
}

uint32_t arch_read_u32(
    struct arch_reader *r, const char *key, uint32_t fallback, uint32_t low, uint32_t high)
{
    return read_u32(r, key, false, fallback, low, high);
}

uint32_t arch_need_u32(struct arch_reader *r, const char *key, uint32_t low, uint32_t high)
{
    return read_u32(r, key, true, 0, low, high);
}

float arch_read_f32(struct arch_reader *r, const char *key, float fallback)
{
    char name[KEY_SIZE];
    float value = fallback;
    if (r->status == HEKLA_OK)
        r->status = gguf_get_f32(r->g, key_of(r, key, name), false, fallback, &value, r->err);
    return value;
}

float arch_read_positive(struct arch_reader *r, const char *key, float fallback, float most)
{
    char name[KEY_SIZE];
    float value = arch_read_f32(r, key, fallback);
    if (r->status == HEKLA_OK && !(value > 0 && value <= most))
        r->status =
            hekla_fail(r->err, HEKLA_FORMAT, "%s: %s is %g, expected a positive number up to %g",
                r->file, key_of(r, key, name), (double)value, (double)most);
    return value;
}

bool arch_read_bool(struct arch_reader *r, const char *key, bool fallback)
{
    char name[KEY_SIZE];
    bool value = fallback;
    if (r->status == HEKLA_OK)
        r->status = gguf_get_bool(r->g, key_of(r, key, name), false, fallback, &value, r->err);
    return value;
}

/* The file's list of an item for each layer, of one of two types; NULL: there is none. */
static const struct gguf_key *find_list(struct arch_reader *r, const struct model_params *p,
    const char *key, uint32_t type, uint32_t or_type, char name[KEY_SIZE])
{
    const struct gguf_key *list = gguf_find_key(r->g, key_of(r, key, name));
    uint32_t n = p->n_layer + p->n_next;
    if (!list || list->type != GGUF_ARRAY ||
        (list->item_type != type && list->item_type != or_type))
        return NULL;
    if (list->n != n && r->status == HEKLA_OK)
        r->status = hekla_fail(r->err, HEKLA_FORMAT, "%s: %s has %llu items, expected %u", r->file,
            name, (unsigned long long)list->n, n);
    return list;
}

/* One number for all layers, or a list with one for each. */
static uint32_t read_of_layer(struct arch_reader *r, const struct model_params *p, uint32_t layer,
    const char *key, bool required, uint32_t fallback, uint32_t low, uint32_t high)
{
    char name[KEY_SIZE];
    const struct gguf_key *list = find_list(r, p, key, GGUF_U32, GGUF_I32, name);
    if (!list)
        return read_u32(r, key, required, fallback, low, high);
    if (r->status != HEKLA_OK)
        return low;
    uint32_t value = le_u32(list->data + 4ull * layer);
    if (value < low || value > high)
        r->status = hekla_fail(r->err, HEKLA_FORMAT, "%s: %s[%u] is %lld, expected %u to %u",
            r->file, name, layer,
            list->item_type == GGUF_I32 ? (long long)(int32_t)value : (long long)value, low, high);
    return r->status == HEKLA_OK ? value : low;
}

void arch_read_head(struct arch_reader *r, const char *end, struct head_shape *h)
{
    char key[64];
    snprintf(key, sizeof(key), "attention.key_length%s", end);
    h->head_dim = arch_read_u32(r, key, h->head_dim, 4, MAX_HEAD_DIM);
    snprintf(key, sizeof(key), "attention.value_length%s", end);
    uint32_t value_dim = arch_read_u32(r, key, h->head_dim, 1, 1u << 20);
    if (!r->status && (value_dim != h->head_dim || h->head_dim % 4))
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: heads of %u (keys) and %u (values) elements are not supported, only equal "
            "multiples of 4",
            r->file, h->head_dim, value_dim);
    snprintf(key, sizeof(key), "rope.dimension_count%s", end);
    h->n_rot = arch_read_u32(r, key, h->head_dim, 2, h->head_dim);
    if (!r->status && h->n_rot % 2)
        r->status = hekla_fail(r->err, HEKLA_FORMAT, "%s: %s.%s is %u, expected an even number",
            r->file, r->arch, key, h->n_rot);
}

static void read_layers(struct arch_reader *r, struct model_params *p)
{
    /* Where all feed-forward parts are experts', their width may be the only one. */
    uint32_t n_ff = arch_read_u32(r, "expert_feed_forward_length", 0, 0, 1u << 22);
    p->head.n_head_kv = p->n_ff = 1;
    model_shape_layers(p);
    for (uint32_t i = 0; i < p->n_layer; i++) {
        struct layer_shape *s = &p->shapes[i];
        struct head_shape *h = &s->head;
        s->n_ff = read_of_layer(r, p, i, "feed_forward_length", !n_ff, n_ff, 1, 1u << 22);
        h->n_head_kv = read_of_layer(r, p, i, "attention.head_count_kv", false, h->n_head,
            p->state.blocks ? 0 : 1, h->n_head);
        if (h->n_head_kv == 0) { /* nor heads of Q: it has a state */
            p->layers[i] |= LAYER_STATE;
            h->n_head_kv = 1;
        }
        if (!r->status && h->n_head % h->n_head_kv)
            r->status = hekla_fail(r->err, HEKLA_FORMAT,
                "%s: %u attention heads cannot share %u key/value heads", r->file, h->n_head,
                h->n_head_kv);
        p->n_ff = s->n_ff > p->n_ff ? s->n_ff : p->n_ff;
        p->head.n_head_kv = h->n_head_kv > p->head.n_head_kv ? h->n_head_kv : p->head.n_head_kv;
    }
}

/* Rows of narrow layers lie where those of wide ones do, and have no padding of their own. */
static void check_layers(struct arch_reader *r, const struct model_params *p)
{
    uint64_t q = model_widest(p, DIM_Q);
    uint32_t widest = p->n_ff > p->n_layer_input ? p->n_ff : p->n_layer_input;
    for (uint32_t i = 0; i < p->n_layer && r->status == HEKLA_OK; i++) {
        uint64_t own = model_dim(p, DIM_Q, i), ff = p->shapes[i].n_ff;
        if ((own < q && own % 32) || (ff < widest && ff % 32))
            r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
                "%s: layer %u has %llu elements of queries and %llu of its feed-forward part, "
                "which is supported only for multiples of 32 where others have more",
                r->file, i, (unsigned long long)own, (unsigned long long)ff);
    }
}

static void read_shape(struct arch_reader *r, struct model_params *p)
{
    p->n_ctx_train = arch_need_u32(r, "context_length", 1, 1u << 24);
    p->n_embd = arch_need_u32(r, "embedding_length", 1, 1u << 20);
    p->n_layer = arch_need_u32(r, "block_count", 1, MODEL_MAX_LAYERS);
    p->n_next = arch_read_u32(r, "nextn_predict_layers", 0, 0, p->n_layer - 1);
    p->n_layer -= p->n_next;
    p->head.n_head = arch_need_u32(r, "attention.head_count", 1, 4096);
    p->head.head_dim = p->n_embd / p->head.n_head;
    if (p->blocks & BLOCK_LATENT)
        arch_read_latent(r, p);
    else
        arch_read_head(r, "", &p->head);
    read_layers(r, p);
}

static enum rope_scaling scaling_of(
    struct arch_reader *r, struct gguf_string type, const struct model_rope *rope)
{
    if (gguf_string_is(type, "yarn"))
        return ROPE_SCALING_YARN;
    if (gguf_string_is(type, "linear") || (!type.data && rope->factor != 1.0f))
        return ROPE_SCALING_LINEAR;
    if (!type.data || gguf_string_is(type, "none"))
        return ROPE_SCALING_NONE;
    r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
        "%s: %s.rope.scaling.type \"%.*s\" is not supported, only none, linear and yarn", r->file,
        r->arch, (int)(type.n < 40 ? type.n : 40), type.data);
    return ROPE_SCALING_NONE;
}

static void read_rope(struct arch_reader *r, struct model_params *p)
{
    struct model_rope *rope = &p->rope;
    struct gguf_string type = {0};
    char name[KEY_SIZE];
    rope->n_rot = p->head.n_rot;
    rope->base = arch_read_positive(r, "rope.freq_base", 10000.0f, 1e12f);
    /* Older files give only the scale of linear scaling. */
    float old_factor = arch_read_positive(r, "rope.scale_linear", 1.0f, 1e6f);
    rope->factor = arch_read_positive(r, "rope.scaling.factor", old_factor, 1e6f);
    rope->original_ctx =
        arch_read_u32(r, "rope.scaling.original_context_length", p->n_ctx_train, 1, 1u << 24);
    rope->attn_factor = arch_read_positive(r, "rope.scaling.attn_factor", 1.0f, 1e3f);
    rope->ext_factor = arch_read_f32(r, "rope.scaling.yarn_ext_factor", 1.0f);
    rope->beta_fast = arch_read_positive(r, "rope.scaling.yarn_beta_fast", 32.0f, 1e6f);
    rope->beta_slow = arch_read_positive(r, "rope.scaling.yarn_beta_slow", 1.0f, 1e6f);
    if (r->status == HEKLA_OK)
        r->status =
            gguf_get_string(r->g, key_of(r, "rope.scaling.type", name), false, &type, r->err);
    if (r->status == HEKLA_OK)
        rope->scaling = scaling_of(r, type, rope);
}

/* Layers get the flag where a list in the file says true; false: there is no list. */
static bool read_flags(struct arch_reader *r, struct model_params *p, const char *key, uint8_t flag)
{
    char name[KEY_SIZE];
    const struct gguf_key *list = find_list(r, p, key, GGUF_BOOL, GGUF_BOOL, name);
    for (uint32_t i = 0; list && i < p->n_layer && r->status == HEKLA_OK; i++)
        p->layers[i] |= list->data[i] ? flag : 0;
    return list;
}

/* One for all, or one for each layer. */
static void read_pattern(struct arch_reader *r, struct model_params *p, uint32_t pattern)
{
    if (r->status != HEKLA_OK || read_flags(r, p, "attention.sliding_window_pattern", LAYER_LOCAL))
        return;
    pattern = arch_read_u32(r, "attention.sliding_window_pattern", pattern, 0, MODEL_MAX_LAYERS);
    for (uint32_t i = 0; i < p->n_layer; i++)
        p->layers[i] |= pattern == 0 || i % pattern < pattern - 1 ? LAYER_LOCAL : 0;
}

void arch_read_window(struct arch_reader *r, struct model_params *p, uint32_t pattern)
{
    p->attention.window = arch_read_u32(r, "attention.sliding_window", 0, 0, 1u << 24);
    if (p->attention.window)
        read_pattern(r, p, pattern);
}

void arch_read_states(struct arch_reader *r, struct model_params *p)
{
    uint32_t interval = arch_read_u32(r, "full_attention_interval", 4, 1, MODEL_MAX_LAYERS);
    if (read_flags(r, p, "attention.recurrent_layers", LAYER_STATE))
        return;
    for (uint32_t i = 0; i < p->n_layer; i++)
        p->layers[i] |= (i + 1) % interval ? LAYER_STATE : 0;
}

void arch_global_unmarked(struct model_params *p)
{
    for (uint32_t i = 0; p->attention.window && i < p->n_layer; i++)
        p->layers[i] |= p->layers[i] & LAYER_LOCAL ? 0 : LAYER_NO_ROPE;
}

void arch_read_encoder(struct arch_reader *r, struct model_params *p)
{
    p->layer_norm = p->attention.whole = true;
    p->norm_eps = arch_read_positive(r, "attention.layer_norm_epsilon", 1e-12f, 1.0f);
    bool fused = gguf_find_tensor(r->g, "blk.0.attn_qkv.weight");
    p->blocks |= fused ? BLOCK_ATTN_FUSED : BLOCK_ATTN;
    if (r->status == HEKLA_OK)
        r->status = gguf_get_u32(
            r->g, "tokenizer.ggml.token_type_count", false, 1, &p->n_token_types, r->err);
    p->n_token_types += !p->n_token_types; /* there may be none; a tensor is checked */
    if (arch_read_bool(r, "attention.causal", false) && r->status == HEKLA_OK)
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: %s.attention.causal is true, expected false", r->file, r->arch);
}

/* Which layers have a state is known; padding is never written, and other layers' results would be
 * there. */
static void check_states(struct arch_reader *r, const struct model_params *p)
{
    if (r->status != HEKLA_OK || !p->state.blocks)
        return;
    if (model_attention_layers(p) == 0)
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: it has only layers without attention, which is not supported of %s", r->file,
            r->arch);
    else if (p->n_embd % 32 || p->head.n_head * p->head.head_dim % 32)
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: a width of %u, and of %u heads of %u, is not supported of %s, only multiples of "
            "32",
            r->file, p->n_embd, p->head.n_head, p->head.head_dim, r->arch);
}

hekla_status arch_read_params(const struct arch *arch, const char *name, const struct gguf *g,
    const char *file, struct model_params *p, struct hekla_error *err)
{
    struct arch_reader r = {.g = g, .file = file, .arch = name, .err = err};
    *p = (struct model_params){
        .blocks = arch->blocks, .state.blocks = arch->state_blocks, .neox = arch->neox};
    p->layer_norm = arch->blocks & BLOCK_LAYER_NORM;
    read_shape(&r, p);
    p->norm_eps = arch_read_positive(&r,
        p->layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 1e-5f,
        1.0f);
    read_rope(&r, p);
    if (!(arch->blocks & BLOCK_ENCODER) && !arch_read_bool(&r, "attention.causal", true) &&
        r.status == HEKLA_OK)
        r.status = hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: %s.attention.causal is false, and tokens that see those after them are not "
            "supported",
            file, name);
    if (arch->read && r.status == HEKLA_OK)
        arch->read(&r, p);
    check_layers(&r, p);
    check_states(&r, p);
    return r.status;
}
