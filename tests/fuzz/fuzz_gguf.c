/* libFuzzer: any bytes as a GGUF file. What opens is read in every way, and a tokenizer that can be
 * made from it must give text back. Seeds: tests/fuzz/corpus/gguf. */
#include "fuzz.h"

#include "../unit/gguf_build.h"
#include "base/utf8.h"
#include "text/internal.h"

/* Each failure has its code and one sentence of valid UTF-8. */
static void check_error(hekla_status status, struct hekla_error *err)
{
    size_t n = strlen(err->text);
    require(status == err->code, "status and error disagree");
    require((status == HEKLA_OK) == (n == 0), "an error without a sentence");
    require(utf8_check(err->text, n) == n, "a sentence that is not UTF-8");
    hekla_error_clear(err);
}

static void read_key(const struct gguf *g, const struct gguf_key *key)
{
    char name[256];
    struct hekla_error err = {0};
    if (key->name.n >= sizeof(name) || memchr(key->name.data, 0, (size_t)key->name.n))
        return;
    memcpy(name, key->name.data, (size_t)key->name.n);
    name[key->name.n] = 0;
    require(gguf_find_key(g, name) == key, "a key that cannot be found");
    uint32_t u;
    float f;
    bool b;
    struct gguf_string s;
    const struct gguf_key *array;
    check_error(gguf_get_u32(g, name, true, 0, &u, &err), &err);
    check_error(gguf_get_f32(g, name, true, 0, &f, &err), &err);
    check_error(gguf_get_bool(g, name, true, 0, &b, &err), &err);
    check_error(gguf_get_string(g, name, true, &s, &err), &err);
    check_error(gguf_get_array(g, name, true, GGUF_STRING, &array, &err), &err);
    uint64_t sum = 0;
    for (uint64_t i = 0; key->strings && i < key->n; i++)
        for (uint64_t j = 0; j < key->strings[i].n; j++)
            sum += (uint8_t)key->strings[i].data[j];
    volatile uint64_t keep = sum; /* so that the reads above are done */
    (void)keep;
}

static void check_tensor(const struct gguf *g, const struct gguf_tensor *t)
{
    require(t->offset <= g->files[0].size && t->n_bytes <= g->files[0].size - t->offset,
        "a tensor outside its file");
    uint64_t n = t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3];
    require(n == t->n_elements && n > 0, "a tensor with wrong dimensions");
}

/* Whether all text comes back from this vocabulary: WordPiece and t5 lose some on purpose, and what
 * has no token cannot come back. */
static bool keeps_text(const struct tokenizer *t, const hekla_token *tokens, size_t n)
{
    if (t->encoder == &encoder_wordpiece || t->encoder == &encoder_unigram)
        return false;
    for (int i = 0; i < 256; i++)
        if (t->vocab.byte_token[i] == NO_TOKEN)
            return false;
    for (size_t i = 0; i < n; i++)
        if (tokens[i] == t->unknown)
            return false;
    return true;
}

static void use_tokenizer(const struct tokenizer *t)
{
    static const char text[] = "Hello  world 123\n\n\t'll <|eot_id|> \xc3\xa9\xf0\x9f\x98\x80 aaaa"
                               "\xef\xac\x80 ab ba";
    hekla_token tokens[4 * sizeof(text)];
    char back[4 * sizeof(text) + HEKLA_PIECE_MAX];
    size_t count, n = 0;
    require(!tokenizer_encode(t, text, strlen(text), 0, tokens, 4 * sizeof(text), &count, NULL),
        "text was refused");
    require(count <= 2 * strlen(text), "more tokens than bytes");
    struct hekla_text_stream stream = {0};
    for (size_t i = 0; i < count && n < 4 * sizeof(text); i++)
        n += tokenizer_stream(t, &stream, tokens[i], false, back + n, HEKLA_PIECE_MAX);
    require(!keeps_text(t, tokens, count) || (n == strlen(text) && !memcmp(back, text, n)),
        "another text came back");
    uint32_t n_vocab = tokenizer_vocab_size(t);
    for (uint32_t i = 0; i < n_vocab; i++)
        require(tokenizer_bytes(t, (hekla_token)i, true, back, sizeof(back)) < HEKLA_PIECE_MAX,
            "a token that is too long");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gguf *g = NULL;
    struct tokenizer *t = NULL;
    struct hekla_error err = {0};
    hekla_status status = gguf_open_memory(&g, data, size, "fuzz.gguf", test_type_bytes, &err);
    check_error(status, &err);
    if (status)
        return 0;
    for (uint64_t i = 0; i < g->n_keys; i++)
        read_key(g, &g->keys[i]);
    for (uint64_t i = 0; i < g->n_tensors; i++)
        check_tensor(g, &g->tensors[i]);
    status = tokenizer_create(&t, g, &err);
    check_error(status, &err);
    gguf_close(g);
    if (!status)
        use_tokenizer(t);
    tokenizer_destroy(t);
    return 0;
}
