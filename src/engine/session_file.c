#include "engine/session_file.h"

#include "args.h"
#include "base/checksum.h"
#include "base/le.h"
#include "base/utf8.h"
#include "kernels/op.h"
#include "model/model.h"

#include <string.h>

static const char magic[8] = {'h', 'e', 'k', 'l', 'a', 'k', 'v', '\n'};
enum { AT_VERSION = 8, AT_NUMBERS = 12, AT_MODEL = 56, AT_NOTE = 64, AT_NAME = 72, AT_STATE = 136 };
enum { N_NUMBERS = 11, NAME_BYTES = 64 };

/* The numbers of the head, in the file's order. */
static void list_numbers(const struct session_file *f, uint32_t out[N_NUMBERS])
{
    const uint32_t numbers[N_NUMBERS] = {f->kv_type, f->n_layer, f->n_local, f->width,
        f->width_local, f->n_vocab, f->window, f->n_ctx, f->n_tokens, f->local_first, f->flags};
    memcpy(out, numbers, sizeof(numbers));
}

static void put(uint8_t *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

void session_file_put_head(const struct session_file *f, uint8_t out[SESSION_HEAD_BYTES])
{
    uint32_t numbers[N_NUMBERS];
    size_t n = strlen(f->model_name);
    memset(out, 0, SESSION_HEAD_BYTES);
    list_numbers(f, numbers);
    memcpy(out, magic, sizeof(magic));
    put(out + AT_VERSION, SESSION_VERSION, 4);
    for (size_t i = 0; i < N_NUMBERS; i++)
        put(out + AT_NUMBERS + 4 * i, numbers[i], 4);
    put(out + AT_MODEL, f->model, 8);
    put(out + AT_NOTE, f->n_note, 8);
    put(out + AT_STATE, f->n_state, 8);
    memcpy(out + AT_NAME, f->model_name, n < NAME_BYTES ? n : NAME_BYTES);
}

bool session_file_place(struct session_file *f)
{
    uint64_t parts = f->flags & SESSION_KEYS_ALONE ? 1 : 2, bytes;
    uint64_t global = parts * op_kv_bytes(f->kv_type, f->width);
    uint64_t local = parts * op_kv_bytes(f->kv_type, f->width_local);
    bool fits = !__builtin_mul_overflow(global, f->n_tokens, &global) &&
                !__builtin_mul_overflow(local, f->n_tokens - f->local_first, &local) &&
                !__builtin_add_overflow(global, local, &bytes);
    f->logits = SESSION_HEAD_BYTES + 4ull * f->n_tokens;
    f->cache = f->logits + (f->flags & SESSION_HAS_LOGITS ? 4ull * f->n_vocab : 0);
    return fits && !__builtin_add_overflow(f->cache, bytes, &f->state) &&
           !__builtin_add_overflow(f->state, f->n_state, &f->note) &&
           !__builtin_add_overflow(f->note, f->n_note, &f->sum) &&
           !__builtin_add_overflow(f->sum, 8, &f->end);
}

static void get_head(struct session_file *out, const uint8_t *data)
{
    uint32_t *const numbers[N_NUMBERS] = {&out->kv_type, &out->n_layer, &out->n_local, &out->width,
        &out->width_local, &out->n_vocab, &out->window, &out->n_ctx, &out->n_tokens,
        &out->local_first, &out->flags};
    *out = (struct session_file){
        .model = le_u64(data + AT_MODEL),
        .n_note = le_u64(data + AT_NOTE),
        .n_state = le_u64(data + AT_STATE),
    };
    for (size_t i = 0; i < N_NUMBERS; i++)
        *numbers[i] = le_u32(data + AT_NUMBERS + 4 * i);
    memcpy(out->model_name, data + AT_NAME, NAME_BYTES);
}

/* What is wrong with the numbers, each by itself and between them; NULL: nothing. */
static const char *find_fault(const struct session_file *f)
{
    uint32_t unit = f->kv_type >= KV_TYPE_Q8_0 ? 32 : 4;
    if (f->kv_type >= KV_TYPE_COUNT)
        return "its cache has an unknown type";
    if (f->n_layer == 0 || f->n_layer > MODEL_MAX_LAYERS || f->n_local > f->n_layer)
        return "it has an impossible number of layers";
    if (f->width % unit || f->width_local % unit || (f->width == 0 && f->width_local == 0))
        return "it has impossible heads";
    if (f->n_tokens > f->n_ctx || f->local_first > f->n_tokens || f->n_ctx > INT32_MAX)
        return "it has an impossible number of tokens";
    if (f->n_vocab == 0 || f->n_vocab > INT32_MAX || f->flags > 15 ||
        (f->flags & SESSION_HAS_LOGITS && f->n_tokens == 0))
        return "it has impossible logits";
    return NULL;
}

static hekla_status check_tokens(
    const struct session_file *f, const uint8_t *data, const char *name, struct hekla_error *err)
{
    for (uint32_t i = 0; i < f->n_tokens; i++) {
        uint32_t token = le_u32(data + SESSION_HEAD_BYTES + 4ull * i);
        if (token >= f->n_vocab)
            return hekla_fail(err, HEKLA_FORMAT, "%s: token %u is %d, expected 0 to %u", name, i,
                (int32_t)token, f->n_vocab - 1);
    }
    return HEKLA_OK;
}

hekla_status session_file_read(struct session_file *out, const uint8_t *data, uint64_t size,
    const char *name, struct hekla_error *err)
{
    struct session_file f;
    struct checksum sum = {0};
    if (size < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0)
        return hekla_fail(err, HEKLA_FORMAT, "%s: not a saved session", name);
    if (size < SESSION_HEAD_BYTES + 8)
        return hekla_fail(err, HEKLA_FORMAT, "%s: truncated: %llu bytes are no whole head", name,
            (unsigned long long)size);
    if (le_u32(data + AT_VERSION) != SESSION_VERSION)
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: saved sessions of version %u are not supported, expected %u", name,
            le_u32(data + AT_VERSION), SESSION_VERSION);
    get_head(&f, data);
    const char *fault = find_fault(&f);
    if (fault)
        return hekla_fail(err, HEKLA_FORMAT, "%s: damaged: %s", name, fault);
    if (!session_file_place(&f))
        return hekla_fail(err, HEKLA_FORMAT, "%s: damaged: its sizes are impossible", name);
    if (f.end != size)
        return hekla_fail(err, HEKLA_FORMAT,
            "%s: %s: it has %llu bytes, and its head says that there are %llu", name,
            size < f.end ? "truncated" : "damaged", (unsigned long long)size,
            (unsigned long long)f.end);
    checksum_add(&sum, data, (size_t)f.sum);
    if (checksum_of(&sum) != le_u64(data + f.sum))
        return hekla_fail(
            err, HEKLA_FORMAT, "%s: damaged: its checksum is not that of its bytes", name);
    if (utf8_check(f.model_name, strlen(f.model_name)) != strlen(f.model_name))
        return hekla_fail(err, HEKLA_FORMAT, "%s: damaged: its model has no readable name", name);
    hekla_status status = check_tokens(&f, data, name, err);
    if (status == HEKLA_OK)
        *out = f;
    return status;
}
