/* attention: positions around chunks, head sizes, shared K and V heads, all caches. Split and
 * looped attention must agree to the bit. */
#include "selftest/case.h"

#include <string.h>

/* A decode step two ways: split by chunks, and as a batch that happens to hold one token; and once
 * more as 8-bit blocks. */
static void append_decode(struct test *t, struct rows qkv, const struct kv_cache *kv,
    struct head_shape shape, struct rows y[2])
{
    struct gpu_view partials = test_output(t, op_attention_partial_bytes(shape, kv->n_ctx, 2));
    memset(test_data(t, partials), 0, partials.size);
    for (uint32_t i = 0; i < 2; i++) {
        y[i] = test_output_rows(t, 1, shape.n_head * shape.head_dim);
        t->list.n_tokens = 1 + i;
        op_attention(&t->list, y[i], qkv, kv, partials, shape);
    }
    t->list.n_tokens = 1;
    if (op_can_attention_q8(&t->list, shape))
        op_attention_q8(&t->list, test_output_q8(t, 1, shape.n_head * shape.head_dim), qkv, kv,
            partials, shape);
}

static void run(struct test *t, struct head_shape shape, uint32_t type, uint32_t pos,
    uint32_t tokens, enum fill fill)
{
    if (type >= KV_TYPE_Q8_0 && shape.head_dim % 32 != 0)
        type -= KV_TYPE_Q8_0;
    uint32_t n = shape.n_head * shape.head_dim, kv_n = shape.n_head_kv * shape.head_dim;
    uint32_t n_ctx = (pos + tokens + K_TILE) / K_TILE * K_TILE;
    struct rows y[2];
    test_begin(t, tokens, pos, 100, "heads=%u/%u dim=%u kv=%u pos=%u tokens=%u fill=%d",
        shape.n_head, shape.n_head_kv, shape.head_dim, type, pos, tokens, (int)fill);
    test_step(t)->chunks_y = shape.n_head;
    struct rows qkv = test_rows(t, tokens, n + 2 * kv_n, fill);
    struct kv_cache kv = test_kv(t, shape, n_ctx, type, (int)fill);
    if (tokens == 1) {
        append_decode(t, qkv, &kv, shape, y);
    } else {
        t->list.n_tokens = tokens + 1;
        struct rows out = test_output_rows(t, tokens, n);
        uint64_t bytes = op_attention_partial_bytes(shape, n_ctx, tokens + 1);
        op_attention(&t->list, out, qkv, &kv, test_output(t, bytes), shape);
    }
    /* llvmpipe of Mesa 22 ends all loops of an invocation after 65535 iterations. */
    for (uint32_t size = pos < 600 ? 1 : pos < 3000 ? 4 : 8; size <= 128; size = 5 * size + 3)
        test_vary(t, &(struct variation){.spec = {size}});
    test_run(t);
    if (tokens == 1)
        test_expect_equal(t, y[0].view, y[1].view, n * 4ull, "split and looped attention differ");
}

static const struct head_shape shapes[] = {{1, 1, 4, 4}, {1, 1, 32, 32}, {4, 2, 64, 64},
    {3, 3, 80, 80}, {4, 1, 96, 96}, {8, 1, 128, 128}, {2, 2, 256, 256}};
static const uint32_t positions[] = {0, 1, 63, 127, 128, 129, 255, 256, 300, 1000};

static void run_decode(struct test *t)
{
    for (uint32_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++)
        for (uint32_t kv = i / 2 % 2; kv < 4; kv += 2)
            run(t, shapes[i % 7], kv, positions[i], 1, FILL_NORMAL);
    for (uint32_t i = 0; i < 7; i++)
        run(t, shapes[i], i % 4, 130 + 7 * i, 1, (enum fill)(i % FILL_COUNT));
    for (uint32_t i = 0; i < 4 * FILL_COUNT; i++)
        run(t, shapes[2], i & 3, 400, 1, (enum fill)(i / 4));
    if (t->slow)
        run(t, (struct head_shape){32, 8, 64, 64}, KV_TYPE_F16, 4000, 1, FILL_NORMAL);
}

void selftest_cases_attention(struct test *t)
{
    run_decode(t);
    for (uint32_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++)
        run(t, shapes[(i + 1) % 7], i % 4, positions[i], i % 3 ? 3 : 5, FILL_NORMAL);
    for (uint32_t i = 0; i < 7; i++)
        run(t, shapes[i], i % 4, 120, 17, (enum fill)(i % FILL_COUNT));
    for (uint32_t i = 0; i < 4 * FILL_COUNT; i++)
        run(t, shapes[2], i & 3, 126, 4, (enum fill)(i / 4));
    /* Longer than one dispatch does: 65535 iterations would end at about position 4500. */
    run(t, shapes[5], KV_TYPE_F16, 5000, 2, FILL_NORMAL);
    if (t->slow)
        run(t, (struct head_shape){32, 8, 64, 64}, KV_TYPE_F16, 500, 64, FILL_NORMAL);
    if (t->slow)
        run(t, shapes[1], KV_TYPE_F16, 20000, 2, FILL_NORMAL);
}
