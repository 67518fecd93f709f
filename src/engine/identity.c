/*
 * Which model it is, so that what was computed with one is not taken for another's: a checksum of
 * the files' heads, which name and shape everything, and of places in every tensor, in which no two
 * trainings agree. Reading all of the weights again would take too long.
 */
#include "engine/engine.h"

#include "base/checksum.h"

#include <string.h>

enum { SAMPLE_BYTES = 256 };

static uint64_t head_bytes(const struct gguf *g, uint32_t file)
{
    uint64_t end = g->files[file].size;
    for (uint64_t i = 0; i < g->n_tensors; i++)
        if (g->tensors[i].file == file && g->tensors[i].offset < end)
            end = g->tensors[i].offset;
    return end;
}

static void add_tensor(struct checksum *sum, const struct gguf *g, const struct gguf_tensor *t)
{
    const uint8_t *data = g->files[t->file].data + t->offset;
    uint64_t n = t->n_bytes < SAMPLE_BYTES ? t->n_bytes : SAMPLE_BYTES;
    checksum_add(sum, data, (size_t)n);
    checksum_add(sum, data + (t->n_bytes - n) / 2, (size_t)n);
    checksum_add(sum, data + (t->n_bytes - n), (size_t)n);
}

hekla_status engine_identify(struct hekla_model *model, struct hekla_error *err)
{
    const struct gguf *g = model->gguf;
    struct checksum sum = {0};
    hekla_status status = gguf_check_unchanged(g, err);
    if (status != HEKLA_OK)
        return status;
    for (uint32_t i = 0; i < g->n_files; i++)
        checksum_add(&sum, g->files[i].data, (size_t)head_bytes(g, i));
    if (g->make) /* the name says all of the rest */
        checksum_add(&sum, model->file, strlen(model->file));
    for (uint64_t i = 0; i < g->n_tensors && !g->make; i++)
        add_tensor(&sum, g, &g->tensors[i]);
    model->identity = checksum_of(&sum);
    return HEKLA_OK;
}
