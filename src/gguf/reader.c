#include "gguf/internal.h"

#include "base/le.h"

hekla_status reader_need(const struct reader *r, uint64_t n, const char *what)
{
    if (n <= r->size - r->pos)
        return HEKLA_OK;
    uint64_t end = n > UINT64_MAX - r->pos ? UINT64_MAX : r->pos + n;
    return hekla_fail(r->err, HEKLA_FORMAT,
        "%s: truncated: %s needs bytes %llu..%llu, the file has %llu", r->name, what, (ull)r->pos,
        (ull)end, (ull)r->size);
}

hekla_status reader_u32(struct reader *r, const char *what, uint32_t *out)
{
    hekla_status status = reader_need(r, 4, what);
    if (status)
        return status;
    *out = le_u32(r->data + r->pos);
    r->pos += 4;
    return HEKLA_OK;
}

hekla_status reader_u64(struct reader *r, const char *what, uint64_t *out)
{
    hekla_status status = reader_need(r, 8, what);
    if (status)
        return status;
    *out = le_u64(r->data + r->pos);
    r->pos += 8;
    return HEKLA_OK;
}

hekla_status reader_string(struct reader *r, const char *what, struct gguf_string *out)
{
    uint64_t n;
    hekla_status status = reader_u64(r, what, &n);
    if (!status)
        status = reader_need(r, n, what);
    if (status)
        return status;
    *out = (struct gguf_string){(const char *)r->data + r->pos, n};
    r->pos += n;
    return HEKLA_OK;
}
