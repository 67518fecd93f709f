/*
 * gguf/: a GGUF file (version 2 or 3, possibly split) becomes typed keys and a tensor directory.
 *
 * Owns the file mappings and all strings; everything returned points into it and lives until
 * gguf_close. It knows nothing of models or devices and never reads tensor bytes: it checks that
 * each tensor's bytes lie inside its file, and hands out where. Not thread-safe while opening;
 * read-only, so shareable, afterwards.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
#ifndef GGUF_GGUF_H
#define GGUF_GGUF_H

#include "base/status.h"

enum gguf_value_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_VALUE_TYPE_COUNT,
};

struct gguf_string {
    const char *data; /* not terminated */
    uint64_t n;
};

struct gguf_key {
    struct gguf_string name;
    enum gguf_value_type type;
    enum gguf_value_type item_type; /* for arrays */
    uint64_t n;                     /* items, for arrays; else 1 */
    const uint8_t *data;            /* little-endian scalar, or the items of an array */
    struct gguf_string *strings;    /* [n] for a string (1) or an array of strings */
};

struct gguf_tensor {
    struct gguf_string name;
    uint32_t n_dims;
    uint64_t dims[4]; /* GGUF order: dims[0] is the contiguous one; missing ones are 1 */
    uint32_t type;    /* the file's number, known to quant_find or not */
    uint64_t n_elements;
    uint64_t n_bytes; /* 0 if the type is unknown */
    uint32_t file;    /* index of the split */
    uint64_t offset;  /* from the start of that file */
};

struct gguf_file {
    const uint8_t *data; /* mapping, read-only */
    uint64_t size;
    char *path; /* NULL for memory */
    int fd;     /* -1 for memory */
};

/* Whole blocks of a tensor whose bytes are made, not read: see arch/synthetic.c. */
typedef void (*gguf_make_fn)(
    const void *user, const struct gguf_tensor *t, uint64_t offset, uint64_t bytes, uint8_t *out);

struct gguf {
    struct gguf_file *files;
    uint32_t n_files;
    uint32_t version;
    struct gguf_key *keys;
    uint64_t n_keys;
    struct gguf_tensor *tensors;
    uint64_t n_tensors;
    void *arena;       /* strings and index tables */
    gguf_make_fn make; /* set by who opened a directory alone; NULL: bytes are in the files */
    const void *make_user;
};

/* Bytes of n_elements (a multiple of the block) of a file type number; false: type unknown or the
 * count is not a whole number of blocks. Passed in so that this room knows no weight formats. */
typedef bool (*gguf_type_bytes_fn)(uint32_t type, uint64_t row, uint64_t n_rows, uint64_t *bytes);

/* Opens path; if it is the first of a split model ("-00001-of-0000N.gguf"), the others too. */
hekla_status gguf_open(
    struct gguf **out, const char *path, gguf_type_bytes_fn type_bytes, struct hekla_error *err);
/* The same from memory that outlives the result (the built-in model, fuzzing). */
hekla_status gguf_open_memory(struct gguf **out, const void *data, uint64_t size, const char *name,
    gguf_type_bytes_fn type_bytes, struct hekla_error *err);
void gguf_close(struct gguf *g);

/* The (first) file's name for error sentences, shortened from the left; or the name given to
 * gguf_open_memory. */
const char *gguf_name(const struct gguf *g);

const struct gguf_key *gguf_find_key(const struct gguf *g, const char *name);
const struct gguf_tensor *gguf_find_tensor(const struct gguf *g, const char *name);

/* Typed reads. Absent: `fallback`, or an error if `required`. Present with another type than asked
 * for (any integer type that holds the value is accepted as u32; f32 or f64 as f32): an error that
 * names the key, what it is and what was expected. Strings are not terminated. */
hekla_status gguf_get_u32(const struct gguf *g, const char *key, bool required, uint32_t fallback,
    uint32_t *out, struct hekla_error *err);
hekla_status gguf_get_f32(const struct gguf *g, const char *key, bool required, float fallback,
    float *out, struct hekla_error *err); /* finite, or an error */
hekla_status gguf_get_bool(const struct gguf *g, const char *key, bool required, bool fallback,
    bool *out, struct hekla_error *err);
hekla_status gguf_get_string(const struct gguf *g, const char *key, bool required,
    struct gguf_string *out, struct hekla_error *err); /* absent: {NULL, 0} */
/* An array of the item type; absent: *out = NULL. */
hekla_status gguf_get_array(const struct gguf *g, const char *key, bool required,
    enum gguf_value_type item, const struct gguf_key **out, struct hekla_error *err);

bool gguf_string_is(struct gguf_string s, const char *text);

/* HEKLA_IO if a file is no longer what was mapped (size or modification time changed): reading a
 * truncated mapping would crash, and a rewritten one would load garbage. */
hekla_status gguf_check_unchanged(const struct gguf *g, struct hekla_error *err);

#endif
