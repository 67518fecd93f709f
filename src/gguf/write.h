/* gguf/write: the head of a GGUF file (version 3), keys and tensor directory, as bytes. Tensor
 * bytes are the caller's: they go where the directory says. */
#ifndef GGUF_WRITE_H
#define GGUF_WRITE_H

#include "gguf/gguf.h"

/* A growing buffer. Zero-initialise; `data` is freed by the caller. */
struct gguf_writer {
    uint8_t *data;
    uint64_t n, cap;
    bool failed; /* no memory: whatever was written is lost */
};

struct gguf_u32_key {
    const char *name;
    uint32_t value;
};

/* What is written: keys of `from` in their order, those of `set` with its values (in their place if
 * `from` has them, else at the end), without those of `leave`; and tensors. */
struct gguf_head {
    const struct gguf *from;
    const struct gguf_u32_key *set;
    uint32_t n_set;
    const char *const *leave;    /* ends with NULL */
    struct gguf_tensor *tensors; /* name, n_dims, dims, type, n_bytes; the rest is filled in */
    uint64_t n_tensors;
    uint32_t alignment;
};

/* Writes the head, padded to where tensor bytes begin. Sets each tensor's offset from the start of
 * the file, and *file_bytes: each tensor's bytes are followed by zeros up to the alignment. */
hekla_status gguf_write_head(struct gguf_writer *w, const struct gguf_head *head,
    uint64_t *file_bytes, struct hekla_error *err);

#endif
