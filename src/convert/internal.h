/* convert/ internals: the plan, and the threads that carry it out. */
#ifndef CONVERT_INTERNAL_H
#define CONVERT_INTERNAL_H

#include "base/outfile.h"
#include "convert/convert.h"
#include "gguf/write.h"

typedef unsigned long long ull; /* for %llu */

enum { PIECE = 1 << 18 }; /* elements that a thread takes at once: whole blocks of every type */

struct convert {
    struct gguf *gguf;
    const char *out;
    struct gguf_tensor *tensors; /* [gguf->n_tensors], of the new file */
    enum quant *wanted;
    uint64_t *first_piece; /* [gguf->n_tensors + 1] */
    struct gguf_writer head;
    uint64_t bytes_after;
};

/* Fills the data of all tensors in. */
hekla_status convert_pieces(struct convert *c, struct outfile *file, const struct convert_run *run,
    struct hekla_error *err);

#endif
