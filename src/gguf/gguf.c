/* Opening: one file, a split model, or memory. */
#include "gguf/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPLIT_SUFFIX "-%05u-of-%05u.gguf"

enum { MAX_PARTS = 99999 };

static char *display_name(struct arena *arena, const char *path)
{
    enum { SHOWN = 200 };
    const char *tail = utf8_tail(path, SHOWN);
    size_t n = strlen(tail) + sizeof("...");
    char *name = arena_alloc(arena, n, 1);
    if (name)
        snprintf(name, n, "%s%s", tail == path ? "" : "...", tail);
    return name;
}

static struct gguf *create(const char *name, struct hekla_error *err)
{
    struct gguf *g = calloc(1, sizeof(*g));
    struct gguf_index *index = calloc(1, sizeof(*index));
    if (g && index) {
        g->arena = index;
        index->name = display_name(&index->arena, name);
        if (index->name)
            return g;
        arena_destroy(&index->arena);
    }
    free(g);
    free(index);
    hekla_fail(err, HEKLA_MEMORY, "no memory to open a GGUF file");
    return NULL;
}

void gguf_close(struct gguf *g)
{
    if (!g)
        return;
    struct gguf_index *index = g->arena;
    for (uint32_t i = 0; index->maps && i < g->n_files; i++)
        mapfile_close(&index->maps[i]);
    arena_destroy(&index->arena);
    free(index);
    free(g);
}

static hekla_status fail_memory(const struct gguf *g, struct hekla_error *err)
{
    return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its directory", gguf_name(g));
}

/* Maps and parses file number g->n_files. `maps` and `files` have room for it. */
static hekla_status open_part(struct gguf *g, const char *path, gguf_type_bytes_fn type_bytes,
    struct gguf_part *part, struct hekla_error *err)
{
    struct gguf_index *index = g->arena;
    const char *name = display_name(&index->arena, path);
    char *copy = arena_alloc(&index->arena, strlen(path) + 1, 1);
    if (!name || !copy)
        return fail_memory(g, err);
    strcpy(copy, path);
    struct mapfile *map = &index->maps[g->n_files];
    hekla_status status = mapfile_open(map, path, err);
    if (status)
        return status;
    g->files[g->n_files] = (struct gguf_file){map->data, map->size, copy, map->fd};
    struct reader r = {.data = map->data, .size = map->size, .name = name, .err = err};
    return gguf_parse(&r, &index->arena, g->n_files++, type_bytes, part);
}

static hekla_status part_u32(const struct gguf_part *part, const char *name, const char *file_name,
    uint32_t fallback, uint32_t *out, struct hekla_error *err)
{
    const struct gguf_key *key = gguf_part_find(part, name);
    *out = fallback;
    return key ? gguf_key_u32(key, file_name, out, err) : HEKLA_OK;
}

static hekla_status fail_not_first(
    const struct gguf *g, const char *path, uint32_t no, uint32_t count, struct hekla_error *err)
{
    char own[64], first[64];
    snprintf(own, sizeof(own), SPLIT_SUFFIX, no + 1, count);
    snprintf(first, sizeof(first), SPLIT_SUFFIX, 1, count);
    size_t n = strlen(path), n_own = strlen(own);
    if (n >= n_own && !strcmp(path + n - n_own, own)) {
        const char *name = gguf_name(g);
        return hekla_fail(err, HEKLA_ARGUMENT, "%s: is part %u of %u: open the first, %.*s%s", name,
            no + 1, count, (int)(strlen(name) - n_own), name, first);
    }
    return hekla_fail(err, HEKLA_ARGUMENT,
        "%s: is part %u of %u: open the first, whose name ends in %s", gguf_name(g), no + 1, count,
        first);
}

/* Checks that a further part says what the first leads us to expect. */
static hekla_status check_part(const struct gguf *g, const char *path, const struct gguf_part *part,
    uint32_t no, uint32_t count, struct hekla_error *err)
{
    uint32_t part_no, part_count;
    struct utf8_label name = utf8_label(path, strlen(path));
    hekla_status status = part_u32(part, "split.no", name.text, UINT32_MAX, &part_no, err);
    if (!status)
        status = part_u32(part, "split.count", name.text, UINT32_MAX, &part_count, err);
    if (status)
        return status;
    if (part_no != no || part_count != count || part->version != g->version)
        return hekla_fail(err, HEKLA_FORMAT,
            "%s: file %u of the split model is not its part %u of %u in GGUF version %u",
            gguf_name(g), no + 1, no + 1, count, g->version);
    return HEKLA_OK;
}

/* The tensors of all parts, in order, as one directory. */
static hekla_status join_parts(
    struct gguf *g, const struct gguf_part *parts, struct hekla_error *err)
{
    struct gguf_index *index = g->arena;
    uint64_t n = 0;
    for (uint32_t i = 0; i < g->n_files; i++)
        n += parts[i].n_tensors;
    g->tensors = arena_alloc(&index->arena, (size_t)n, sizeof(*g->tensors));
    if (!g->tensors)
        return fail_memory(g, err);
    g->n_tensors = 0;
    for (uint32_t i = 0; i < g->n_files; i++) {
        for (uint64_t j = 0; j < parts[i].n_tensors; j++)
            g->tensors[g->n_tensors++] = parts[i].tensors[j];
    }
    uint32_t announced;
    hekla_status status =
        part_u32(&parts[0], "split.tensors.count", gguf_name(g), UINT32_MAX, &announced, err);
    if (status)
        return status;
    if (announced != UINT32_MAX && announced != n)
        return hekla_fail(err, HEKLA_FORMAT,
            "%s: the %u parts have %llu tensors in all, expected %u (split.tensors.count)",
            gguf_name(g), g->n_files, (ull)n, announced);
    return HEKLA_OK;
}

/* Opens parts 2..count beside the first, which is file 0 already. */
static hekla_status open_others(struct gguf *g, const char *path, const struct gguf_part *first,
    uint32_t count, gguf_type_bytes_fn type_bytes, struct hekla_error *err)
{
    struct gguf_index *index = g->arena;
    char suffix[64];
    size_t n_suffix = (size_t)snprintf(suffix, sizeof(suffix), SPLIT_SUFFIX, 1, count);
    size_t n = strlen(path);
    if (n < n_suffix || strcmp(path + n - n_suffix, suffix))
        return hekla_fail(err, HEKLA_ARGUMENT,
            "%s: is the first of %u parts, but its name does not end in %s, so the others cannot "
            "be found",
            gguf_name(g), count, suffix);
    struct gguf_part *parts = arena_alloc(&index->arena, count, sizeof(*parts));
    struct gguf_file *files = arena_alloc(&index->arena, count, sizeof(*files));
    struct mapfile *maps = arena_alloc(&index->arena, count, sizeof(*maps));
    char *name = arena_alloc(&index->arena, n + 1, 1);
    if (!parts || !files || !maps || !name)
        return fail_memory(g, err);
    parts[0] = *first;
    files[0] = g->files[0];
    maps[0] = index->maps[0];
    g->files = files;
    index->maps = maps;
    for (uint32_t i = 1; i < count; i++) {
        snprintf(name, n + 1, "%.*s" SPLIT_SUFFIX, (int)(n - n_suffix), path, i + 1, count);
        hekla_status status = open_part(g, name, type_bytes, &parts[i], err);
        if (!status)
            status = check_part(g, name, &parts[i], i, count, err);
        if (status)
            return status;
    }
    return join_parts(g, parts, err);
}

/* Takes keys and tensors of the first file and reads where it stands in a split model. */
static hekla_status take_first(struct gguf *g, const struct gguf_part *part, uint32_t *no,
    uint32_t *count, struct hekla_error *err)
{
    g->version = part->version;
    g->keys = part->keys;
    g->n_keys = part->n_keys;
    g->tensors = part->tensors;
    g->n_tensors = part->n_tensors;
    hekla_status status = part_u32(part, "split.no", gguf_name(g), 0, no, err);
    if (!status)
        status = part_u32(part, "split.count", gguf_name(g), 1, count, err);
    if (status)
        return status;
    if (*count > MAX_PARTS || (*count && *no >= *count))
        return hekla_fail(err, HEKLA_FORMAT,
            "%s: split.no is %u and split.count %u, expected no < count <= %d", gguf_name(g), *no,
            *count, MAX_PARTS);
    return HEKLA_OK;
}

static hekla_status open_path(
    struct gguf *g, const char *path, gguf_type_bytes_fn type_bytes, struct hekla_error *err)
{
    struct gguf_index *index = g->arena;
    g->files = arena_alloc(&index->arena, 1, sizeof(*g->files));
    index->maps = arena_alloc(&index->arena, 1, sizeof(*index->maps));
    if (!g->files || !index->maps)
        return fail_memory(g, err);
    struct gguf_part part = {0};
    uint32_t no, count;
    hekla_status status = open_part(g, path, type_bytes, &part, err);
    if (!status)
        status = take_first(g, &part, &no, &count, err);
    if (status)
        return status;
    if (no > 0)
        return fail_not_first(g, path, no, count, err);
    if (count > 1 && (status = open_others(g, path, &part, count, type_bytes, err)))
        return status;
    return gguf_index_build(g, err);
}

static hekla_status open_bytes(struct gguf *g, const void *data, uint64_t size,
    gguf_type_bytes_fn type_bytes, struct hekla_error *err)
{
    struct gguf_index *index = g->arena;
    g->files = arena_alloc(&index->arena, 1, sizeof(*g->files));
    if (!g->files)
        return fail_memory(g, err);
    g->files[0] = (struct gguf_file){data, size, NULL, -1};
    g->n_files = 1;
    struct reader r = {.data = data, .size = size, .name = index->name, .err = err};
    struct gguf_part part = {0};
    uint32_t no, count;
    hekla_status status = gguf_parse(&r, &index->arena, 0, type_bytes, &part);
    if (!status)
        status = take_first(g, &part, &no, &count, err);
    if (status)
        return status;
    if (count > 1)
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: is one of %u parts, and parts in memory are not supported", gguf_name(g), count);
    return gguf_index_build(g, err);
}

hekla_status gguf_open(
    struct gguf **out, const char *path, gguf_type_bytes_fn type_bytes, struct hekla_error *err)
{
    struct gguf *g = create(path, err);
    if (!g)
        return HEKLA_MEMORY;
    hekla_status status = open_path(g, path, type_bytes, err);
    if (status)
        gguf_close(g);
    else
        *out = g;
    return status;
}

hekla_status gguf_open_memory(struct gguf **out, const void *data, uint64_t size, const char *name,
    gguf_type_bytes_fn type_bytes, struct hekla_error *err)
{
    struct gguf *g = create(name, err);
    if (!g)
        return HEKLA_MEMORY;
    hekla_status status = open_bytes(g, data, size, type_bytes, err);
    if (status)
        gguf_close(g);
    else
        *out = g;
    return status;
}

hekla_status gguf_check_unchanged(const struct gguf *g, struct hekla_error *err)
{
    const struct gguf_index *index = g->arena;
    for (uint32_t i = 0; index->maps && i < g->n_files; i++) {
        hekla_status status = mapfile_check_unchanged(&index->maps[i], g->files[i].path, err);
        if (status)
            return status;
    }
    return HEKLA_OK;
}
