/* The checksum and the head of saved sessions are what files of today have. */
#include "base/checksum.h"
#include "engine/session_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { N = 200 };

static uint64_t sum_of(const uint8_t *data, size_t n)
{
    struct checksum c = {0};
    checksum_add(&c, data, n);
    return checksum_of(&c);
}

static void checksums(void **state)
{
    (void)state;
    uint8_t data[N];
    for (size_t i = 0; i < N; i++)
        data[i] = (uint8_t)(i * 37 + 11);
    assert_int_equal(sum_of(data, 0), UINT64_C(0x0000000000000000));
    assert_int_equal(sum_of(data, N), UINT64_C(0x3424bdda27e91b76));
    for (size_t a = 0; a <= N; a++) /* in pieces; of a beginning */
        for (size_t b = a; b <= N; b += 7) {
            struct checksum c = {0};
            checksum_add(&c, data, a);
            assert_true(checksum_of(&c) == sum_of(data, a));
            checksum_add(&c, data + a, b - a);
            checksum_add(&c, data + b, N - b);
            assert_true(checksum_of(&c) == sum_of(data, N));
        }
    uint64_t whole = sum_of(data, N);
    for (size_t i = 0; i < 8 * N; i++) {
        data[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_true(sum_of(data, N) != whole);
        data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    memset(data, 0, N);
    for (size_t n = 0; n < N; n++)
        assert_true(sum_of(data, n) != sum_of(data, n + 1));
}

static void heads(void **state)
{
    (void)state;
    struct session_file f = {.kv_type = 3,
        .n_layer = 5,
        .n_local = 2,
        .width = 3 * 7 * 64,
        .width_local = 2 * 5 * 32,
        .n_vocab = 99,
        .window = 4,
        .n_ctx = 50,
        .n_tokens = 30,
        .local_first = 20,
        .flags = SESSION_HAS_LOGITS,
        .model = UINT64_C(0x0102030405060708),
        .model_name = "A name",
        .n_note = 3,
        .n_state = 1000};
    uint8_t head[SESSION_HEAD_BYTES];
    assert_true(session_file_place(&f));
    assert_int_equal(f.logits, SESSION_HEAD_BYTES + 30 * 4);
    assert_int_equal(f.cache, f.logits + 99 * 4);
    assert_int_equal(f.state, f.cache + 2 * (3 * 7 * 40 * 30 + 2 * 5 * 20 * 10));
    assert_int_equal(f.note, f.state + 1000);
    assert_int_equal(f.end, f.note + 3 + 8);
    session_file_put_head(&f, head);
    assert_memory_equal(head, "heklakv\n\2\0\0\0\3\0\0\0", 16);
    assert_int_equal(sum_of(head, sizeof(head)), UINT64_C(0x8d5f5f8e7526f977));
    f.n_tokens = f.n_ctx = INT32_MAX;
    f.kv_type = 0;
    f.width = f.width_local = UINT32_MAX;
    assert_false(session_file_place(&f));
    f.width = f.width_local = 32;
    f.n_note = UINT64_MAX - 9;
    assert_false(session_file_place(&f));
    f.n_note = 0;
    assert_true(session_file_place(&f));
    f.n_state = UINT64_MAX - 9;
    assert_false(session_file_place(&f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(checksums), cmocka_unit_test(heads)};
    return cmocka_run_group_tests_name("session_file", tests, NULL, NULL);
}
