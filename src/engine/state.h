/*
 * The recurrent state of a session's layers. It cannot be cut back to a position as a KV cache can,
 * so it is kept in several slots: the newest positions that steps ended at are in a ring (args.h),
 * which is as far as the device may run ahead of the host, and behind it are copies from shortly
 * before the ends of prompts. From anywhere else tokens are evaluated again, from the nearest of
 * these positions or from 0, where the state is empty: to the same bits.
 */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include "engine/engine.h"

/* Bytes of all slots of all layers; chooses their number. */
hekla_status session_state_size(struct hekla_session *s, uint64_t *bytes, struct hekla_error *err);
void session_state_reserve(struct hekla_session *s);
/* Tokens that the device may run ahead; any number for a model without such layers. */
uint32_t session_state_ahead(const struct hekla_session *s);

/* Before a step from s->pos on: what was evaluated behind it counts no more. */
void session_state_begin(struct hekla_session *s);
/* A step ended, or ends, at a position; or it is not known what is in its slot. */
void session_state_set(struct hekla_session *s, uint32_t pos);
void session_state_unset(struct hekla_session *s, uint32_t pos);
/* *from: s->pos, or where evaluation must begin for the state of s->pos to be there. */
hekla_status session_state_recall(struct hekla_session *s, uint32_t *from, struct hekla_error *err);
/* Of n tokens that are appended, after how many the state is copied; 0: it is not. */
uint32_t session_state_mark(const struct hekla_session *s, size_t n);
hekla_status session_state_keep(struct hekla_session *s, struct hekla_error *err);

/* Bytes in a saved session of n tokens. */
uint64_t session_state_saved(const struct hekla_session *s, uint32_t n_tokens);
typedef hekla_status (*session_rows_fn)(
    void *user, const void *rows, uint64_t bytes, struct hekla_error *err);
hekla_status session_state_save(
    struct hekla_session *s, session_rows_fn take, void *user, struct hekla_error *err);
hekla_status session_state_restore(
    struct hekla_session *s, const uint8_t *data, struct hekla_error *err);

#endif
