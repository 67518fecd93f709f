/* The file's metadata and tensors as text. */
#include "engine/engine.h"

#include "base/le.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct writer {
    void (*write)(void *user, const char *text, size_t n);
    void *user;
};

__attribute__((format(printf, 2, 3))) static void put(
    const struct writer *w, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n > 0)
        w->write(w->user, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* Printable and short: control characters become spaces, long strings end in "...". */
static void put_string(const struct writer *w, const char *data, uint64_t n, uint64_t most)
{
    char text[128];
    uint64_t shown = n < most ? n : most;
    while (shown < n && shown && ((uint8_t)data[shown] & 0xc0) == 0x80)
        shown--; /* not inside a UTF-8 sequence */
    for (uint64_t i = 0; i < shown; i++)
        text[i] = (uint8_t)data[i] < 0x20 || data[i] == 0x7f ? ' ' : data[i];
    text[shown] = 0;
    put(w, "%s%s", text, shown < n ? "..." : "");
}

static void put_scalar(const struct writer *w, enum gguf_value_type type, const uint8_t *p)
{
    float f;
    double d;
    uint64_t bits;
    switch (type) {
    case GGUF_U8:
        put(w, "%u", p[0]);
        break;
    case GGUF_I8:
        put(w, "%d", (int8_t)p[0]);
        break;
    case GGUF_U16:
        put(w, "%u", le_u16(p));
        break;
    case GGUF_I16:
        put(w, "%d", (int16_t)le_u16(p));
        break;
    case GGUF_U32:
        put(w, "%" PRIu32, le_u32(p));
        break;
    case GGUF_I32:
        put(w, "%" PRId32, (int32_t)le_u32(p));
        break;
    case GGUF_U64:
        put(w, "%" PRIu64, le_u64(p));
        break;
    case GGUF_I64:
        put(w, "%" PRId64, (int64_t)le_u64(p));
        break;
    case GGUF_BOOL:
        put(w, "%s", p[0] ? "true" : "false");
        break;
    case GGUF_F32:
        bits = le_u32(p);
        memcpy(&f, &(uint32_t){(uint32_t)bits}, 4);
        put(w, "%g", (double)f);
        break;
    case GGUF_F64:
        bits = le_u64(p);
        memcpy(&d, &bits, 8);
        put(w, "%g", d);
        break;
    default:
        put(w, "?");
    }
}

static void put_key(const struct writer *w, const struct gguf_key *k)
{
    put(w, "  ");
    put_string(w, k->name.data, k->name.n, 60);
    put(w, " = ");
    if (k->type == GGUF_STRING)
        put_string(w, k->strings[0].data, k->strings[0].n, 80);
    else if (k->type == GGUF_ARRAY)
        put(w, "[%" PRIu64 " items]", k->n);
    else
        put_scalar(w, k->type, k->data);
    put(w, "\n");
}

static void put_tensor(const struct writer *w, const struct gguf_tensor *t)
{
    const char *type = quant_file_type_name(t->type);
    char shape[96];
    size_t used = 0;
    for (uint32_t d = 0; d < t->n_dims && d < 4; d++)
        used += (size_t)snprintf(
            shape + used, sizeof(shape) - used, "%s%" PRIu64, d ? " x " : "", t->dims[d]);
    put(w, "  %-6s %-20s ", type ? type : "?", shape);
    put_string(w, t->name.data, t->name.n, 60);
    put(w, "\n");
}

void hekla_model_describe(
    const hekla_model *model, void (*write)(void *user, const char *text, size_t n), void *user)
{
    struct writer w = {write, user};
    const struct gguf *g = model->gguf;
    put(&w, "GGUF version %u, %u file%s, %" PRIu64 " keys, %" PRIu64 " tensors\n", g->version,
        g->n_files, g->n_files == 1 ? "" : "s", g->n_keys, g->n_tensors);
    put(&w, "keys:\n");
    for (uint64_t i = 0; i < g->n_keys; i++)
        put_key(&w, &g->keys[i]);
    put(&w, "tensors:\n");
    for (uint64_t i = 0; i < g->n_tensors; i++)
        put_tensor(&w, &g->tensors[i]);
}
