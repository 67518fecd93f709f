/*
 * Weights of a shape without a file: a function of the tensor's place, the block's number and a
 * seed, so the bytes are the same on every machine and in whatever order they are asked for.
 * Random bits, scaled to a mean of 0 and a deviation of 1/sqrt(row): activations stay of the usual
 * size. Norms are 1, biases 0. Formats without a recipe get any bits: good for measuring time
 * alone.
 */
#include "arch/shape.h"

#include "base/exact.h"
#include "base/hash.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* How the random bytes of a block become weights: up to two halves d, and bytes of scales. */
struct recipe {
    enum quant type;
    float spread;   /* deviation of the numbers that d scales */
    float centre;   /* MIN: what dmin takes off, in units of d */
    uint8_t d, min; /* offsets of the halves; NONE */
    bool k_scales;  /* eight 6-bit scales and minimums behind them, all alike within 32 .. 63 */
};
enum { NONE = 255 };

/* Deviations of uniform integers: 4.61 of 4 bits, 9.23 of 5, 18.5 of 6, 73.9 of 8. 47.5: the mean
 * of K scales; 73.9 that of Q6_K's signed bytes. */
static const struct recipe recipes[] = {
    {QT_q4_0, 4.61f, 0, 0, NONE, false},
    {QT_q4_1, 4.61f, -7.5f, 0, 2, false},
    {QT_q5_0, 9.23f, 0, 0, NONE, false},
    {QT_q5_1, 9.23f, -15.5f, 0, 2, false},
    {QT_q8_0, 73.9f, 0, 0, NONE, false},
    {QT_q3_k, 2.29f * 18.5f, 0, 108, NONE, false},
    {QT_q4_k, 47.5f * 4.61f, 7.5f, 0, 2, true},
    {QT_q5_k, 47.5f * 9.23f, 15.5f, 0, 2, true},
    {QT_q6_k, 18.5f * 73.9f, 0, 208, NONE, false},
    {QT_iq4_nl, 68.0f, 0, 0, NONE, false},
};

static const struct recipe *find_recipe(enum quant type)
{
    for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++)
        if (recipes[i].type == type)
            return &recipes[i];
    return NULL;
}

bool arch_synthetic_can(const struct arch_mix *mix)
{
    const enum quant types[] = {mix->matrix, mix->output};
    bool can = true;
    for (int i = 0; i < 2; i++)
        can &= find_recipe(types[i]) || quant_types[types[i]].class == QUANT_CLASS_FLOAT;
    return can;
}

static void store16(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

/* Of either sign, within a quarter of the size. */
static float vary(uint64_t random, float size)
{
    float scale = size * (0.75f + (float)(random >> 40) * (0.5f / 16777216.0f));
    return random & 1 ? scale : -scale;
}

static void make_k_scales(uint8_t *block, uint64_t random)
{
    uint32_t s[8];
    for (int i = 0; i < 8; i++)
        s[i] = 32 + (uint32_t)(random >> 5 * i & 31);
    for (int i = 0; i < 4; i++) {
        block[4 + i] = block[8 + i] = (uint8_t)(s[i] | s[i + 4] >> 4 << 6);
        block[12 + i] = (uint8_t)((s[i + 4] & 15) | (s[i + 4] & 15) << 4);
    }
}

static void make_block(
    const struct recipe *r, uint8_t *block, uint32_t bytes, uint64_t key, float deviation)
{
    uint64_t words[32]; /* no block is larger */
    for (uint32_t i = 0; i * 8 < bytes; i++)
        words[i] = hash_u64(key + i + 2);
    memcpy(block, words, bytes);
    if (!r)
        return;
    float d = vary(hash_u64(key), deviation / r->spread);
    store16(block + r->d, exact_float_to_half(d));
    if (r->min != NONE)
        store16(block + r->min, exact_float_to_half(r->centre * d));
    if (r->k_scales)
        make_k_scales(block, hash_u64(key + 1));
}

static void make_float(enum quant type, uint8_t *out, uint64_t key, float deviation)
{
    float x = vary(hash_u64(key), deviation);
    uint32_t u = exact_bits(x);
    if (type == QT_f32)
        memcpy(out, &x, 4);
    else
        store16(out, type == QT_f16 ? exact_float_to_half(x) : u >> 16);
}

/* What divides the rotation frequencies of slow dimensions in Llama 3.1. */
static float rope_factor(const struct arch_shape *s, uint32_t i)
{
    const double pi = 3.14159265358979323846, low = 1, high = 4, old_ctx = 8192;
    double waves = old_ctx * pow(500000.0, -2.0 * i / s->head_dim) / (2 * pi);
    if (waves > high)
        return 1;
    if (waves < low)
        return s->rope_factor;
    double smooth = (waves - low) / (high - low);
    return (float)(1 / ((1 - smooth) / s->rope_factor + smooth));
}

static bool ends_with(const char *name, size_t n, const char *end)
{
    size_t k = strlen(end);
    return n >= k && memcmp(name + n - k, end, k) == 0;
}

static void make_vector(
    const struct arch_shape *s, const struct gguf_tensor *t, float *out, uint64_t n)
{
    bool rope = ends_with(t->name.data, (size_t)t->name.n, "rope_freqs.weight");
    bool bias = ends_with(t->name.data, (size_t)t->name.n, ".bias");
    for (uint64_t i = 0; i < n; i++)
        out[i] = rope ? rope_factor(s, (uint32_t)i) : bias ? 0.0f : 1.0f;
}

void arch_synthetic_make(
    const void *user, const struct gguf_tensor *t, uint64_t offset, uint64_t bytes, uint8_t *out)
{
    const struct arch_synthetic *s = user;
    const struct quant_type *q = quant_find(t->type);
    enum quant type = (enum quant)(q - quant_types);
    const struct recipe *recipe = find_recipe(type);
    float deviation = 1 / sqrtf((float)t->dims[0]);
    uint64_t tensor = hash_bytes(t->name.data, (size_t)t->name.n) ^ hash_u64(s->seed + 1);
    if (t->n_dims == 1) {
        make_vector(&s->shape, t, (float *)(void *)out, bytes / 4);
        return;
    }
    for (uint64_t at = 0; at < bytes; at += q->block_bytes) {
        uint64_t key = tensor + (offset + at) / q->block_bytes * 64;
        if (q->class == QUANT_CLASS_INT)
            make_block(recipe, out + at, q->block_bytes, key, deviation);
        else
            make_float(type, out + at, key, deviation);
    }
}

hekla_status arch_synthetic_find(
    struct arch_synthetic *out, const char *name, struct hekla_error *err)
{
    size_t n = strcspn(name, ":");
    const struct arch_shape *shape = arch_shape_find(name, n);
    const char *type = name[n] ? name + n + 1 : "q4_k_m";
    const struct arch_mix *mix = arch_mix_find(type, strlen(type));
    char list[400] = "";
    size_t used = 0;
    if (shape && mix && arch_synthetic_can(mix)) {
        *out = (struct arch_synthetic){.shape = *shape, .mix = mix};
        return HEKLA_OK;
    }
    for (size_t i = 0; !shape && arch_shape_at(i) && used < sizeof(list); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, " %s", arch_shape_at(i)->name);
    for (size_t i = 0; shape && arch_mix_at(i) && used < sizeof(list); i++)
        if (arch_synthetic_can(arch_mix_at(i)))
            used += (size_t)snprintf(list + used, sizeof(list) - used, " %s", arch_mix_at(i)->name);
    return hekla_fail(err, HEKLA_ARGUMENT,
        "synthetic model \"%.80s\": expected SHAPE:TYPE, where the %s is one of%s", name,
        shape ? "type" : "shape", list);
}
