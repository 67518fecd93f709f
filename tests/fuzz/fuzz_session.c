/* libFuzzer: any bytes as a saved session, as they are and with the checksum that they need. What
 * is taken must lie in the file, part behind part, and have the same head again. Seeds:
 * tests/fuzz/corpus/session. */
#include "fuzz.h"

#include "base/checksum.h"
#include "engine/session_file.h"
#include "kernels/op.h"

#include <string.h>

static bool take(const uint8_t *data, size_t size)
{
    struct session_file f;
    struct hekla_error err = {0};
    uint8_t head[SESSION_HEAD_BYTES];
    hekla_status status = session_file_read(&f, data, size, "input", &err);
    require(status == err.code, "status and error disagree");
    require((status == HEKLA_OK) == !err.text[0], "a refusal says why");
    if (status != HEKLA_OK)
        return false;
    uint64_t parts = f.flags & SESSION_KEYS_ALONE ? 1 : 2;
    uint64_t cache =
        parts * (op_kv_bytes(f.kv_type, f.width) * f.n_tokens +
                    op_kv_bytes(f.kv_type, f.width_local) * (f.n_tokens - f.local_first));
    require(f.logits == SESSION_HEAD_BYTES + 4ull * f.n_tokens && f.logits <= f.cache &&
                f.cache <= f.state && f.state <= f.note && f.note <= f.sum && f.sum + 8 == f.end &&
                f.end == size,
        "parts outside the file");
    require(f.state - f.cache == cache, "a cache of another size");
    require(f.note - f.state == f.n_state, "a state of another size");
    require(f.sum - f.note == f.n_note, "a note of another size");
    session_file_put_head(&f, head);
    require(memcmp(head, data, 72) == 0 && memcmp(head + 136, data + 136, 8) == 0, "another head");
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checksum sum = {0};
    if (take(data, size) || size < 8)
        return 0;
    uint8_t *copy = malloc(size);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    checksum_add(&sum, copy, size - 8);
    for (int i = 0; i < 8; i++)
        copy[size - 8 + (size_t)i] = (uint8_t)(checksum_of(&sum) >> 8 * i);
    take(copy, size);
    free(copy);
    return 0;
}
