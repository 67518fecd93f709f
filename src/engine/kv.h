/* kv: the KV cache of a session between the device and a file, see session_file.h. */
#ifndef ENGINE_KV_H
#define ENGINE_KV_H

#include "engine/state.h"

bool session_layer_is_local(const struct hekla_session *s, uint32_t layer);
/* The first position that layers which see a window still hold. */
uint32_t session_local_first(const struct hekla_session *s);

/* Gives all rows to `take`, in the file's order. */
hekla_status session_kv_save(
    struct hekla_session *s, session_rows_fn take, void *user, struct hekla_error *err);
/* Rows of s->pos positions; of layers that see a window, those from local_first on, of which
 * session_local_first tells what fits. */
hekla_status session_kv_restore(
    struct hekla_session *s, const uint8_t *rows, uint32_t local_first, struct hekla_error *err);

#endif
