#include "gguf/write.h"

#include "gguf/internal.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION = 3 };

static void put(struct gguf_writer *w, const void *data, uint64_t n)
{
    if (w->cap - w->n < n && !w->failed) {
        uint64_t cap = 2 * (w->n + n);
        uint8_t *grown = realloc(w->data, (size_t)cap);
        w->failed = !grown;
        if (grown) {
            w->data = grown;
            w->cap = cap;
        }
    }
    if (w->failed || n == 0)
        return;
    memcpy(w->data + w->n, data, (size_t)n);
    w->n += n;
}

/* The low n bytes, little-endian. */
static void put_int(struct gguf_writer *w, uint64_t value, uint32_t n)
{
    uint8_t bytes[8];
    for (uint32_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    put(w, bytes, n);
}

static void put_string(struct gguf_writer *w, struct gguf_string s)
{
    put_int(w, s.n, 8);
    put(w, s.data, s.n);
}

static void put_key(struct gguf_writer *w, const struct gguf_key *key)
{
    put_string(w, key->name);
    put_int(w, key->type, 4);
    if (key->type == GGUF_ARRAY) {
        put_int(w, key->item_type, 4);
        put_int(w, key->n, 8);
    }
    if (key->item_type != GGUF_STRING)
        put(w, key->data, key->n * gguf_scalar_bytes(key->item_type));
    for (uint64_t i = 0; key->item_type == GGUF_STRING && i < key->n; i++)
        put_string(w, key->strings[i]);
}

static void put_u32_key(struct gguf_writer *w, const struct gguf_u32_key *key)
{
    put_string(w, (struct gguf_string){key->name, strlen(key->name)});
    put_int(w, GGUF_U32, 4);
    put_int(w, key->value, 4);
}

static bool is_left_out(const struct gguf_head *head, const struct gguf_key *key)
{
    for (const char *const *name = head->leave; *name; name++)
        if (gguf_string_is(key->name, *name))
            return true;
    return false;
}

static const struct gguf_u32_key *find_set(const struct gguf_head *head, const struct gguf_key *key)
{
    for (uint32_t i = 0; i < head->n_set; i++)
        if (gguf_string_is(key->name, head->set[i].name))
            return &head->set[i];
    return NULL;
}

static uint64_t count_keys(const struct gguf_head *head)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < head->from->n_keys; i++)
        n += !is_left_out(head, &head->from->keys[i]);
    for (uint32_t i = 0; i < head->n_set; i++)
        n += !gguf_find_key(head->from, head->set[i].name);
    return n;
}

static void put_keys(struct gguf_writer *w, const struct gguf_head *head)
{
    for (uint64_t i = 0; i < head->from->n_keys; i++) {
        const struct gguf_key *key = &head->from->keys[i];
        const struct gguf_u32_key *set = find_set(head, key);
        if (set)
            put_u32_key(w, set);
        else if (!is_left_out(head, key))
            put_key(w, key);
    }
    for (uint32_t i = 0; i < head->n_set; i++)
        if (!gguf_find_key(head->from, head->set[i].name))
            put_u32_key(w, &head->set[i]);
}

static bool round_up(uint64_t *n, uint32_t alignment)
{
    return !__builtin_add_overflow(*n, alignment - 1, n) && (*n -= *n % alignment, true);
}

/* Offsets from the beginning of the tensor bytes; *end: where the last one's padding ends. */
static bool place(const struct gguf_head *head, uint64_t *end)
{
    *end = 0;
    for (uint64_t i = 0; i < head->n_tensors; i++) {
        head->tensors[i].file = 0;
        head->tensors[i].offset = *end;
        if (__builtin_add_overflow(*end, head->tensors[i].n_bytes, end) ||
            !round_up(end, head->alignment))
            return false;
    }
    return true;
}

static void put_tensor(struct gguf_writer *w, const struct gguf_tensor *t)
{
    put_string(w, t->name);
    put_int(w, t->n_dims, 4);
    for (uint32_t d = 0; d < t->n_dims; d++)
        put_int(w, t->dims[d], 8);
    put_int(w, t->type, 4);
    put_int(w, t->offset, 8);
}

hekla_status gguf_write_head(struct gguf_writer *w, const struct gguf_head *head,
    uint64_t *file_bytes, struct hekla_error *err)
{
    uint64_t end;
    if (!place(head, &end))
        return hekla_fail(err, HEKLA_UNSUPPORTED, "%s: its tensors need more than 2^64 bytes",
            gguf_name(head->from));
    put(w, "GGUF", 4);
    put_int(w, VERSION, 4);
    put_int(w, head->n_tensors, 8);
    put_int(w, count_keys(head), 8);
    put_keys(w, head);
    for (uint64_t i = 0; i < head->n_tensors; i++)
        put_tensor(w, &head->tensors[i]);
    while (w->n % head->alignment && !w->failed)
        put_int(w, 0, 1);
    if (w->failed)
        return hekla_fail(
            err, HEKLA_MEMORY, "%s: no memory for its directory", gguf_name(head->from));
    for (uint64_t i = 0; i < head->n_tensors; i++)
        head->tensors[i].offset += w->n;
    *file_bytes = w->n + end;
    return HEKLA_OK;
}
