/*
 * The file of a saved session: little-endian, the same on every device.
 *
 *   head     SESSION_HEAD_BYTES, see session_file_put_head
 *   tokens   [n_tokens] int32
 *   logits   [n_vocab] f32 of the newest position, if there are any
 *   cache    for each layer that has its own K, then V where it is no part of K:
 *            [position][KV head] rows as the cache has them; quantised: the numbers, then an f32
 *            scale for each 32. Positions 0 .. n_tokens - 1; in layers that see a window, from
 *            local_first on
 *   state    for each layer with a recurrent state that before position n_tokens, as args.h
 *            has it; nothing without tokens
 *   note     [n_note] bytes of the program
 *   sum      u64, of all before it (base/checksum)
 */
#ifndef ENGINE_SESSION_FILE_H
#define ENGINE_SESSION_FILE_H

#include "base/status.h"

/* Goes up when the layout changes, or what src/ref makes of a token. */
#define SESSION_VERSION 2u
#define SESSION_HEAD_BYTES 144u
#define SESSION_HAS_LOGITS 1u
#define SESSION_SHORT_ROTATIONS 2u /* of a model that has others for a longer context */
#define SESSION_FAST 4u            /* of fast numerics */
#define SESSION_KEYS_ALONE 8u      /* V is a part of K */

struct session_file {
    uint32_t kv_type; /* KV_TYPE_... */
    uint32_t n_layer, n_local;
    uint32_t width, width_local; /* elements of K of a position, in all layers of a kind */
    uint32_t n_vocab, window;
    uint32_t n_ctx, n_tokens, local_first, flags;
    uint64_t model; /* its identity */
    char model_name[65];
    uint64_t n_note, n_state; /* bytes */
    /* Where the parts are, from the start of the file. */
    uint64_t logits, cache, state, note, sum, end;
};

/* Computes where the parts are; false: the file would be larger than any. */
bool session_file_place(struct session_file *f);
void session_file_put_head(const struct session_file *f, uint8_t out[SESSION_HEAD_BYTES]);
/* Checks all that can be checked without the model. name: for messages. */
hekla_status session_file_read(struct session_file *out, const uint8_t *data, uint64_t size,
    const char *name, struct hekla_error *err);

#endif
