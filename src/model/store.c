/* Device memory for weights: reserved first, allocated in few slabs, then filled in order. */
#include "model/model.h"

#include <assert.h>
#include <stdlib.h>

#define ALIGNMENT 256ull /* Vulkan's largest minStorageBufferOffsetAlignment */

struct model_store {
    struct gpu_device *dev;
    const char *what;         /* for messages */
    struct gpu_buffer *slabs; /* fixed addresses are needed: allocated for MAX_SLABS at once */
    uint32_t n_slabs;
    uint64_t *sizes;
    struct gpu_buffer staging;
    struct gpu_view pending; /* where the staged bytes go; buffer NULL: nothing pending */
};

enum { MAX_SLABS = 1024 };

hekla_status model_store_create(
    struct model_store **out, struct gpu_device *dev, const char *what, struct hekla_error *err)
{
    struct model_store *s = calloc(1, sizeof(*s));
    if (s) {
        s->dev = dev;
        s->what = what;
        s->slabs = calloc(MAX_SLABS, sizeof(*s->slabs));
        s->sizes = calloc(MAX_SLABS, sizeof(*s->sizes));
    }
    if (!s || !s->slabs || !s->sizes) {
        model_store_destroy(s);
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    }
    *out = s;
    return HEKLA_OK;
}

void model_store_destroy(struct model_store *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->n_slabs; i++)
        gpu_buffer_destroy(s->dev, &s->slabs[i]);
    gpu_buffer_destroy(s->dev, &s->staging);
    free(s->slabs);
    free(s->sizes);
    free(s);
}

void model_store_reserve(struct model_store *s, uint64_t bytes, struct gpu_view *out)
{
    uint64_t size = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    bool fits = s->n_slabs && s->sizes[s->n_slabs - 1] + size <= gpu_device_caps(s->dev)->max_slab;
    if (!fits && s->n_slabs < MAX_SLABS)
        s->n_slabs++;
    uint64_t *used = &s->sizes[s->n_slabs - 1];
    *out = (struct gpu_view){&s->slabs[s->n_slabs - 1], *used, bytes};
    *used += size;
}

uint64_t model_store_bytes(const struct model_store *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->n_slabs; i++)
        sum += s->sizes[i];
    return sum;
}

bool model_store_slab(const struct model_store *s, uint32_t i, struct gpu_view *out)
{
    if (i < s->n_slabs)
        *out = (struct gpu_view){&s->slabs[i], 0, s->sizes[i]};
    return i < s->n_slabs;
}

hekla_status model_store_allocate(struct model_store *s, struct hekla_error *err)
{
    uint64_t need = model_store_bytes(s), available = gpu_memory_available(s->dev);
    if (need > available)
        return hekla_fail(err, HEKLA_MEMORY, "%s: %llu MiB needed on %s, %llu MiB available",
            s->what, (unsigned long long)(need + 0xfffff) >> 20, gpu_device_name(s->dev),
            (unsigned long long)available >> 20);
    for (uint32_t i = 0; i < s->n_slabs; i++) {
        hekla_status status =
            gpu_buffer_create(s->dev, &s->slabs[i], s->sizes[i], GPU_MEMORY_DEVICE, s->what, err);
        if (status != HEKLA_OK)
            return status;
    }
    return HEKLA_OK;
}

hekla_status model_store_flush(struct model_store *s, struct hekla_error *err)
{
    if (!s->pending.buffer)
        return HEKLA_OK;
    struct gpu_commands *c = NULL;
    uint64_t ticket;
    hekla_status status = gpu_commands_begin(&c, s->dev, 0, err);
    if (status == HEKLA_OK) {
        gpu_commands_copy(c, (struct gpu_view){&s->staging, 0, s->pending.size}, s->pending);
        status = gpu_commands_end(c, err);
    }
    if (status == HEKLA_OK)
        status = gpu_submit(c, 1, &ticket, err);
    if (status == HEKLA_OK)
        status = gpu_wait(s->dev, ticket, err);
    gpu_commands_destroy(c);
    s->pending.buffer = NULL;
    return status;
}

hekla_status model_store_map(struct model_store *s, const struct gpu_view *view, uint64_t offset,
    uint64_t bytes, void **out, struct hekla_error *err)
{
    assert(bytes <= MODEL_STAGING_BYTES && offset + bytes <= view->size);
    if (view->buffer->host && gpu_device_caps(s->dev)->host_memory) {
        *out = (uint8_t *)view->buffer->host + view->offset + offset;
        return HEKLA_OK;
    }
    hekla_status status = HEKLA_OK;
    if (!s->staging.size)
        status = gpu_buffer_create(
            s->dev, &s->staging, MODEL_STAGING_BYTES, GPU_MEMORY_UPLOAD, "staging", err);
    if (status == HEKLA_OK) {
        s->pending = (struct gpu_view){view->buffer, view->offset + offset, bytes};
        *out = s->staging.host;
    }
    return status;
}
