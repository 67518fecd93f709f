/*
 * Models by name without a file: shapes of well-known models, and how their weights are mixed from
 * formats, as llama-quantize does it. For asking what fits where, for measuring what drivers make
 * of kernels, and for writing models of random weights.
 */
#ifndef ARCH_SHAPE_H
#define ARCH_SHAPE_H

#include "model/model.h"

struct arch_shape {
    const char *name, *title;
    uint32_t layers, embd, ff, heads, kv_heads, head_dim, vocab, ctx;
    float rope_factor; /* of the Llama 3.1 rule, old context 8192; 0: none */
    bool tied;         /* the embedding is also the output matrix */
    bool qkv_bias;
};

struct arch_mix {
    const char *name;
    enum quant matrix, output; /* of most matrices; of the one that makes logits */
    bool more_bits;            /* half of attn_v and ffn_down are Q6_K */
    uint32_t file_type;        /* general.file_type */
};

struct arch_tensor {
    char name[64];
    enum quant type;
    uint64_t columns, rows, bytes, offset; /* rows 1: a vector */
};

enum { ARCH_TENSOR_ALIGNMENT = 32 };

/* NULL: not known. Names are n bytes long. */
const struct arch_shape *arch_shape_find(const char *name, size_t n);
const struct arch_mix *arch_mix_find(const char *name, size_t n);
/* The i-th, NULL behind the last. */
const struct arch_shape *arch_shape_at(size_t i);
const struct arch_mix *arch_mix_at(size_t i);

/* The tensors in file order, malloc'ed; NULL: out of memory. */
struct arch_tensor *arch_shape_tensors(
    const struct arch_shape *shape, const struct arch_mix *mix, uint32_t *n, uint64_t *data_bytes);
/* What arch_llama reads from the keys of such a file. */
struct model_params arch_shape_params(const struct arch_shape *shape);
/* The directory of tensors as a file in memory, malloc'ed, for gguf_open_memory: it has no keys,
 * and *size says how long it would be with its data, which are not there. NULL: out of memory. */
void *arch_shape_directory(
    const struct arch_shape *shape, const struct arch_mix *mix, uint64_t *size);

/* synthetic.c: a model of a shape with random weights. */
struct arch_synthetic {
    struct arch_shape shape;
    const struct arch_mix *mix;
    uint64_t seed;
};
/* name: "SHAPE:TYPE", or "SHAPE" for Q4_K_M. */
hekla_status arch_synthetic_find(
    struct arch_synthetic *out, const char *name, struct hekla_error *err);
bool arch_synthetic_can(const struct arch_mix *mix);
/* Bytes of a tensor, whole blocks; a gguf_make_fn. user: the arch_synthetic. */
void arch_synthetic_make(
    const void *user, const struct gguf_tensor *t, uint64_t offset, uint64_t bytes, uint8_t *out);

#endif
