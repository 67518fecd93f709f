/* libFuzzer: any bytes as text, with a vocabulary of each kind that the first byte chooses, or with
 * the file named in HEKLA_FUZZ_VOCAB; and as token ids for the stream. HEKLA_FUZZ_KIND, a number,
 * keeps to one kind. Seeds: tests/fuzz/corpus/tokenizer. */
#include "fuzz.h"

#include "../unit/vocab_examples.h"
#include "base/utf8.h"
#include "text/internal.h"

static struct tokenizer *create(struct gguf *g, struct hekla_error *err)
{
    struct tokenizer *t = NULL;
    if (!g || tokenizer_create(&t, g, err))
        require(false, err->text);
    gguf_close(g);
    return t;
}

static struct tokenizer *create_built(struct build b)
{
    struct gguf *g = NULL;
    struct hekla_error err = {0};
    (void)gguf_open_memory(&g, b.data, b.n, "vocabulary", test_type_bytes, &err);
    struct tokenizer *t = create(g, &err);
    build_free(&b);
    return t;
}

static struct tokenizer *create_file(const char *path)
{
    struct gguf *g = NULL;
    struct hekla_error err = {0};
    (void)gguf_open(&g, path, test_type_bytes, &err);
    return create(g, &err);
}

static struct tokenizer *create_bytes(const char *pre)
{
    return create_built(build_vocab(&(struct vocab_spec){.pre = pre,
        .merges = {"a a", "1 1", "11 1", "\xc4\xa0 a", "\xc4\xa0 \xc4\xa0", "s s"},
        .merge_tokens = {"aa", "11", "111",
            "\xc4\xa0"
            "a",
            "\xc4\xa0\xc4\xa0", "ss"},
        .extra = {{"<|eot_id|>", 3}, {"<tag>", 4}, {"  ", 4}}}));
}

static struct tokenizer *create_t5(bool plain)
{
    static uint8_t map[4 + 4 * 1024 + 3];
    struct pieces_spec spec = example_t5;
    if (plain) {
        spec.keys[1].value = 0;
    } else {
        spec.map = example_map(map);
        spec.n_map = sizeof(map);
    }
    return create_built(build_pieces(&spec));
}

static const char *const methods[] = {"default", "llama-bpe", "gpt-2", "starcoder", "qwen2",
    "qwen35", "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon", "tekken", "gpt-4o",
    "youtu", "tiny_aya", "kimi-k2", "poro-chat", "viking", "jais-2", "chameleon", "superbpe",
    "bailingmoe", "seed-coder", "ufakzeka", "afmoe", "laguna", "exaone-moe", "minicpm5",
    "spark2_5"};
enum { N_METHODS = sizeof(methods) / sizeof(methods[0]) };

enum kind { TINY, SPM, SPM_UNKNOWN, GEMMA4, WORDPIECE, T5, T5_PLAIN, METHODS };

static struct tokenizer *open_kind(uint32_t kind)
{
    const char *path = getenv("HEKLA_FUZZ_VOCAB");
    struct pieces_spec spec = example_spm;
    if (path)
        return create_file(path);
    switch (kind) {
    case TINY:
        return create_file(HEKLA_SOURCE_DIR "/models/hekla-tiny-q8_0.gguf");
    case SPM_UNKNOWN:
        spec.bytes = false;
        return create_built(build_pieces(&spec));
    case SPM:
        return create_built(build_pieces(&spec));
    case GEMMA4:
        return create_built(build_pieces(&example_gemma4));
    case WORDPIECE:
        return create_built(build_pieces(&example_bert));
    case T5:
    case T5_PLAIN:
        return create_t5(kind == T5_PLAIN);
    default:
        return create_bytes(methods[kind - METHODS]);
    }
}

/* Where spaces are U+2581 one that is written out becomes a space. */
static size_t with_spaces(char *out, const char *text, size_t n)
{
    bool exact;
    return n ? spelling_of_spaces(text, n, out, &exact) : 0;
}

static bool has(const struct tokenizer *t, const hekla_token *tokens, size_t n, hekla_token token)
{
    for (size_t i = 0; i < n; i++)
        if (tokens[i] == token && t->unknown == token)
            return true;
    return false;
}

/* Text to tokens and back, which gives the same text but where an encoder is meant to lose some. */
static void round_trip(
    const struct tokenizer *t, const char *text, size_t n, uint32_t flags, bool special)
{
    bool bytes = t->encoder == &encoder_bpe, words = t->encoder == &encoder_wordpiece;
    bool lossy = words || t->encoder == &encoder_unigram;
    size_t count, again, n_bytes = 0, n_stream = 0, n_expected = n;
    require(!tokenizer_encode(t, text, n, flags, NULL, 0, &count, NULL), "text was refused");
    size_t most = 4 * n + 64 + HEKLA_PIECE_MAX;
    hekla_token *tokens = malloc((count + 1) * sizeof(*tokens));
    char *all = malloc(most), *stream = malloc(most), *expected = malloc(n + 1);
    require(tokens && all && stream && expected, "no memory");
    require(!tokenizer_encode(t, text, n, flags, tokens, count, &again, NULL), "refused later");
    require(again == count, "another count the second time");
    require(count <= 3 * n + 1, "more tokens than text has characters");
    struct hekla_text_stream state = {0};
    for (size_t i = 0; i < count; i++) {
        require(tokens[i] >= 0 && (uint32_t)tokens[i] < tokenizer_vocab_size(t), "no such token");
        size_t length = tokenizer_bytes(t, tokens[i], special, all, HEKLA_PIECE_MAX);
        n_bytes += length;
        n_stream +=
            tokenizer_stream(t, &state, tokens[i], special, stream + n_stream, HEKLA_PIECE_MAX);
        require(n_stream <= most - HEKLA_PIECE_MAX || lossy, "more text came back");
        if (n_stream > most - HEKLA_PIECE_MAX) /* names of unknown words, longer than these */
            n_stream = 0;
    }
    require(state.n_pending == 0, "text was held back");
    if (!bytes)
        n_expected = with_spaces(expected, text, n);
    else if (n)
        memcpy(expected, text, n);
    if (!lossy && !has(t, tokens, count, t->unknown)) {
        require(!bytes || n_bytes == n, "other bytes came back");
        require(n_stream == n_expected && (!n || !memcmp(stream, expected, n_expected)),
            "another text came back");
    }
    free(tokens);
    free(all);
    free(stream);
    free(expected);
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
    static struct tokenizer *kinds[METHODS + N_METHODS];
    const char *fixed = getenv("HEKLA_FUZZ_KIND");
    if (!size)
        return 0;
    uint32_t kind = fixed ? (uint32_t)atoi(fixed) : data[0];
    kind %= METHODS + N_METHODS;
    if (!kinds[kind])
        kinds[kind] = open_kind(kind);
    const struct tokenizer *t = kinds[kind];
    const char *text = (const char *)data + 1;
    size--;
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
