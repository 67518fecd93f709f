/* Finding keys and tensors by name, and typed reads. */
#include "gguf/internal.h"

#include "base/le.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(struct gguf_string a, struct gguf_string b)
{
    size_t n = (size_t)(a.n < b.n ? a.n : b.n);
    int c = n ? memcmp(a.data, b.data, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int compare_keys(const void *a, const void *b)
{
    return compare(
        (*(const struct gguf_key *const *)a)->name, (*(const struct gguf_key *const *)b)->name);
}

static int compare_tensors(const void *a, const void *b)
{
    return compare((*(const struct gguf_tensor *const *)a)->name,
        (*(const struct gguf_tensor *const *)b)->name);
}

hekla_status gguf_index_build(struct gguf *g, struct hekla_error *err)
{
    struct gguf_index *index = g->arena;
    index->keys = arena_alloc(&index->arena, (size_t)g->n_keys, sizeof(*index->keys));
    index->tensors = arena_alloc(&index->arena, (size_t)g->n_tensors, sizeof(*index->tensors));
    if (!index->keys || !index->tensors)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its index", index->name);
    for (uint64_t i = 0; i < g->n_keys; i++)
        index->keys[i] = &g->keys[i];
    for (uint64_t i = 0; i < g->n_tensors; i++)
        index->tensors[i] = &g->tensors[i];
    qsort(index->keys, (size_t)g->n_keys, sizeof(*index->keys), compare_keys);
    qsort(index->tensors, (size_t)g->n_tensors, sizeof(*index->tensors), compare_tensors);
    for (uint64_t i = 1; i < g->n_keys; i++)
        if (!compare(index->keys[i - 1]->name, index->keys[i]->name))
            return hekla_fail(err, HEKLA_FORMAT, "%s: key %s occurs twice", index->name,
                GGUF_LABEL(index->keys[i]->name));
    for (uint64_t i = 1; i < g->n_tensors; i++)
        if (!compare(index->tensors[i - 1]->name, index->tensors[i]->name))
            return hekla_fail(err, HEKLA_FORMAT, "%s: tensor %s occurs twice", index->name,
                GGUF_LABEL(index->tensors[i]->name));
    return HEKLA_OK;
}

const struct gguf_key *gguf_part_find(const struct gguf_part *part, const char *name)
{
    for (uint64_t i = 0; i < part->n_keys; i++)
        if (gguf_string_is(part->keys[i].name, name))
            return &part->keys[i];
    return NULL;
}

const struct gguf_key *gguf_find_key(const struct gguf *g, const char *name)
{
    const struct gguf_index *index = g->arena;
    const struct gguf_key want = {.name = {name, strlen(name)}}, *p = &want;
    const struct gguf_key **found =
        bsearch(&p, index->keys, (size_t)g->n_keys, sizeof(*index->keys), compare_keys);
    return found ? *found : NULL;
}

const struct gguf_tensor *gguf_find_tensor(const struct gguf *g, const char *name)
{
    const struct gguf_index *index = g->arena;
    const struct gguf_tensor want = {.name = {name, strlen(name)}}, *p = &want;
    const struct gguf_tensor **found =
        bsearch(&p, index->tensors, (size_t)g->n_tensors, sizeof(*index->tensors), compare_tensors);
    return found ? *found : NULL;
}

const char *gguf_name(const struct gguf *g)
{
    const struct gguf_index *index = g->arena;
    return index->name;
}

bool gguf_string_is(struct gguf_string s, const char *text)
{
    return s.n == strlen(text) && (s.n == 0 || !memcmp(s.data, text, (size_t)s.n));
}

/* ---- typed reads --------------------------------------------------------------------------- */

static const char *type_name(enum gguf_value_type type)
{
    static const char *const names[] = {"an 8-bit unsigned integer", "an 8-bit integer",
        "a 16-bit unsigned integer", "a 16-bit integer", "a 32-bit unsigned integer",
        "a 32-bit integer", "a 32-bit float", "a boolean", "a string", "an array",
        "a 64-bit unsigned integer", "a 64-bit integer", "a 64-bit float"};
    return names[type];
}

static hekla_status fail_type(const char *file_name, const struct gguf_key *key,
    const char *expected, struct hekla_error *err)
{
    if (key->type == GGUF_ARRAY)
        return hekla_fail(err, HEKLA_FORMAT,
            "%s: key %s is an array of %llu items, each %s, expected %s", file_name,
            GGUF_LABEL(key->name), (ull)key->n, type_name(key->item_type), expected);
    return hekla_fail(err, HEKLA_FORMAT, "%s: key %s is %s, expected %s", file_name,
        GGUF_LABEL(key->name), type_name(key->type), expected);
}

/* Finds the key; HEKLA_FORMAT if it is absent and required. */
static hekla_status find(const struct gguf *g, const char *name, bool required,
    const struct gguf_key **key, struct hekla_error *err)
{
    *key = gguf_find_key(g, name);
    if (*key || !required)
        return HEKLA_OK;
    return hekla_fail(err, HEKLA_FORMAT, "%s: key %s is missing", gguf_name(g), name);
}

hekla_status gguf_key_u32(
    const struct gguf_key *key, const char *file_name, uint32_t *out, struct hekla_error *err)
{
    const uint8_t *p = key->data;
    uint64_t u = 0; /* the bits as a 64-bit integer, sign-extended for signed types */
    bool is_signed = false;
    switch (key->type) {
    case GGUF_U8:
        u = p[0];
        break;
    case GGUF_U16:
        u = le_u16(p);
        break;
    case GGUF_U32:
        u = le_u32(p);
        break;
    case GGUF_U64:
        u = le_u64(p);
        break;
    case GGUF_I8:
        u = (uint64_t)(int64_t)(int8_t)p[0];
        is_signed = true;
        break;
    case GGUF_I16:
        u = (uint64_t)(int64_t)(int16_t)le_u16(p);
        is_signed = true;
        break;
    case GGUF_I32:
        u = (uint64_t)(int64_t)(int32_t)le_u32(p);
        is_signed = true;
        break;
    case GGUF_I64:
        u = le_u64(p);
        is_signed = true;
        break;
    default:
        return fail_type(file_name, key, "an integer", err);
    }
    if (is_signed && (int64_t)u < 0)
        return hekla_fail(err, HEKLA_FORMAT, "%s: key %s is %lld, expected 0..4294967295",
            file_name, GGUF_LABEL(key->name), (long long)u);
    if (u > UINT32_MAX)
        return hekla_fail(err, HEKLA_FORMAT, "%s: key %s is %llu, expected 0..4294967295",
            file_name, GGUF_LABEL(key->name), (ull)u);
    *out = (uint32_t)u;
    return HEKLA_OK;
}

hekla_status gguf_get_u32(const struct gguf *g, const char *name, bool required, uint32_t fallback,
    uint32_t *out, struct hekla_error *err)
{
    const struct gguf_key *key;
    hekla_status status = find(g, name, required, &key, err);
    if (status)
        return status;
    if (key)
        return gguf_key_u32(key, gguf_name(g), out, err);
    *out = fallback;
    return HEKLA_OK;
}

hekla_status gguf_get_f32(const struct gguf *g, const char *name, bool required, float fallback,
    float *out, struct hekla_error *err)
{
    const struct gguf_key *key;
    hekla_status status = find(g, name, required, &key, err);
    if (status)
        return status;
    if (!key) {
        *out = fallback;
        return HEKLA_OK;
    }
    float value;
    if (key->type == GGUF_F32) {
        uint32_t bits = le_u32(key->data);
        memcpy(&value, &bits, sizeof(value));
    } else if (key->type == GGUF_F64) {
        uint64_t bits = le_u64(key->data);
        double wide;
        memcpy(&wide, &bits, sizeof(wide));
        value = (float)wide;
    } else {
        return fail_type(gguf_name(g), key, "a float", err);
    }
    if (!isfinite(value))
        return hekla_fail(err, HEKLA_FORMAT, "%s: key %s is %s, expected a finite 32-bit float",
            gguf_name(g), GGUF_LABEL(key->name), isnan(value) ? "not a number" : "infinite");
    *out = value;
    return HEKLA_OK;
}

hekla_status gguf_get_bool(const struct gguf *g, const char *name, bool required, bool fallback,
    bool *out, struct hekla_error *err)
{
    const struct gguf_key *key;
    hekla_status status = find(g, name, required, &key, err);
    if (status)
        return status;
    if (key && key->type != GGUF_BOOL)
        return fail_type(gguf_name(g), key, "a boolean", err);
    *out = key ? key->data[0] : fallback;
    return HEKLA_OK;
}

hekla_status gguf_get_string(const struct gguf *g, const char *name, bool required,
    struct gguf_string *out, struct hekla_error *err)
{
    const struct gguf_key *key;
    hekla_status status = find(g, name, required, &key, err);
    if (status)
        return status;
    if (key && key->type != GGUF_STRING)
        return fail_type(gguf_name(g), key, "a string", err);
    *out = key ? key->strings[0] : (struct gguf_string){NULL, 0};
    return HEKLA_OK;
}

hekla_status gguf_get_array(const struct gguf *g, const char *name, bool required,
    enum gguf_value_type item, const struct gguf_key **out, struct hekla_error *err)
{
    const struct gguf_key *key;
    hekla_status status = find(g, name, required, &key, err);
    if (status)
        return status;
    if (key && (key->type != GGUF_ARRAY || key->item_type != item)) {
        char expected[64] = "an array, each item ";
        strcat(expected, type_name(item));
        return fail_type(gguf_name(g), key, expected, err);
    }
    *out = key;
    return HEKLA_OK;
}
