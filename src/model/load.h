/* Shared by the files that turn a file's tensors into weights on the device. */
#ifndef MODEL_LOAD_H
#define MODEL_LOAD_H

#include "model/model.h"

enum { MAX_PARTS = 3 };

/* Rows of a tensor, in the file's order or with those of a rotated pair made neighbours. */
struct part {
    const struct gguf_tensor *tensor, *bias; /* bias: may be NULL */
    uint64_t first, bias_first, rows;
    const struct head_shape *rotated; /* NULL: in the file's order */
    uint32_t kept, skipped;           /* rows of each head; kept 0: all of them */
};

/* What will be uploaded: rows of a tensor, or of several that become one matrix. */
struct job {
    struct part parts[MAX_PARTS];
    uint32_t n_parts, layer;
    const struct weight_rule *rule; /* of the first */
    const struct quant_type *type;
    struct matrix *matrix;   /* or NULL: */
    struct gpu_view *vector; /* or NULL: */
    float *scalar;
    uint64_t row_bytes; /* in the file */
    bool by_quads;
};

struct load {
    struct model *m;
    const struct gguf *g;
    const char *file;
    struct model_progress progress;
    struct job *jobs;
    size_t n_jobs;
    uint8_t *rows; /* file bytes of a stretch of rows */
    bool *used;    /* [g->n_tensors]: a rule names it */
    uint64_t done_bytes;
};

/* find.c: fills jobs, in the order of the file; each tensor is checked. */
hekla_status load_find(
    struct load *l, const struct weight_rule *rules, size_t n_rules, struct hekla_error *err);
/* Rows of a head of Q or K lie as in the file, except that pairs (i, i + n_rot / 2) become
 * (2i, 2i + 1): where row r comes from. Scores do not change, as Q and K change alike. rotated:
 * NULL for rows in the file's order. */
uint64_t load_source_row(const struct head_shape *rotated, uint64_t r);
/* Floats of a vector on the device: WEIGHT_HEADS are given for every head. */
uint64_t load_vector_floats(const struct load *l, const struct job *job);

#endif
