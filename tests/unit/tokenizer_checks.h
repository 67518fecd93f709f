/* What tests of tokenizers share; include it after cmocka.h. */
#ifndef TESTS_TOKENIZER_CHECKS_H
#define TESTS_TOKENIZER_CHECKS_H

#include "base/utf8.h"
#include "text/tokenizer.h"
#include "vocab_build.h"

#include <stdio.h>
#include <time.h>

struct ids {
    hekla_token *data;
    size_t n;
};

static inline struct ids encode_n(
    const struct tokenizer *t, const char *text, size_t n, uint32_t flags)
{
    struct ids ids = {0};
    struct hekla_error err = {0};
    if (tokenizer_encode(t, text, n, flags, NULL, 0, &ids.n, &err))
        fail_msg("%s", err.text);
    ids.data = calloc(ids.n + 1, sizeof(*ids.data));
    assert_non_null(ids.data);
    size_t again;
    assert_int_equal(tokenizer_encode(t, text, n, flags, ids.data, ids.n, &again, &err), HEKLA_OK);
    assert_int_equal(again, ids.n);
    return ids;
}

/* `expected` ends with -1. */
static inline void check_ids(const struct tokenizer *t, const char *text, size_t n, uint32_t flags,
    const hekla_token *expected)
{
    struct ids ids = encode_n(t, text, n, flags);
    size_t i = 0;
    while (i < ids.n && ids.data[i] == expected[i])
        i++;
    if (i < ids.n || expected[i] != -1)
        fail_msg("\"%.*s\": token %zu is %d, expected %d", (int)(n < 200 ? n : 200),
            text ? text : "", i, i < ids.n ? ids.data[i] : -1, expected[i]);
    free(ids.data);
}

static inline void check_text(
    const struct tokenizer *t, const char *text, uint32_t flags, const hekla_token *expected)
{
    check_ids(t, text, strlen(text), flags, expected);
}

/* Tokens back to bytes, alone and as a stream; both must give text, but for a space in front of
 * those that are bytes alone. */
static inline void check_back(
    const struct tokenizer *t, struct ids ids, const char *text, size_t n, bool special)
{
    char *bytes = malloc(n + HEKLA_PIECE_MAX), *streamed = malloc(n + HEKLA_PIECE_MAX);
    assert_non_null(bytes);
    assert_non_null(streamed);
    size_t n_bytes = 0, n_streamed = 0;
    struct hekla_text_stream stream = {0};
    for (size_t i = 0; i < ids.n; i++) {
        n_bytes += tokenizer_bytes(t, ids.data[i], special, bytes + n_bytes, HEKLA_PIECE_MAX);
        char *piece = streamed + n_streamed;
        size_t n_piece = tokenizer_stream(t, &stream, ids.data[i], special, piece, HEKLA_PIECE_MAX);
        assert_int_equal(utf8_check(piece, n_piece), n_piece);
        n_streamed += n_piece;
        assert_true(n_bytes <= n + 1 && n_streamed <= n);
    }
    assert_int_equal(
        tokenizer_stream(t, &stream, -1, special, streamed + n_streamed, HEKLA_PIECE_MAX), 0);
    size_t prefix = n_bytes == n + 1 && bytes[0] == ' ';
    assert_int_equal(n_bytes, n + prefix);
    assert_int_equal(n_streamed, n);
    assert_memory_equal(bytes + prefix, text, n);
    assert_memory_equal(streamed, text, n);
    free(bytes);
    free(streamed);
}

static inline void round_trip(const struct tokenizer *t, const char *text, size_t n)
{
    struct ids ids = encode_n(t, text, n, 0);
    check_back(t, ids, text, n, false);
    free(ids.data);
}

static inline uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* Of the processor: a busy machine must not fail the test. */
static inline double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline double time_encode(
    const struct tokenizer *t, const char *text, size_t n, uint32_t flags)
{
    size_t count;
    double begin = seconds();
    assert_int_equal(tokenizer_encode(t, text, n, flags, NULL, 0, &count, NULL), HEKLA_OK);
    return seconds() - begin;
}

static inline void check_linear(const struct tokenizer *t, const char *unit)
{
    enum { N = 1 << 20, LIMIT = 20 };
    char *text = malloc(N + 32);
    assert_non_null(text);
    size_t n = 0, n_unit = strlen(unit);
    for (; n < N; n += n_unit)
        memcpy(text + n, unit, n_unit);
    double plain = time_encode(t, text, n, 0);
    double special = time_encode(t, text, n, HEKLA_TOKENIZE_SPECIAL);
    printf("1 MiB of \"%s\": %.3f s, with special tokens %.3f s\n", utf8_label(unit, n_unit).text,
        plain, special);
    free(text);
    assert_true(plain < LIMIT);
    assert_true(special < LIMIT);
}

#endif
