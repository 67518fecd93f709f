/* libFuzzer: any bytes as text, with the vocabulary of the built-in model or of the file named in
 * HEKLA_FUZZ_VOCAB; and as token ids for the stream. Seeds: tests/fuzz/corpus/tokenizer. */
#include "../unit/gguf_build.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static struct tokenizer *open_vocab(void)
{
    const char *path = getenv("HEKLA_FUZZ_VOCAB");
    struct gguf *g = NULL;
    struct tokenizer *t = NULL;
    struct hekla_error err = {0};
    if (!path)
        path = HEKLA_SOURCE_DIR "/models/hekla-tiny-q8_0.gguf";
    if (gguf_open(&g, path, test_type_bytes, &err) || tokenizer_create(&t, g, &err))
        require(false, err.text);
    gguf_close(g);
    return t;
}

/* Text to tokens and back, by both ways of decoding. */
static void round_trip(
    const struct tokenizer *t, const char *text, size_t n, uint32_t flags, bool special)
{
    size_t count, again, n_bytes = 0, n_stream = 0;
    require(!tokenizer_encode(t, text, n, flags, NULL, 0, &count, NULL), "text was refused");
    hekla_token *tokens = malloc((count + 1) * sizeof(*tokens));
    char *bytes = malloc(n + HEKLA_PIECE_MAX), *stream = malloc(n + HEKLA_PIECE_MAX);
    require(tokens && bytes && stream, "no memory");
    require(!tokenizer_encode(t, text, n, flags, tokens, count, &again, NULL), "refused later");
    require(again == count, "another count the second time");
    struct hekla_text_stream state = {0};
    for (size_t i = 0; i < count; i++) {
        n_bytes += tokenizer_bytes(t, tokens[i], special, bytes + n_bytes, HEKLA_PIECE_MAX);
        n_stream +=
            tokenizer_stream(t, &state, tokens[i], special, stream + n_stream, HEKLA_PIECE_MAX);
        require(n_bytes <= n && n_stream <= n, "more text came back");
    }
    require(state.n_pending == 0, "text was held back");
    require(n_bytes == n && (!n || !memcmp(bytes, text, n)), "other bytes came back");
    require(n_stream == n && (!n || !memcmp(stream, text, n)), "another text came back");
    free(tokens);
    free(bytes);
    free(stream);
}

static void any_tokens(const struct tokenizer *t, const uint8_t *data, size_t size)
{
    struct hekla_text_stream state = {0};
    char out[HEKLA_PIECE_MAX];
    for (size_t i = 0; i + 1 < size; i += 2) {
        hekla_token token = (hekla_token)(data[i] | data[i + 1] << 8) % 1100 - 1;
        size_t cap = i % 7 == 0 ? data[i] : sizeof(out);
        size_t n = tokenizer_stream(t, &state, token, data[i] & 1, out, cap);
        require(n <= cap && utf8_check(out, n) == n, "the stream gave invalid text");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tokenizer *t;
    if (!t)
        t = open_vocab();
    const char *text = (const char *)data;
    size_t valid = utf8_check(text, size);
    if (valid < size) {
        size_t count;
        require(tokenizer_encode(t, text, size, 0, NULL, 0, &count, NULL) == HEKLA_ARGUMENT,
            "invalid text was taken");
    }
    round_trip(t, text, valid, 0, false);
    round_trip(t, text, valid, HEKLA_TOKENIZE_SPECIAL, true);
    any_tokens(t, data, size);
    return 0;
}
