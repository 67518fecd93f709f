/* Header, keys and tensor directory of one file. Nothing is believed before it was checked. */
#include "gguf/internal.h"

#include "base/le.h"

#include <stdio.h>
#include <string.h>

enum {
    DEFAULT_ALIGNMENT = 32,
    MAX_ALIGNMENT = 1 << 20,
    MAX_NAME = 65535,     /* the format's limit for keys */
    MIN_KEY_BYTES = 14,   /* name length, one character, type, one byte */
    MIN_TENSOR_BYTES = 33 /* name length, one character, n_dims, one dim, type, offset */
};

/* So that no size in bytes can overflow: the widest file type has 8 bytes an element. */
static const uint64_t max_elements = (uint64_t)1 << 60;

static hekla_status check_magic(const struct reader *r)
{
    if (r->size == 0)
        return hekla_fail(r->err, HEKLA_FORMAT, "%s: is empty, expected a GGUF file", r->name);
    if (r->size >= 4 && !memcmp(r->data, "GGUF", 4))
        return HEKLA_OK;
    size_t n = r->size < 4 ? (size_t)r->size : 4;
    return hekla_fail(r->err, HEKLA_FORMAT,
        "%s: not a GGUF file (begins with \"%s\", expected \"GGUF\")", r->name,
        utf8_label((const char *)r->data, n).text);
}

static hekla_status read_header(struct reader *r, struct gguf_part *out)
{
    hekla_status status = check_magic(r);
    if (status)
        return status;
    r->pos = 4;
    if ((status = reader_u32(r, "the header", &out->version)))
        return status;
    if (out->version && !(out->version & 0xffff))
        return hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: is a big-endian GGUF file, only little-endian ones are supported", r->name);
    if (out->version != 2 && out->version != 3)
        return hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: GGUF version %u is not supported, expected 2 or 3", r->name, out->version);
    if ((status = reader_u64(r, "the header", &out->n_tensors)) ||
        (status = reader_u64(r, "the header", &out->n_keys)))
        return status;
    uint64_t rest = r->size - r->pos;
    if (out->n_keys > rest / MIN_KEY_BYTES)
        return hekla_fail(r->err, HEKLA_FORMAT,
            "%s: truncated or damaged: announces %llu keys, which cannot fit in %llu bytes",
            r->name, (ull)out->n_keys, (ull)rest);
    if (out->n_tensors > rest / MIN_TENSOR_BYTES)
        return hekla_fail(r->err, HEKLA_FORMAT,
            "%s: truncated or damaged: announces %llu tensors, which cannot fit in %llu bytes",
            r->name, (ull)out->n_tensors, (ull)rest);
    return HEKLA_OK;
}

uint32_t gguf_scalar_bytes(uint32_t type)
{
    switch (type) {
    case GGUF_U8:
    case GGUF_I8:
    case GGUF_BOOL:
        return 1;
    case GGUF_U16:
    case GGUF_I16:
        return 2;
    case GGUF_U32:
    case GGUF_I32:
    case GGUF_F32:
        return 4;
    case GGUF_U64:
    case GGUF_I64:
    case GGUF_F64:
        return 8;
    default:
        return 0;
    }
}

static hekla_status fail_type(const struct reader *r, const char *what, uint32_t type)
{
    return hekla_fail(r->err, HEKLA_FORMAT, "%s: %s has value type %u, expected 0..%d", r->name,
        what, type, GGUF_VALUE_TYPE_COUNT - 1);
}

static hekla_status read_strings(
    struct reader *r, struct arena *arena, const char *what, struct gguf_key *key)
{
    /* Every string has at least its length. */
    if (key->n > (r->size - r->pos) / 8)
        return hekla_fail(r->err, HEKLA_FORMAT,
            "%s: truncated: %s has %llu strings, which cannot fit in the remaining %llu bytes",
            r->name, what, (ull)key->n, (ull)(r->size - r->pos));
    key->strings = arena_alloc(arena, (size_t)key->n, sizeof(*key->strings));
    if (!key->strings)
        return hekla_fail(r->err, HEKLA_MEMORY, "%s: no memory for %s", r->name, what);
    for (uint64_t i = 0; i < key->n; i++) {
        hekla_status status = reader_string(r, what, &key->strings[i]);
        if (status)
            return status;
    }
    return HEKLA_OK;
}

static hekla_status read_scalars(
    struct reader *r, const char *what, uint32_t type, struct gguf_key *key)
{
    uint64_t size = gguf_scalar_bytes(type);
    if (!size)
        return fail_type(r, what, type);
    if (key->n > (r->size - r->pos) / size)
        return hekla_fail(r->err, HEKLA_FORMAT,
            "%s: truncated: %s has %llu values of %llu bytes at byte %llu, the file has %llu",
            r->name, what, (ull)key->n, (ull)size, (ull)r->pos, (ull)r->size);
    for (uint64_t i = 0; type == GGUF_BOOL && i < key->n; i++)
        if (key->data[i] > 1)
            return hekla_fail(r->err, HEKLA_FORMAT,
                "%s: %s has the boolean %u at byte %llu, expected 0 or 1", r->name, what,
                key->data[i], (ull)(r->pos + i));
    r->pos += key->n * size;
    return HEKLA_OK;
}

static hekla_status read_array(
    struct reader *r, struct arena *arena, const char *what, struct gguf_key *key)
{
    uint32_t item;
    hekla_status status = reader_u32(r, what, &item);
    if (!status)
        status = reader_u64(r, what, &key->n);
    if (status)
        return status;
    if (item == GGUF_ARRAY)
        return hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: %s is an array of arrays, which is not supported", r->name, what);
    if (item >= GGUF_VALUE_TYPE_COUNT)
        return fail_type(r, what, item);
    key->item_type = (enum gguf_value_type)item;
    key->data = r->data + r->pos;
    return item == GGUF_STRING ? read_strings(r, arena, what, key)
                               : read_scalars(r, what, item, key);
}

static hekla_status read_name(
    struct reader *r, const char *kind, uint64_t i, struct gguf_string *name)
{
    char what[64];
    snprintf(what, sizeof(what), "the name of %s %llu", kind, (ull)i);
    uint64_t begin = r->pos;
    hekla_status status = reader_string(r, what, name);
    if (status)
        return status;
    if (name->n == 0 || name->n > MAX_NAME)
        return hekla_fail(r->err, HEKLA_FORMAT,
            "%s: %s at byte %llu is %llu bytes long, expected 1..%d", r->name, what, (ull)begin,
            (ull)name->n, MAX_NAME);
    return HEKLA_OK;
}

static hekla_status read_key(
    struct reader *r, struct arena *arena, uint64_t i, struct gguf_key *key)
{
    uint32_t type;
    char what[128];
    hekla_status status = read_name(r, "key", i, &key->name);
    if (status)
        return status;
    snprintf(what, sizeof(what), "key %s", GGUF_LABEL(key->name));
    if ((status = reader_u32(r, what, &type)))
        return status;
    if (type >= GGUF_VALUE_TYPE_COUNT)
        return fail_type(r, what, type);
    key->type = (enum gguf_value_type)type;
    key->item_type = key->type;
    key->n = 1;
    key->data = r->data + r->pos;
    if (type == GGUF_ARRAY)
        return read_array(r, arena, what, key);
    return type == GGUF_STRING ? read_strings(r, arena, what, key)
                               : read_scalars(r, what, type, key);
}

static hekla_status read_dims(struct reader *r, const char *what, struct gguf_tensor *t)
{
    hekla_status status = reader_u32(r, what, &t->n_dims);
    if (status)
        return status;
    if (t->n_dims < 1 || t->n_dims > 4)
        return hekla_fail(r->err, HEKLA_FORMAT, "%s: %s has %u dimensions, expected 1..4", r->name,
            what, t->n_dims);
    t->n_elements = 1;
    for (uint32_t d = 0; d < 4; d++) {
        t->dims[d] = 1;
        if (d < t->n_dims && (status = reader_u64(r, what, &t->dims[d])))
            return status;
        if (t->dims[d] == 0 || t->dims[d] > max_elements / t->n_elements)
            return hekla_fail(r->err, HEKLA_FORMAT,
                "%s: %s has size %llu in dimension %u, expected at least 1 and not more than 2^60 "
                "elements in all",
                r->name, what, (ull)t->dims[d], d);
        t->n_elements *= t->dims[d];
    }
    return HEKLA_OK;
}

static hekla_status read_tensor(struct reader *r, uint64_t i, struct gguf_tensor *t)
{
    char what[128];
    hekla_status status = read_name(r, "tensor", i, &t->name);
    if (status)
        return status;
    snprintf(what, sizeof(what), "tensor %s", GGUF_LABEL(t->name));
    if ((status = read_dims(r, what, t)) || (status = reader_u32(r, what, &t->type)))
        return status;
    return reader_u64(r, what, &t->offset);
}

/* Turns the offset into one from the start of the file, and checks that the bytes are there. */
static hekla_status place_tensor(struct reader *r, uint64_t data_begin, uint32_t alignment,
    gguf_type_bytes_fn type_bytes, struct gguf_tensor *t)
{
    if (t->offset % alignment)
        return hekla_fail(r->err, HEKLA_FORMAT,
            "%s: tensor %s has offset %llu, expected a multiple of the alignment %u", r->name,
            GGUF_LABEL(t->name), (ull)t->offset, alignment);
    if (!type_bytes(t->type, t->dims[0], t->n_elements / t->dims[0], &t->n_bytes))
        t->n_bytes = 0;
    if (data_begin > r->size || t->offset > r->size - data_begin ||
        t->n_bytes > r->size - data_begin - t->offset) {
        uint64_t begin = t->offset > UINT64_MAX - data_begin ? UINT64_MAX : data_begin + t->offset;
        uint64_t end = t->n_bytes > UINT64_MAX - begin ? UINT64_MAX : begin + t->n_bytes;
        return hekla_fail(r->err, HEKLA_FORMAT,
            "%s: truncated: tensor %s needs bytes %llu..%llu, the file has %llu", r->name,
            GGUF_LABEL(t->name), (ull)begin, (ull)end, (ull)r->size);
    }
    t->offset += data_begin;
    return HEKLA_OK;
}

static hekla_status find_alignment(
    const struct reader *r, const struct gguf_part *part, uint32_t *alignment)
{
    *alignment = DEFAULT_ALIGNMENT;
    const struct gguf_key *key = gguf_part_find(part, "general.alignment");
    hekla_status status = key ? gguf_key_u32(key, r->name, alignment, r->err) : HEKLA_OK;
    if (status)
        return status;
    if (*alignment == 0 || *alignment > MAX_ALIGNMENT || (*alignment & (*alignment - 1)))
        return hekla_fail(r->err, HEKLA_FORMAT,
            "%s: general.alignment is %u, expected a power of two up to %d", r->name, *alignment,
            MAX_ALIGNMENT);
    return HEKLA_OK;
}

hekla_status gguf_parse(struct reader *r, struct arena *arena, uint32_t file,
    gguf_type_bytes_fn type_bytes, struct gguf_part *out)
{
    hekla_status status = read_header(r, out);
    if (status)
        return status;
    out->keys = arena_alloc(arena, (size_t)out->n_keys, sizeof(*out->keys));
    out->tensors = arena_alloc(arena, (size_t)out->n_tensors, sizeof(*out->tensors));
    if (!out->keys || !out->tensors)
        return hekla_fail(r->err, HEKLA_MEMORY, "%s: no memory for its directory", r->name);
    for (uint64_t i = 0; i < out->n_keys; i++)
        if ((status = read_key(r, arena, i, &out->keys[i])))
            return status;
    uint32_t alignment;
    if ((status = find_alignment(r, out, &alignment)))
        return status;
    for (uint64_t i = 0; i < out->n_tensors; i++)
        if ((status = read_tensor(r, i, &out->tensors[i])))
            return status;
    /* r->pos is at most the size of a mapping: rounding up cannot overflow. */
    uint64_t data_begin = (r->pos + alignment - 1) / alignment * alignment;
    for (uint64_t i = 0; i < out->n_tensors; i++) {
        out->tensors[i].file = file;
        if ((status = place_tensor(r, data_begin, alignment, type_bytes, &out->tensors[i])))
            return status;
    }
    return HEKLA_OK;
}
