/* rope_kv: whole and partial rotation, positions around the tables' and the K tiles' bounds. */
#include "selftest/case.h"

/* Rotations by arbitrary angles: (1 - a^2, 2a) / (1 + a^2). */
static struct gpu_view rotations(struct test *t, uint32_t n_ctx, uint32_t n_rot)
{
    uint32_t pairs = (ROPE_LOW + (n_ctx + ROPE_LOW - 1) / ROPE_LOW) * (n_rot ? n_rot / 2 : 1);
    struct gpu_view view = test_output(t, pairs * 8ull);
    float *rot = test_data(t, view);
    for (uint32_t i = 0; i < view.size / 8; i++) {
        float a = 4.0f * test_uniform(t) - 2.0f, size = 1.0f + a * a;
        rot[2 * i] = (1.0f - a * a) / size;
        rot[2 * i + 1] = 2.0f * a / size;
    }
    return view;
}

/* ring: positions in the cache, or 0 for all; value_first: where V is a part of K. */
static void run_cache(struct test *t, struct head_shape shape, uint32_t pos, uint32_t tokens,
    enum fill fill, uint32_t ring, uint32_t value_first)
{
    uint32_t type = kernel_kv_type(t->quant);
    if (type >= KV_TYPE_Q8_0 && shape.head_dim % 32 != 0)
        return;
    uint32_t all = (pos + tokens + K_TILE - 1) / K_TILE * K_TILE, n_ctx = ring ? ring : all;
    uint32_t q = shape.n_head * shape.head_dim, kv = shape.n_head_kv * shape.head_dim;
    uint32_t quads = (q + (value_first ? 1 : 2) * kv) / 4;
    test_begin(t, tokens, pos, 100,
        "heads=%u/%u dim=%u rot=%u pos=%u tokens=%u fill=%d ring=%u value=%u", shape.n_head,
        shape.n_head_kv, shape.head_dim, shape.n_rot, pos, tokens, (int)fill, ring, value_first);
    t->list.n_tokens = tokens + 1;
    struct rows qkv = test_rows(t, tokens, q + 2 * kv, fill);
    struct head_shape held = {.n_head_kv = 1, .head_dim = shape.head_dim};
    struct kv_cache cache = test_kv(t, kv ? shape : held, n_ctx, type, -1);
    cache.value_first = value_first;
    op_rope_kv(&t->list, qkv, q, q + kv, &cache, rotations(t, all, shape.n_rot), shape);
    for (uint32_t size = 1; size <= 128; size = 5 * size + 3)
        test_vary(t, &(struct variation){.spec = {size}, .groups = {(quads + size - 1) / size}});
    test_run(t);
}

static void run_ring(struct test *t, struct head_shape shape, uint32_t pos, uint32_t tokens,
    enum fill fill, uint32_t ring)
{
    run_cache(t, shape, pos, tokens, fill, ring, 0);
}

static void run(
    struct test *t, struct head_shape shape, uint32_t pos, uint32_t tokens, enum fill fill)
{
    run_ring(t, shape, pos, tokens, fill, 0);
}

void selftest_cases_rope_kv(struct test *t)
{
    static const struct head_shape shapes[] = {{1, 1, 4, 2}, {4, 1, 32, 32}, {4, 2, 64, 32},
        {3, 3, 80, 80}, {2, 1, 96, 70}, {8, 1, 128, 128}, {2, 2, 256, 64}};
    static const uint32_t positions[] = {0, 1, 31, 32, 255, 256, 257, 300, 1023};
    run(t, (struct head_shape){4, 2, 64, 0}, 37, 3, FILL_NORMAL);  /* without rotation */
    run(t, (struct head_shape){4, 0, 64, 64}, 37, 3, FILL_NORMAL); /* Q alone */
    run(t, (struct head_shape){2, 1, 512, 512}, 37, 2, FILL_NORMAL);
    run_cache(t, (struct head_shape){3, 1, 576, 64}, 37, 2, FILL_NORMAL, 0, 64);
    run_cache(t, (struct head_shape){4, 2, 96, 32}, 250, 9, FILL_NORMAL, 0, 32);
    run_ring(t, shapes[2], 250, 17, FILL_NORMAL, 128);
    run_ring(t, shapes[1], 1023, 3, FILL_NORMAL, 256);
    for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        run(t, shapes[i], positions[2 * i % 9], 1, (enum fill)(i % FILL_COUNT));
        run(t, shapes[i], 250, 17, FILL_NORMAL);
    }
    for (uint32_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++)
        run(t, shapes[2], positions[i], 1 + i % 4, FILL_NORMAL);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, shapes[1], 511, 3, (enum fill)fill);
    if (t->slow)
        run(t, (struct head_shape){32, 8, 64, 64}, 4000, 64, FILL_NORMAL);
}
