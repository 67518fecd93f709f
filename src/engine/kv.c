/*
 * The KV cache between the device and a saved session, where it lies in the order of positions:
 * neither the device, nor the size of the context, nor the length of a ring can be seen in it.
 */
#include "engine/kv.h"

#include <stdlib.h>
#include <string.h>

#define STAGING_BYTES (16ull << 20)

/* What is moved at a time: tiles of positions, of all heads of K or V of a layer. On the host it is
 * packed as in the cache, with as many positions as there are. */
struct mover {
    struct hekla_session *s;
    struct gpu_buffer staging;
    uint32_t most_tiles;
    uint32_t unit; /* bytes of K that lie side by side in `data` */
    uint8_t *rows; /* of a piece, as in the file */
    /* Of the layer that is moved: */
    uint32_t n_heads, data, scales; /* data, scales: bytes of a position of a head */
};

struct piece {
    const struct kv_cache *kv;
    bool is_v;
    uint32_t slot, n_tiles; /* where in the cache, in tiles */
    uint32_t tile;          /* the first one, from position 0 */
    uint32_t first, end;    /* positions */
};

static void close_mover(struct mover *m)
{
    gpu_buffer_destroy(m->s->model->m.dev, &m->staging);
    free(m->rows);
}

static hekla_status open_mover(
    struct mover *m, struct hekla_session *s, enum gpu_memory kind, struct hekla_error *err)
{
    uint64_t widest = model_widest(&s->model->m.params, DIM_KV);
    uint64_t tile = op_kv_bytes(s->kv_type, widest) * K_TILE, wanted = s->n_ctx / K_TILE + 1u;
    uint64_t fits = tile < STAGING_BYTES ? STAGING_BYTES / tile : 1;
    *m = (struct mover){.s = s,
        .most_tiles = (uint32_t)(fits < wanted ? fits : wanted),
        .unit = s->kv_type == KV_TYPE_F32   ? 16
                : s->kv_type == KV_TYPE_F16 ? 8
                                            : 4};
    m->rows = malloc((size_t)(m->most_tiles * tile));
    if (!m->rows)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a saved session");
    return gpu_buffer_create(
        s->model->m.dev, &m->staging, m->most_tiles * tile, kind, "a saved session", err);
}

static void choose_layer(struct mover *m, uint32_t layer)
{
    const struct head_shape *h = &m->s->model->m.params.shapes[layer].head;
    m->n_heads = h->n_head_kv;
    m->scales = m->s->kv_type >= KV_TYPE_Q8_0 ? h->head_dim / 32 * 4 : 0;
    m->data = (uint32_t)op_kv_bytes(m->s->kv_type, h->head_dim) - m->scales;
}

/* All heads of a piece between the cache and the staging buffer, in two runs each: numbers and,
 * where they are quantised, scales. */
static hekla_status copy_piece(
    const struct mover *m, const struct piece *p, bool to_device, struct hekla_error *err)
{
    struct hekla_model *model = m->s->model;
    struct op_list list = {.caps = gpu_device_caps(model->m.dev), .n_tokens = 1};
    struct gpu_view cache = p->is_v ? p->kv->v : p->kv->k;
    uint64_t at = 0, base = 0;
    struct plan *plan = NULL;
    uint64_t ticket;
    for (int part = 0; part < 2; part++) {
        uint64_t width = part ? m->scales : m->data, bytes = width * p->n_tiles * K_TILE;
        for (uint32_t h = 0; width && h < m->n_heads; h++, at += bytes) {
            uint64_t position = (uint64_t)h * p->kv->n_ctx + (uint64_t)p->slot * K_TILE;
            struct gpu_view device = {cache.buffer, cache.offset + base + position * width, bytes},
                            host = {&m->staging, at, bytes};
            op_copy(&list, to_device ? host : device, to_device ? device : host);
        }
        base = width * m->n_heads * p->kv->n_ctx;
    }
    hekla_status status = plan_create(&plan, model->m.dev, model->pipelines, &list, err);
    if (status == HEKLA_OK)
        status = plan_submit(plan, 1, &ticket, err);
    if (status == HEKLA_OK)
        status = gpu_wait(model->m.dev, ticket, err);
    plan_destroy(plan);
    return status;
}

/* One position of a head: `width` bytes, of which units of a tile's positions take turns. */
static void move_row(
    uint8_t *area, uint32_t position, uint32_t width, uint32_t unit, uint8_t *row, bool to_device)
{
    uint8_t *first = area + (size_t)(position / K_TILE * K_TILE) * width + position % K_TILE * unit;
    for (uint32_t i = 0; i < width; i += unit) {
        uint8_t *packed = first + (size_t)i * K_TILE;
        memcpy(to_device ? packed : row + i, to_device ? row + i : packed, unit);
    }
}

/* Between the staging buffer and rows in the file's order. */
static void move_rows(const struct mover *m, const struct piece *p, uint8_t *rows, bool to_device)
{
    uint32_t n = p->n_tiles * K_TILE;
    uint8_t *data = m->staging.host, *scales = data + (size_t)n * m->data * m->n_heads;
    for (uint32_t position = p->first; position < p->end; position++) {
        uint32_t at = position - p->tile * K_TILE;
        for (uint32_t h = 0; h < m->n_heads; h++, rows += m->data + m->scales) {
            move_row(data + (size_t)h * n * m->data, at, m->data, p->is_v ? m->data : m->unit, rows,
                to_device);
            if (m->scales)
                move_row(scales + (size_t)h * n * m->scales, at, m->scales, p->is_v ? m->scales : 4,
                    rows + m->data, to_device);
        }
    }
}

typedef hekla_status (*piece_fn)(
    struct mover *m, const struct piece *p, void *user, struct hekla_error *err);

/* Positions first .. end - 1 of K or V of a layer, in pieces that lie side by side in the cache. */
static hekla_status each_piece(
    struct mover *m, struct piece piece, piece_fn fn, void *user, struct hekla_error *err)
{
    uint32_t ring = piece.kv->n_ctx / K_TILE, first = piece.first, end = piece.end;
    uint32_t end_tile = (end + K_TILE - 1) / K_TILE;
    hekla_status status = HEKLA_OK;
    while (first < end && status == HEKLA_OK) {
        piece.tile = first / K_TILE;
        piece.slot = piece.tile % ring;
        uint32_t left = end_tile - piece.tile, room = ring - piece.slot;
        piece.n_tiles = left < room ? left : room;
        piece.n_tiles = piece.n_tiles < m->most_tiles ? piece.n_tiles : m->most_tiles;
        piece.first = first;
        piece.end =
            piece.tile + piece.n_tiles == end_tile ? end : (piece.tile + piece.n_tiles) * K_TILE;
        status = fn(m, &piece, user, err);
        first = piece.end;
    }
    return status;
}

bool session_layer_is_local(const struct hekla_session *s, uint32_t layer)
{
    const struct model_params *p = &s->model->m.params;
    return p->attention.window && p->layers[layer] & LAYER_LOCAL;
}

uint32_t session_local_first(const struct hekla_session *s)
{
    uint32_t ring = session_ring(s), end = (s->pos + K_TILE - 1) / K_TILE * K_TILE;
    uint32_t first = s->kept_from, held = s->written > ring ? s->written - ring : 0;
    if (!s->model->m.params.attention.window)
        return 0;
    first = first > held ? first : held;
    held = end > ring ? end - ring : 0; /* whole tiles: the last one has the place of another */
    first = first > held ? first : held;
    return first < s->pos ? first : s->pos;
}

struct saving {
    session_rows_fn take;
    void *user;
};

static hekla_status save_piece(
    struct mover *m, const struct piece *p, void *user, struct hekla_error *err)
{
    const struct saving *saving = user;
    hekla_status status = copy_piece(m, p, false, err);
    if (status != HEKLA_OK)
        return status;
    move_rows(m, p, m->rows, false);
    uint64_t row = m->data + m->scales;
    return saving->take(saving->user, m->rows, row * m->n_heads * (p->end - p->first), err);
}

hekla_status session_kv_save(
    struct hekla_session *s, session_rows_fn take, void *user, struct hekla_error *err)
{
    struct saving saving = {take, user};
    struct mover m;
    hekla_status status = open_mover(&m, s, GPU_MEMORY_READBACK, err);
    for (uint32_t i = 0; i < 2 * s->model->m.params.n_layer && status == HEKLA_OK; i++) {
        struct piece piece = {.kv = &s->scratch.kv[i / 2], .is_v = i % 2, .end = s->pos};
        if (!model_has_kv(&s->model->m.params, i / 2) || (piece.is_v && piece.kv->value_first))
            continue;
        choose_layer(&m, i / 2);
        piece.first = session_layer_is_local(s, i / 2) ? session_local_first(s) : 0;
        status = each_piece(&m, piece, save_piece, &saving, err);
    }
    close_mover(&m);
    return status;
}

static hekla_status restore_piece(
    struct mover *m, const struct piece *p, void *user, struct hekla_error *err)
{
    const uint8_t **rows = user;
    uint64_t row = m->data + m->scales, bytes = row * m->n_heads * (p->end - p->first);
    memcpy(m->rows, *rows, (size_t)bytes);
    *rows += bytes;
    memset(m->staging.host, 0, (size_t)(row * m->n_heads * p->n_tiles * K_TILE));
    move_rows(m, p, m->rows, true);
    return copy_piece(m, p, true, err);
}

hekla_status session_kv_restore(
    struct hekla_session *s, const uint8_t *rows, uint32_t local_first, struct hekla_error *err)
{
    struct mover m;
    hekla_status status = open_mover(&m, s, GPU_MEMORY_UPLOAD, err);
    for (uint32_t i = 0; i < 2 * s->model->m.params.n_layer && status == HEKLA_OK; i++) {
        struct piece piece = {.kv = &s->scratch.kv[i / 2], .is_v = i % 2, .end = s->pos};
        if (!model_has_kv(&s->model->m.params, i / 2) || (piece.is_v && piece.kv->value_first))
            continue;
        choose_layer(&m, i / 2);
        if (session_layer_is_local(s, i / 2)) {
            piece.first = session_local_first(s);
            uint64_t row = m.data + m.scales;
            rows += row * m.n_heads * (piece.first - local_first);
        }
        status = each_piece(&m, piece, restore_piece, &rows, err);
    }
    close_mover(&m);
    return status;
}
