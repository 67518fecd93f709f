/* What ops read, write and compute, against counts made by hand. */
#include "kernels/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct gpu_buffer memory = {.size = 1u << 30};
static struct gpu_caps caps = {
    .row_threads = 1, .max_invocations = 128, .max_shared = 16384, .max_range = 1u << 30};

static struct gpu_view bytes(uint64_t size)
{
    return (struct gpu_view){&memory, 0, size};
}

/* As a session makes them: for its largest batch. */
static struct rows rows_of(uint32_t n)
{
    return (struct rows){bytes(512ull * n * 4), n, (n + 31) / 32 * 32};
}

static struct rows_q8 rows_q8_of(uint32_t n)
{
    struct rows_q8 r = {0};
    quant_spread(&r.layout, (n + 31) / 32);
    r.stride_u4 = rows_q8_stride_u4(&r.layout);
    r.view = bytes(512ull * r.stride_u4 * 16);
    return r;
}

static struct op_list list_of(uint32_t n_tokens)
{
    return (struct op_list){
        .caps = &caps, .step = bytes(256), .history = bytes(4096), .n_tokens = n_tokens};
}

/* The sum over all ops, which are then forgotten. */
static struct op_traffic sum(struct op_list *list, uint32_t n_tokens, uint32_t pos)
{
    struct op_traffic all = {0};
    assert_false(list->out_of_memory);
    assert_true(list->n > 0);
    for (uint32_t i = 0; i < list->n; i++) {
        struct op_traffic t = op_traffic(&list->ops[i], n_tokens, pos);
        all.read += t.read;
        all.written += t.written;
        all.operations += t.operations;
    }
    op_list_free(list);
    return all;
}

static void expect(struct op_traffic t, uint64_t read, uint64_t written, uint64_t operations)
{
    assert_int_equal(t.read, read);
    assert_int_equal(t.written, written);
    assert_int_equal(t.operations, operations);
}

/* 4096 x 2048 in Q8_0, in one part and in two: 8-bit weights and a half scale in 32. */
static void matrices(void **state)
{
    const uint64_t weights = 4096ull * 2048 * 34 / 32, y = 4096 * 4;
    const uint64_t x = 2048 + 2048 / 32 * 8; /* 8-bit values; scale and sum of each 32 */
    (void)state;
    for (uint32_t parts = 1; parts <= 2; parts++)
        for (uint32_t n = 1; n <= 16; n += 15) {
            uint32_t each = 4096 / parts;
            struct matrix_shard shards[] = {
                {bytes(weights / parts), 0, each}, {bytes(weights / parts), each, each}};
            struct matrix w = {.quant = QT_q8_0,
                .layout = quant_layout_of(&quant_types[QT_q8_0], 2048),
                .n_rows = 4096,
                .n_shards = parts,
                .shards = shards};
            struct matvec_input in = {rows_of(2048), rows_q8_of(2048)};
            struct op_list list = list_of(16); /* recorded for more than the step may have */
            op_matvec(&list, rows_of(4096), 0, &w, &in, bytes(4096 * 4), true, 0);
            expect(sum(&list, n, 7), weights + parts * n * x + n * y + 4096 * 4, n * y,
                2ull * n * 4096 * 2048);
        }
}

static void rows(void **state)
{
    (void)state;
    struct op_list list = list_of(8);
    op_rmsnorm(&list, rows_of(1000), rows_of(1000), bytes(4000), 1e-5f, false);
    expect(sum(&list, 3, 0), 4 * 4000, 3 * 4000, 3 * 4 * 1000);
    list = list_of(8);
    op_rmsnorm(&list, rows_of(1000), rows_of(1000), bytes(4000), 1e-5f, true);
    expect(sum(&list, 3, 0), 2 * 4000, 4000, 4 * 1000);
    list = list_of(8);
    op_silu_mul(&list, rows_of(512), rows_of(1024), 512);
    expect(sum(&list, 5, 0), 5 * 1024 * 4, 5 * 512 * 4, 0);
    list = list_of(8);
    op_copy(&list, bytes(100), bytes(100));
    expect(sum(&list, 5, 0), 100, 100, 0);
}

/* Of the cache what positions up to the token's own hold, whatever its size. */
static void attention(void **state)
{
    const struct head_shape s = {8, 2, 64, 64};
    const uint32_t n_ctx = 4096;
    const uint64_t cache = 2 * 2 * 64 * 2, partial = 8 * (2 + 64) * 4, q = 8 * 64 * 4;
    struct kv_cache kv = {bytes(n_ctx * 256), bytes(n_ctx * 256), n_ctx, KV_TYPE_F16, 0};
    (void)state;
    for (uint32_t pos = 0; pos < 1000; pos += 333) {
        uint32_t chunks = (pos + 1 + ATTN_CHUNK - 1) / ATTN_CHUNK;
        struct op_list list = list_of(1);
        op_attention(&list, rows_of(512), rows_of(768), &kv, bytes(1 << 20), s);
        expect(sum(&list, 1, pos), q + (pos + 1) * cache + chunks * partial, chunks * partial + q,
            (pos + 1) * 8 * 64 * 4 + chunks * 8 * 64 * 2);
    }
    /* Together: what all tokens see, though each later one sees one position more. */
    struct op_list list = list_of(8);
    op_attention(&list, rows_of(512), rows_of(768), &kv, bytes(1 << 20), s);
    uint32_t dispatches = 0;
    for (uint32_t i = 0; i < list.n; i++)
        dispatches += op_traffic(&list.ops[i], 3, 10).read > 0;
    assert_int_equal(dispatches, 1);
    expect(sum(&list, 3, 10), 3 * q + 13 * cache, 3 * q, (11 + 12 + 13) * 8 * 64 * 4);
    list = list_of(8);
    op_attention_with(&list, rows_of(512), rows_of(768), &kv, bytes(1 << 20), s,
        &(struct attn_options){.whole = true});
    expect(sum(&list, 3, 10), 3 * q + 13 * cache, 3 * q, 3 * 13 * 8 * 64 * 4);
}

/* What is kept is read and written once a dispatch, however many tokens there are. */
static void states(void **state)
{
    const uint64_t matrices = 4 * 32 * 32 * 4, qkv = (2 * 2 + 4) * 32 * 4, y = 4 * 32 * 4;
    struct state_cache s = {bytes(1 << 20), 3, 5000};
    struct delta p = {4, 2, 32, 32, 900, bytes(16), bytes(16)};
    (void)state;
    struct op_list list = list_of(1);
    op_conv(&list, rows_of(300), rows_of(900), bytes(300 * 3 * 4), 3, &s, CONV_GATED);
    expect(sum(&list, 1, 7), 900 * 4 + 900 * 4, 300 * 4 + 600 * 4, 300 * 3 * 2);
    list = list_of(8);
    op_conv(&list, rows_of(300), rows_of(300), bytes(300 * 4 * 4), 4, &s, CONV_SILU);
    expect(sum(&list, 5, 7), 5 * 1200 + 4800 + 3600, 5 * 1200 + 3600, 5 * 300 * 4 * 2);
    list = list_of(512);
    op_delta(&list, rows_of(128), rows_of(256), rows_of(64), &s, &p);
    assert_int_equal(list.n, 2);
    expect(sum(&list, 5, 7), matrices + 5 * qkv, matrices + 5 * y, 5 * matrices / 4 * 7);
    list = list_of(512);
    op_delta(&list, rows_of(128), rows_of(256), rows_of(64), &s, &p);
    expect(sum(&list, 300, 7), 2 * matrices + 300 * qkv, 2 * matrices + 300 * y,
        300 * matrices / 4 * 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices),
        cmocka_unit_test(rows),
        cmocka_unit_test(attention),
        cmocka_unit_test(states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
