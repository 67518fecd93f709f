/* gguf/ internals: the bounded reader, and the parser of one file. */
#ifndef GGUF_INTERNAL_H
#define GGUF_INTERNAL_H

#include "base/arena.h"
#include "base/mapfile.h"
#include "base/utf8.h"
#include "gguf/gguf.h"

typedef unsigned long long ull; /* for %llu */

#define GGUF_LABEL(s) utf8_label((s).data, (size_t)(s).n).text

/* Position in a file being parsed. Every read checks the remaining size first. */
struct reader {
    const uint8_t *data;
    uint64_t size, pos;
    const char *name; /* of the file, for errors */
    struct hekla_error *err;
};

/* Fails unless n more bytes are there; `what` says whose they are. */
hekla_status reader_need(const struct reader *r, uint64_t n, const char *what);
hekla_status reader_u32(struct reader *r, const char *what, uint32_t *out);
hekla_status reader_u64(struct reader *r, const char *what, uint64_t *out);
/* Length and bytes. */
hekla_status reader_string(struct reader *r, const char *what, struct gguf_string *out);

/* What one file holds. */
struct gguf_part {
    struct gguf_key *keys;
    uint64_t n_keys;
    struct gguf_tensor *tensors;
    uint64_t n_tensors;
    uint32_t version;
};

hekla_status gguf_parse(struct reader *r, struct arena *arena, uint32_t file,
    gguf_type_bytes_fn type_bytes, struct gguf_part *out);

/* Bytes of a scalar; 0 for strings, arrays and unknown types. */
uint32_t gguf_scalar_bytes(uint32_t type);

/* The value of an integer key in the range of u32. */
hekla_status gguf_key_u32(
    const struct gguf_key *key, const char *file_name, uint32_t *out, struct hekla_error *err);
/* Linear: for a file whose index is not built yet. NULL: absent. */
const struct gguf_key *gguf_part_find(const struct gguf_part *part, const char *name);

/* Behind struct gguf's `arena`. */
struct gguf_index {
    struct arena arena;
    char *name;
    struct mapfile *maps;               /* [n_files]; NULL for memory */
    const struct gguf_key **keys;       /* [n_keys], sorted by name */
    const struct gguf_tensor **tensors; /* [n_tensors], sorted by name */
};

/* Fills index->keys and index->tensors; an error if a name occurs twice. */
hekla_status gguf_index_build(struct gguf *g, struct hekla_error *err);

#endif
