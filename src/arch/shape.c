#include "arch/shape.h"

#include "arch/arch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct arch_shape shapes[] = {
    {"llama3.2-1b", "Random 1B", 16, 2048, 8192, 32, 8, 64, 128256, 131072, 32, true, false},
    {"llama3.2-3b", "Random 3B", 28, 3072, 8192, 24, 8, 128, 128256, 131072, 32, true, false},
    {"llama3.1-8b", "Random 8B", 32, 4096, 14336, 32, 8, 128, 128256, 131072, 8, false, false},
    {"llama3.1-70b", "Random 70B", 80, 8192, 28672, 64, 8, 128, 128256, 131072, 8, false, false},
    {"mistral-7b", "Random 7B", 32, 4096, 14336, 32, 8, 128, 32768, 32768, 0, false, false},
    {"llama2-7b", "Random 7B", 32, 4096, 11008, 32, 32, 128, 32000, 4096, 0, false, false},
    {"qwen2.5-14b", "Random 14B", 48, 5120, 13824, 40, 8, 128, 152064, 32768, 0, false, true},
    {"llama-160m", "Random 160M", 12, 768, 3072, 12, 12, 64, 32000, 2048, 0, false, false},
    {"llama-68m", "Random 68M", 2, 768, 3072, 12, 12, 64, 32000, 2048, 0, false, false},
    {"tiny", "Random Tiny", 2, 256, 512, 4, 2, 64, 1024, 2048, 8, false, false},
};

static const struct arch_mix mixes[] = {
    {"f32", QT_f32, QT_f32, false, 0},
    {"f16", QT_f16, QT_f16, false, 1},
    {"bf16", QT_bf16, QT_bf16, false, 32},
    {"q8_0", QT_q8_0, QT_q8_0, false, 7},
    {"q6_k", QT_q6_k, QT_q6_k, false, 18},
    {"q5_k", QT_q5_k, QT_q6_k, false, 16},
    {"q5_k_m", QT_q5_k, QT_q6_k, true, 17},
    {"q4_k_m", QT_q4_k, QT_q6_k, true, 15},
    {"q4_k", QT_q4_k, QT_q6_k, false, 14},
    {"q4_0", QT_q4_0, QT_q6_k, false, 2},
    {"q4_1", QT_q4_1, QT_q6_k, false, 3},
    {"q5_0", QT_q5_0, QT_q6_k, false, 8},
    {"q5_1", QT_q5_1, QT_q6_k, false, 9},
    {"iq4_nl", QT_iq4_nl, QT_q6_k, false, 25},
    {"q3_k", QT_q3_k, QT_q6_k, false, 11},
};

const struct arch_shape *arch_shape_at(size_t i)
{
    return i < sizeof(shapes) / sizeof(shapes[0]) ? &shapes[i] : NULL;
}

const struct arch_mix *arch_mix_at(size_t i)
{
    return i < sizeof(mixes) / sizeof(mixes[0]) ? &mixes[i] : NULL;
}

static bool is(const char *a, const char *b, size_t n)
{
    return strlen(a) == n && memcmp(a, b, n) == 0;
}

const struct arch_shape *arch_shape_find(const char *name, size_t n)
{
    const struct arch_shape *s;
    for (size_t i = 0; (s = arch_shape_at(i)) && !is(s->name, name, n); i++)
        ;
    return s;
}

const struct arch_mix *arch_mix_find(const char *name, size_t n)
{
    const struct arch_mix *m;
    for (size_t i = 0; (m = arch_mix_at(i)) && !is(m->name, name, n); i++)
        ;
    return m;
}

struct list {
    struct arch_tensor *tensors;
    uint32_t n;
    uint64_t bytes;
};

static void add(struct list *l, const char *name, enum quant type, uint64_t columns, uint64_t rows)
{
    struct arch_tensor *t = &l->tensors[l->n++];
    const struct quant_type *q = &quant_types[type];
    *t = (struct arch_tensor){.type = type, .columns = columns, .rows = rows, .offset = l->bytes};
    snprintf(t->name, sizeof(t->name), "%s", name);
    t->bytes = columns / q->block_elements * q->block_bytes * rows;
    l->bytes +=
        (t->bytes + ARCH_TENSOR_ALIGNMENT - 1) / ARCH_TENSOR_ALIGNMENT * ARCH_TENSOR_ALIGNMENT;
}

static void add_layer(
    struct list *l, const struct arch_shape *s, const struct arch_mix *mix, uint32_t i)
{
    enum quant type = mix->matrix;
    uint32_t n = s->layers, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    bool more = mix->more_bits && (i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2);
    const struct {
        const char *name;
        enum quant type;
        uint32_t columns, rows;
    } rows[] = {
        {"attn_norm", QT_f32, s->embd, 1},
        {"attn_q", type, s->embd, q},
        {"attn_k", type, s->embd, kv},
        {"attn_v", more ? QT_q6_k : type, s->embd, kv},
        {"attn_output", type, q, s->embd},
        {"ffn_norm", QT_f32, s->embd, 1},
        {"ffn_gate", type, s->embd, s->ff},
        {"ffn_up", type, s->embd, s->ff},
        {"ffn_down", more ? QT_q6_k : type, s->ff, s->embd},
    };
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        char name[64];
        snprintf(name, sizeof(name), "blk.%" PRIu32 ".%s.weight", i, rows[k].name);
        add(l, name, rows[k].type, rows[k].columns, rows[k].rows);
        if (s->qkv_bias && k >= 1 && k <= 3) {
            snprintf(name, sizeof(name), "blk.%" PRIu32 ".%s.bias", i, rows[k].name);
            add(l, name, QT_f32, rows[k].rows, 1);
        }
    }
}

struct arch_tensor *arch_shape_tensors(
    const struct arch_shape *s, const struct arch_mix *mix, uint32_t *n, uint64_t *data_bytes)
{
    struct list l = {.tensors = calloc(4 + 12 * (size_t)s->layers, sizeof(*l.tensors))};
    if (!l.tensors)
        return NULL;
    add(&l, "token_embd.weight", s->tied ? mix->output : mix->matrix, s->embd, s->vocab);
    if (s->rope_factor > 0)
        add(&l, "rope_freqs.weight", QT_f32, s->head_dim / 2, 1);
    for (uint32_t i = 0; i < s->layers; i++)
        add_layer(&l, s, mix, i);
    add(&l, "output_norm.weight", QT_f32, s->embd, 1);
    if (!s->tied)
        add(&l, "output.weight", mix->output, s->embd, s->vocab);
    *n = l.n;
    *data_bytes = l.bytes;
    return l.tensors;
}

struct model_params arch_shape_params(const struct arch_shape *s)
{
    struct model_params p = {
        .n_vocab = s->vocab,
        .n_ctx_train = s->ctx,
        .n_embd = s->embd,
        .n_layer = s->layers,
        .n_ff = s->ff,
        .head = {s->heads, s->kv_heads, s->head_dim, s->head_dim},
        .norm_eps = 1e-5f,
        .blocks = BLOCKS_LLAMA,
        .rope = {.base = 500000,
            .n_rot = s->head_dim,
            .factor = 1,
            .original_ctx = s->ctx,
            .attn_factor = 1},
    };
    model_shape_layers(&p);
    return p;
}

static uint8_t *put(uint8_t *out, uint64_t value, int n)
{
    for (int i = 0; i < n; i++)
        *out++ = (uint8_t)(value >> 8 * i);
    return out;
}

void *arch_shape_directory(const struct arch_shape *s, const struct arch_mix *mix, uint64_t *size)
{
    uint32_t n;
    uint64_t data_bytes;
    struct arch_tensor *tensors = arch_shape_tensors(s, mix, &n, &data_bytes);
    /* Of a tensor: name, dimensions, type, offset; the numbers take 40 bytes. */
    uint8_t *file = tensors ? calloc(1, 64 + n * (sizeof(tensors->name) + 40ull)) : NULL, *p = file;
    for (uint32_t i = 0; file && i < n; i++) {
        const struct arch_tensor *t = &tensors[i];
        uint32_t n_dims = t->rows == 1 ? 1 : 2;
        size_t name_bytes = strlen(t->name);
        if (i == 0) {
            memcpy(p, "GGUF", 4);
            p = put(put(put(p + 4, 3, 4), n, 8), 0, 8);
        }
        p = put(p, name_bytes, 8);
        memcpy(p, t->name, name_bytes);
        p = put(put(p + name_bytes, n_dims, 4), t->columns, 8);
        p = n_dims == 2 ? put(p, t->rows, 8) : p;
        p = put(put(p, quant_types[t->type].file_id, 4), t->offset, 8);
    }
    *size = (uint64_t)(p - file) + ARCH_TENSOR_ALIGNMENT + data_bytes;
    free(tensors);
    return file;
}
