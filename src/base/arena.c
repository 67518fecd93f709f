#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 64 * 1024 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size;
    max_align_t bytes[];
};

static struct arena_chunk *chunk_create(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct arena_chunk))
        return NULL;
    struct arena_chunk *c = calloc(1, sizeof(*c) + size);
    if (c)
        c->size = size;
    return c;
}

void *arena_alloc(struct arena *a, size_t n, size_t item)
{
    const size_t align = sizeof(max_align_t);
    if (item && n > (SIZE_MAX - align) / item)
        return NULL;
    size_t size = (n * item + align - 1) / align * align;
    struct arena_chunk *c = a->chunks;
    if (!c || c->size - c->used < size) {
        c = chunk_create(size > CHUNK_BYTES ? size : CHUNK_BYTES);
        if (!c)
            return NULL;
        c->next = a->chunks;
        a->chunks = c;
    }
    void *p = (char *)c->bytes + c->used;
    c->used += size;
    return p;
}

void arena_destroy(struct arena *a)
{
    while (a->chunks) {
        struct arena_chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
}
