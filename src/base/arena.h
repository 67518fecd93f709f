/* base/arena: many small allocations that are freed together. Zero-initialise. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
};

/* n zeroed items, aligned for any type; NULL if there is no memory or n * item overflows.
 * n or item 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n, size_t item);
void arena_destroy(struct arena *a);

#endif
