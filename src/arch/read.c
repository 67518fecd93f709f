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

/* One number, or one for each layer: 0 for those without attention, which have a state. */
static uint32_t read_kv_heads(struct arch_reader *r, struct model_params *p)
{
    char name[KEY_SIZE];
    const struct gguf_key *key = gguf_find_key(r->g, key_of(r, "attention.head_count_kv", name));
    uint32_t most = p->head.n_head, n = 0;
    if (!key || key->type != GGUF_ARRAY || r->status != HEKLA_OK)
        return arch_read_u32(r, "attention.head_count_kv", most, 1, most);
    if ((key->item_type != GGUF_I32 && key->item_type != GGUF_U32) || key->n != p->n_layer) {
        r->status = hekla_fail(r->err, HEKLA_FORMAT,
            "%s: %s is an array, expected one of %u integers, or one integer", r->file, name,
            p->n_layer);
        return most;
    }
    for (uint32_t i = 0; i < p->n_layer; i++) {
        uint32_t value = le_u32(key->data + 4 * (size_t)i);
        if (r->status == HEKLA_OK && value > most)
            r->status = hekla_fail(r->err, HEKLA_FORMAT,
                "%s: %s has %u for layer %u, expected 0 to %u", r->file, name, value, i, most);
        if (r->status == HEKLA_OK && value && n && value != n)
            r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
                "%s: %s differs between layers, which is not supported", r->file, name);
        p->layers[i] |= value ? 0 : LAYER_STATE;
        n = value ? value : n;
    }
    return n ? n : most;
}

static void read_heads(struct arch_reader *r, struct model_params *p)
{
    struct head_shape *h = &p->head;
    h->n_head = arch_need_u32(r, "attention.head_count", 1, 4096);
    h->n_head_kv = read_kv_heads(r, p);
    if (!r->status && h->n_head % h->n_head_kv)
        r->status = hekla_fail(r->err, HEKLA_FORMAT,
            "%s: %u attention heads cannot share %u key/value heads", r->file, h->n_head,
            h->n_head_kv);
    h->head_dim = arch_read_u32(r, "attention.key_length", p->n_embd / h->n_head, 4, MAX_HEAD_DIM);
    uint32_t value_dim = arch_read_u32(r, "attention.value_length", h->head_dim, 1, 1u << 20);
    if (!r->status && (value_dim != h->head_dim || h->head_dim % 4))
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: heads of %u (keys) and %u (values) elements are not supported, only equal "
            "multiples of 4",
            r->file, h->head_dim, value_dim);
    h->n_rot = arch_read_u32(r, "rope.dimension_count", h->head_dim, 2, h->head_dim);
    if (!r->status && h->n_rot % 2)
        r->status = hekla_fail(r->err, HEKLA_FORMAT,
            "%s: %s.rope.dimension_count is %u, expected an even number", r->file, r->arch,
            h->n_rot);
}

static void read_shape(struct arch_reader *r, struct model_params *p)
{
    p->n_ctx_train = arch_need_u32(r, "context_length", 1, 1u << 24);
    p->n_embd = arch_need_u32(r, "embedding_length", 1, 1u << 20);
    p->n_layer = arch_need_u32(r, "block_count", 1, MODEL_MAX_LAYERS);
    /* Where all feed-forward parts are experts', it may be left out. */
    uint32_t n_ff = arch_read_u32(r, "expert_feed_forward_length", 0, 0, 1u << 22);
    p->n_ff = n_ff ? arch_read_u32(r, "feed_forward_length", n_ff, 1, 1u << 22)
                   : arch_need_u32(r, "feed_forward_length", 1, 1u << 22);
    read_heads(r, p);
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

/* One for all, or one for each layer. */
static void read_pattern(struct arch_reader *r, struct model_params *p, uint32_t pattern)
{
    char name[KEY_SIZE];
    const struct gguf_key *key =
        gguf_find_key(r->g, key_of(r, "attention.sliding_window_pattern", name));
    if (r->status != HEKLA_OK)
        return;
    if (key && key->type == GGUF_ARRAY && key->item_type == GGUF_BOOL) {
        if (key->n != p->n_layer) {
            r->status = hekla_fail(r->err, HEKLA_FORMAT, "%s: %s has %llu items, expected %u",
                r->file, name, (unsigned long long)key->n, p->n_layer);
            return;
        }
        for (uint32_t i = 0; i < p->n_layer; i++)
            p->layers[i] |= key->data[i] ? LAYER_LOCAL : 0;
        return;
    }
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

void arch_read_experts(struct arch_reader *r, struct model_params *p)
{
    struct model_experts *x = &p->experts;
    x->n = arch_read_u32(r, "expert_count", 0, 0, MAX_EXPERTS);
    if (!x->n)
        return;
    uint32_t most = x->n < MAX_EXPERTS_USED ? x->n : MAX_EXPERTS_USED;
    x->n_used = arch_need_u32(r, "expert_used_count", 1, most);
    x->n_ff = arch_read_u32(r, "expert_feed_forward_length", p->n_ff, 1, 1u << 20);
    x->routing = (struct routing){.renormed = true, .scale = 1};
    if (r->status == HEKLA_OK && (x->n_ff % 4 || p->n_embd % 4))
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: experts of %u x %u are not supported, only multiples of 4", r->file, x->n_ff,
            p->n_embd);
    p->blocks = (p->blocks & ~(BLOCK_FFN | BLOCK_FFN_FUSED)) | BLOCK_EXPERTS;
    p->state.blocks |= p->state.blocks ? BLOCK_EXPERTS : 0;
}

/* Which layers have a state is known; padding is never written, and other layers' results would be
 * there. */
static void check_layers(struct arch_reader *r, const struct model_params *p)
{
    uint32_t n = model_attention_layers(p);
    if (r->status != HEKLA_OK || (n == p->n_layer && !p->state.blocks))
        return;
    if (!p->state.blocks || n == 0)
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: %s layers without attention, which is not supported of %s", r->file,
            n ? "it has" : "it has only", r->arch);
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
    if (arch->read && r.status == HEKLA_OK)
        arch->read(&r, p);
    check_layers(&r, p);
    return r.status;
}
