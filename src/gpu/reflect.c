/* Reads from a SPIR-V module what the host must agree with. Numbers: the SPIR-V specification. */
#include "gpu/gpu.h"

#include <stdlib.h>
#include <string.h>

enum {
    OP_TYPE_INT = 21,
    OP_TYPE_FLOAT = 22,
    OP_TYPE_STRUCT = 30,
    OP_TYPE_POINTER = 32,
    OP_VARIABLE = 59,
    OP_DECORATE = 71,
    OP_MEMBER_DECORATE = 72,
    DECORATION_BINDING = 33,
    DECORATION_OFFSET = 35,
    STORAGE_PUSH_CONSTANT = 9,
    MAX_MEMBERS = 32,
};

struct id {
    uint32_t size, type;
    uint32_t offset[MAX_MEMBERS];
};

static uint32_t struct_size(const struct id *ids, const struct id *self, const uint32_t *members,
    uint32_t n, uint32_t bound)
{
    uint32_t size = 0;
    for (uint32_t i = 0; i < n && i < MAX_MEMBERS; i++)
        if (members[i] < bound && self->offset[i] + ids[members[i]].size > size)
            size = self->offset[i] + ids[members[i]].size;
    return size;
}

static void read_instruction(
    const uint32_t *w, uint32_t len, struct id *ids, uint32_t bound, struct gpu_reflection *out)
{
    if (len < 2 || w[1] >= bound)
        return;
    switch (w[0] & 0xffff) {
    case OP_DECORATE:
        if (len > 3 && w[2] == DECORATION_BINDING && w[3] + 1 > out->n_buffers)
            out->n_buffers = w[3] + 1;
        break;
    case OP_MEMBER_DECORATE:
        if (len > 4 && w[3] == DECORATION_OFFSET && w[2] < MAX_MEMBERS)
            ids[w[1]].offset[w[2]] = w[4];
        break;
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
        ids[w[1]].size = w[2] / 8;
        break;
    case OP_TYPE_STRUCT:
        ids[w[1]].size = struct_size(ids, &ids[w[1]], w + 2, len - 2, bound);
        break;
    case OP_TYPE_POINTER:
        if (len > 3)
            ids[w[1]].type = w[3];
        break;
    case OP_VARIABLE:
        if (len > 3 && w[3] == STORAGE_PUSH_CONSTANT && ids[w[1]].type < bound)
            out->push_bytes = ids[ids[w[1]].type].size;
        break;
    }
}

bool gpu_reflect(const uint32_t *words, size_t bytes, struct gpu_reflection *out)
{
    size_t n = bytes / 4;
    *out = (struct gpu_reflection){0};
    if (n < 5 || words[0] != 0x07230203 || words[3] > 1u << 20)
        return false;
    struct id *ids = calloc(words[3] + 1, sizeof(*ids));
    if (!ids)
        return false;
    for (size_t i = 5; i < n;) {
        uint32_t len = words[i] >> 16;
        if (!len || len > n - i)
            break;
        read_instruction(words + i, len, ids, words[3], out);
        i += len;
    }
    free(ids);
    return true;
}
