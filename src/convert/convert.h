/*
 * convert/: a model file with other weight types. Reads F32, F16 and BF16 files, decides each
 * tensor's type (mix.h), quantises on all cores and writes a new file. Knows nothing of devices or
 * of what the tensors mean beyond their names.
 *
 * Memory is bounded: each thread holds one piece of a tensor, and no file is held whole. The same
 * file comes out for any number of threads.
 */
#ifndef CONVERT_CONVERT_H
#define CONVERT_CONVERT_H

#include "convert/mix.h"

struct convert;

struct convert_options {
    const char *in, *out; /* paths; must stay valid */
    const struct mix *mix;
    bool pure; /* the mix's own type for every matrix */
};

struct convert_tensor {
    struct gguf_string name;
    uint64_t row, n_elements, bytes; /* bytes: in the new file */
    const struct quant_type *from, *wanted, *to;
};

/* Opens and checks the input, and decides all types; writes nothing. */
hekla_status convert_open(
    struct convert **out, const struct convert_options *options, struct hekla_error *err);
void convert_close(struct convert *c);

uint64_t convert_tensor_count(const struct convert *c);
struct convert_tensor convert_tensor_at(const struct convert *c, uint64_t i);
/* Of the whole files. */
uint64_t convert_bytes_before(const struct convert *c);
uint64_t convert_bytes_after(const struct convert *c);

struct convert_run {
    uint32_t n_threads;
    /* From the calling thread, several times a second; false: stop. May be NULL. */
    bool (*progress)(void *user, double fraction);
    /* Once, with the name of the file to remove should the program end at once; then with NULL. May
     * be NULL. */
    void (*temporary)(const char *path);
    void *user;
};
/* Writes the new file, whole or not at all. Once only. */
hekla_status convert_run(struct convert *c, const struct convert_run *run, struct hekla_error *err);

#endif
