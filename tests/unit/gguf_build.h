/* Builds GGUF images in memory, valid ones and, through the raw writers, any others. */
#ifndef TESTS_GGUF_BUILD_H
#define TESTS_GGUF_BUILD_H

#include "gguf/gguf.h"

#include <stdlib.h>
#include <string.h>

struct build {
    uint8_t *data;
    size_t n, cap;
};

static inline void build_bytes(struct build *b, const void *data, size_t n)
{
    if (b->n + n > b->cap) {
        b->cap = 2 * (b->n + n);
        b->data = realloc(b->data, b->cap);
        if (!b->data)
            abort();
    }
    if (n)
        memcpy(b->data + b->n, data, n);
    b->n += n;
}

/* The low n bytes of v, little-endian. */
static inline void build_int(struct build *b, uint64_t v, int n)
{
    for (int i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)(v >> 8 * i);
        build_bytes(b, &byte, 1);
    }
}

static inline void build_text_n(struct build *b, const char *s, size_t n)
{
    build_int(b, n, 8);
    build_bytes(b, s, n);
}

static inline void build_text(struct build *b, const char *s)
{
    build_text_n(b, s, strlen(s));
}

static inline void build_header(struct build *b, uint32_t version, uint64_t tensors, uint64_t keys)
{
    build_bytes(b, "GGUF", 4);
    build_int(b, version, 4);
    build_int(b, tensors, 8);
    build_int(b, keys, 8);
}

static inline void build_key(struct build *b, const char *name, uint32_t type)
{
    build_text(b, name);
    build_int(b, type, 4);
}

static inline void build_key_int(
    struct build *b, const char *name, uint32_t type, uint64_t v, int bytes)
{
    build_key(b, name, type);
    build_int(b, v, bytes);
}

static inline void build_key_u32(struct build *b, const char *name, uint32_t v)
{
    build_key_int(b, name, GGUF_U32, v, 4);
}

static inline void build_key_text(struct build *b, const char *name, const char *v)
{
    build_key(b, name, GGUF_STRING);
    build_text(b, v);
}

static inline void build_key_array(struct build *b, const char *name, uint32_t item, uint64_t n)
{
    build_key(b, name, GGUF_ARRAY);
    build_int(b, item, 4);
    build_int(b, n, 8);
}

static inline void build_tensor(struct build *b, const char *name, uint32_t n_dims,
    const uint64_t *dims, uint32_t type, uint64_t offset)
{
    build_text(b, name);
    build_int(b, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++)
        build_int(b, dims[i], 8);
    build_int(b, type, 4);
    build_int(b, offset, 8);
}

static inline void build_pad(struct build *b, size_t alignment)
{
    while (b->n % alignment)
        build_int(b, 0, 1);
}

static inline void build_free(struct build *b)
{
    free(b->data);
    *b = (struct build){0};
}

/* A gguf_type_bytes_fn that knows a few types, so that this needs no other room. */
static inline bool test_type_bytes(uint32_t type, uint64_t row, uint64_t n_rows, uint64_t *bytes)
{
    static const struct {
        uint32_t type, block, bytes;
    } types[] = {
        {0, 1, 4},
        {1, 1, 2},
        {2, 32, 18},
        {8, 32, 34},
        {10, 256, 84},
        {11, 256, 110},
        {12, 256, 144},
        {13, 256, 176},
        {14, 256, 210},
        {30, 1, 2},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].type == type && row % types[i].block == 0) {
            *bytes = row / types[i].block * n_rows * types[i].bytes;
            return true;
        }
    return false;
}

#endif
