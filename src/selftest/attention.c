/* attention: positions around chunks, head sizes, shared K and V heads, V as a part of K. Split and
 * looped attention must agree to the bit. */
#include "selftest/case.h"

#include <string.h>

/* A decode step two ways: split by chunks, and as a batch that happens to hold one token; and once
 * more as 8-bit blocks. */
static void append_decode(struct test *t, struct rows qkv, const struct kv_cache *kv,
    struct head_shape shape, const struct attn_options *o, struct rows y[2])
{
    uint32_t n_ctx =
        t->list.history.size / 4 > kv->n_ctx ? (uint32_t)t->list.history.size / 4 : kv->n_ctx;
    struct gpu_view partials = test_output(t, op_attention_partial_bytes(shape, n_ctx, 2));
    memset(test_data(t, partials), 0, partials.size);
    uint32_t n = shape.n_head * (shape.head_dim - kv->value_first);
    for (uint32_t i = 0; i < 2; i++) {
        y[i] = test_output_rows(t, 1, n);
        t->list.n_tokens = 1 + i;
        op_attention_with(&t->list, y[i], qkv, kv, partials, shape, o);
    }
    t->list.n_tokens = 1;
    if (op_can_attention_q8(&t->list, shape))
        op_attention_q8(&t->list, test_output_q8(t, 1, n), qkv, kv, partials, shape, o);
}

/* Positions of a cache that holds `pos + tokens` of them, or no more than a window's. */
static uint32_t positions_of(const struct attn_options *o, uint32_t pos, uint32_t tokens)
{
    uint32_t all = (pos + tokens + ATTN_CHUNK) / ATTN_CHUNK * ATTN_CHUNK;
    uint32_t ring = (o->window + tokens + ATTN_CHUNK) / ATTN_CHUNK * ATTN_CHUNK;
    if (!o->window)
        return (pos + tokens + K_TILE) / K_TILE * K_TILE;
    return ring < all ? ring : all;
}

static void run_with(struct test *t, struct head_shape shape, uint32_t value_first, uint32_t pos,
    uint32_t tokens, enum fill fill, const struct attn_options *o)
{
    uint32_t type = kernel_kv_type(t->quant);
    if (type >= KV_TYPE_Q8_0 && shape.head_dim % 32 != 0)
        return;
    uint32_t n = shape.n_head * shape.head_dim, kv_n = shape.n_head_kv * shape.head_dim;
    uint32_t n_out = shape.n_head * (shape.head_dim - value_first);
    uint32_t n_ctx = positions_of(o, pos, tokens);
    struct rows y[2];
    test_begin(t, tokens, pos, 100,
        "heads=%u/%u dim=%u value=%u pos=%u tokens=%u fill=%d window=%u cap=%g temperature=%g%s%s",
        shape.n_head, shape.n_head_kv, shape.head_dim, value_first, pos, tokens, (int)fill,
        o->window, (double)o->softcap, (double)o->temperature, o->sinks.size ? " sinks" : "",
        o->whole ? " whole" : "");
    t->flavour = (o->window ? 1u : 0u) | (o->softcap > 0 ? 2u : 0u) | (o->sinks.size ? 4u : 0u) |
                 (o->temperature != 0 ? 8u : 0u) | (o->whole ? 16u : 0u);
    struct attn_options options = *o;
    if (o->sinks.size) /* asked for */
        options.sinks = test_exact_input(t, shape.n_head, FILL_NORMAL);
    test_step(t)->chunks_y = shape.n_head;
    struct rows qkv = test_rows(t, tokens, n + 2 * kv_n, fill);
    struct kv_cache kv = test_kv(t, shape, n_ctx, type, (int)fill);
    kv.value_first = value_first;
    if (tokens == 1) {
        append_decode(t, qkv, &kv, shape, &options, y);
    } else {
        t->list.n_tokens = tokens + 1;
        struct rows out = test_output_rows(t, tokens, n_out);
        uint64_t bytes = op_attention_partial_bytes(shape, n_ctx, tokens + 1);
        op_attention_with(&t->list, out, qkv, &kv, test_output(t, bytes), shape, &options);
    }
    /* llvmpipe of Mesa 22 ends all loops of an invocation after 65535 iterations. */
    for (uint32_t size = t->flavour || t->list.variant == K_attn_tile ? 129
                         : pos < 600                                  ? 1
                         : pos < 3000                                 ? 4
                                                                      : 8;
         size <= 128 && !t->quick; size = 5 * size + 3)
        test_vary(t, &(struct variation){.spec = {size}});
    test_run(t);
    if (tokens == 1)
        test_expect_equal(
            t, y[0].view, y[1].view, n_out * 4ull, "split and looped attention differ");
}

static void run(
    struct test *t, struct head_shape shape, uint32_t pos, uint32_t tokens, enum fill fill)
{
    run_with(t, shape, 0, pos, tokens, fill, &(struct attn_options){0});
}

/* V is a part of K. */
static void run_latent(struct test *t, uint32_t tokens)
{
    const struct attn_options scaled = {.scale = 0.1f};
    run_with(t, (struct head_shape){4, 1, 96, 32}, 32, 140, tokens, FILL_NORMAL, &scaled);
    run_with(t, (struct head_shape){3, 1, 576, 64}, 64, 37, tokens, FILL_NORMAL, &scaled);
    for (uint32_t i = 0; !t->quick && i < FILL_COUNT; i++)
        run_with(t, (struct head_shape){4, 2, 128, 64}, 64, 31 + 65 * i, tokens, (enum fill)i,
            &(struct attn_options){0});
    if (t->slow)
        run_with(t, (struct head_shape){16, 1, 576, 64}, 64, 1500, tokens, FILL_NORMAL, &scaled);
}

static const struct head_shape shapes[] = {{1, 1, 4, 4}, {1, 1, 32, 32}, {4, 2, 64, 64},
    {3, 3, 80, 80}, {4, 1, 96, 96}, {8, 1, 128, 128}, {2, 2, 256, 256}, {2, 1, 512, 512}};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };
static const uint32_t positions[] = {0, 1, 63, 127, 128, 129, 255, 256, 300, 1000};

/* Tokens that see those after them: alone, and behind others; in one chunk, and up to its end. */
static void run_whole(struct test *t, uint32_t tokens)
{
    static const uint32_t before[] = {0, 60, 128 - 3, 126, 128, 250};
    for (uint32_t i = 0; i < (t->quick ? 3 : 6); i++)
        run_with(t, shapes[2 + i % 4], 0, before[i], tokens, FILL_NORMAL,
            &(struct attn_options){.whole = true});
    if (tokens > 1 && !t->quick) /* several dispatches */
        run_with(t, shapes[5], 0, 5000, tokens, FILL_NORMAL, &(struct attn_options){.whole = true});
}

/* Windows around chunks and longer than all there is, soft caps, sinks, a temperature. */
static void run_options(struct test *t, uint32_t tokens)
{
    static const uint32_t windows[] = {1, 8, 127, 128, 130, 300};
    const struct gpu_view wanted = {.size = 4};
    for (uint32_t i = 0; i < (t->quick ? 2 : 12); i++)
        run_with(t, shapes[2 + i % 3], 0, 5 + 61 * i, tokens, FILL_NORMAL,
            &(struct attn_options){.window = windows[i % 6]});
    run_with(t, shapes[2], 0, 260, tokens, FILL_NORMAL,
        &(struct attn_options){.window = 128, .sinks = wanted});
    run_with(t, shapes[2], 0, 300, tokens, FILL_NORMAL,
        &(struct attn_options){.scale = 0.2f, .softcap = 4.0f});
    run_with(t, shapes[1], 0, 140, tokens, FILL_OUTLIERS,
        &(struct attn_options){.softcap = 50.0f, .window = 100});
    run_with(t, shapes[2], 0, 200, tokens, FILL_NORMAL, &(struct attn_options){.sinks = wanted});
    run_with(t, shapes[2], 0, 200, tokens, FILL_NORMAL,
        &(struct attn_options){.temperature = 0.3f, .temperature_span = 16});
    run_whole(t, tokens);
    for (uint32_t fill = 0; !t->quick && fill < FILL_COUNT; fill++)
        run_with(t, shapes[1], 0, 150, tokens, (enum fill)fill,
            &(struct attn_options){.softcap = 30.0f,
                .window = fill % 3 ? 40 : 0,
                .sinks = wanted,
                .temperature = 0.1f,
                .temperature_span = 32});
}

static void run_decode(struct test *t)
{
    run_options(t, 1);
    run_latent(t, 1);
    for (uint32_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++)
        run(t, shapes[i % SHAPES], positions[i], 1, FILL_NORMAL);
    for (uint32_t i = 0; i < SHAPES; i++)
        run(t, shapes[i], 130 + 7 * i, 1, (enum fill)(i % FILL_COUNT));
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, shapes[2], 400, 1, (enum fill)fill);
    if (t->slow)
        run(t, (struct head_shape){32, 8, 64, 64}, 4000, 1, FILL_NORMAL);
}

void selftest_cases_attn_tile(struct test *t)
{
    run_latent(t, 5);
    for (uint32_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++)
        run(t, shapes[(i + 1) % SHAPES], positions[i], i % 3 ? 3 : 5, FILL_NORMAL);
    for (uint32_t i = 0; i < SHAPES; i++)
        run(t, shapes[i], 120, 17, (enum fill)(i % FILL_COUNT));
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, shapes[2], 126, 4, (enum fill)fill);
    run(t, shapes[4], 0, 150, FILL_NORMAL); /* several chunks in one tile's rows */
    run_whole(t, 3);
    run_with(t, shapes[2], 0, 0, t->quick ? 40 : 300, FILL_NORMAL,
        &(struct attn_options){.whole = true});
    /* Longer than one dispatch does: 65535 iterations would end at about position 4500. */
    run(t, shapes[5], 5000, 2, FILL_NORMAL);
    if (t->slow)
        run(t, (struct head_shape){32, 8, 64, 64}, 500, 64, FILL_NORMAL);
    if (t->slow)
        run(t, shapes[1], 20000, 2, FILL_NORMAL);
}

void selftest_cases_attention(struct test *t)
{
    run_decode(t);
    run_options(t, 3);
    run_latent(t, 5);
    for (uint32_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++)
        run(t, shapes[(i + 1) % SHAPES], positions[i], i % 3 ? 3 : 5, FILL_NORMAL);
    for (uint32_t i = 0; i < SHAPES; i++)
        run(t, shapes[i], 120, 17, (enum fill)(i % FILL_COUNT));
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, shapes[2], 126, 4, (enum fill)fill);
    /* Longer than one dispatch does: 65535 iterations would end at about position 4500. */
    run(t, shapes[5], 5000, 2, FILL_NORMAL);
    if (t->slow)
        run(t, (struct head_shape){32, 8, 64, 64}, 500, 64, FILL_NORMAL);
    if (t->slow)
        run(t, shapes[1], 20000, 2, FILL_NORMAL);
}
