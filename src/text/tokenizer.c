#include "text/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = INT32_MAX }; /* positions in a word are 32 bits */

/* The kinds of tokenizer (tokenizer.ggml.model): byte-level BPE is the only one so far. */
static hekla_status check_model(const struct gguf *g, struct hekla_error *err)
{
    struct gguf_string model;
    hekla_status status = gguf_get_string(g, "tokenizer.ggml.model", true, &model, err);
    if (status || gguf_string_is(model, "gpt2"))
        return status;
    return hekla_fail(err, HEKLA_UNSUPPORTED,
        "%s: tokenizer \"%s\" (tokenizer.ggml.model) is not supported, expected \"gpt2\"",
        gguf_name(g), utf8_label(model.data, (size_t)model.n).text);
}

/* A token id from a key; NO_TOKEN if it is absent. */
static hekla_status read_id(const struct tokenizer *t, const struct gguf *g, const char *key,
    hekla_token *out, struct hekla_error *err)
{
    uint32_t id;
    *out = NO_TOKEN;
    hekla_status status = gguf_get_u32(g, key, false, UINT32_MAX, &id, err);
    if (status || id == UINT32_MAX) /* some writers say "none" so */
        return status;
    if (id >= t->vocab.n)
        return hekla_fail(err, HEKLA_FORMAT, "%s: %s is %u, expected less than %u, the tokens",
            gguf_name(g), key, id, t->vocab.n);
    *out = (hekla_token)id;
    return HEKLA_OK;
}

static void add_end(struct tokenizer *t, hekla_token token)
{
    if (token != NO_TOKEN && !tokenizer_is_end(t, token))
        t->ends[t->n_ends++] = token;
}

static hekla_token find_control(const struct tokenizer *t, const char *text)
{
    hekla_token token = vocab_find_special(&t->vocab, text, strlen(text));
    return token != NO_TOKEN && t->vocab.type[token] == TOKEN_CONTROL ? token : NO_TOKEN;
}

static hekla_status read_ids(struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    /* End of turn comes first: the first of these stands in for a missing eot key. */
    static const char *const end_names[] = {
        "<|eot_id|>", "<|im_end|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>"};
    enum { N_END_NAMES = sizeof(end_names) / sizeof(end_names[0]), N_EOT_NAMES = 2 };
    _Static_assert(3 + N_END_NAMES <= sizeof(t->ends) / sizeof(t->ends[0]), "room for all ends");
    hekla_token eom;
    hekla_status status;
    if ((status = read_id(t, g, "tokenizer.ggml.bos_token_id", &t->bos, err)) ||
        (status = read_id(t, g, "tokenizer.ggml.eos_token_id", &t->eos, err)) ||
        (status = read_id(t, g, "tokenizer.ggml.eot_token_id", &t->eot, err)) ||
        (status = read_id(t, g, "tokenizer.ggml.eom_token_id", &eom, err)))
        return status;
    for (size_t i = 0; i < N_EOT_NAMES && t->eot == NO_TOKEN; i++)
        t->eot = find_control(t, end_names[i]);
    add_end(t, t->eos);
    add_end(t, t->eot);
    add_end(t, eom);
    for (size_t i = 0; i < N_END_NAMES; i++)
        add_end(t, find_control(t, end_names[i]));
    return gguf_get_bool(g, "tokenizer.ggml.add_bos_token", false, t->add_bos, &t->add_bos, err);
}

hekla_status tokenizer_create(struct tokenizer **out, const struct gguf *g, struct hekla_error *err)
{
    struct tokenizer *t = calloc(1, sizeof(*t));
    if (!t)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its tokenizer", gguf_name(g));
    snprintf(t->name, sizeof(t->name), "%s", gguf_name(g));
    hekla_status status = check_model(g, err);
    if (!status)
        status = vocab_read(&t->vocab, g, bpe_spelling, err);
    if (!status)
        status = bpe_create(&t->bpe, g, &t->vocab, &t->add_bos, err);
    if (!status)
        status = read_ids(t, g, err);
    if (status)
        tokenizer_destroy(t);
    else
        *out = t;
    return status;
}

void tokenizer_destroy(struct tokenizer *t)
{
    if (!t)
        return;
    bpe_destroy(t->bpe);
    vocab_clear(&t->vocab);
    free(t);
}

uint32_t tokenizer_vocab_size(const struct tokenizer *t)
{
    return t->vocab.n;
}

bool tokenizer_add_bos(const struct tokenizer *t)
{
    return t->add_bos && t->bos != NO_TOKEN;
}

hekla_token tokenizer_bos(const struct tokenizer *t)
{
    return t->bos;
}

hekla_token tokenizer_eos(const struct tokenizer *t)
{
    return t->eos;
}

hekla_token tokenizer_eot(const struct tokenizer *t)
{
    return t->eot;
}

bool tokenizer_is_end(const struct tokenizer *t, hekla_token token)
{
    for (uint32_t i = 0; i < t->n_ends; i++)
        if (t->ends[i] == token)
            return true;
    return false;
}

/* ---- encoding ---------------------------------------------------------------------------------
 */

/* Plain text between special tokens, which are found leftmost first, longest first. */
static hekla_status encode_mixed(const struct tokenizer *t, const char *text, size_t n,
    bool control, struct token_sink *sink, struct hekla_error *err)
{
    size_t plain = 0, at = 0;
    while (at < n) {
        hekla_token token = vocab_match_special(&t->vocab, text + at, n - at, control);
        if (token == NO_TOKEN) {
            at++;
            continue;
        }
        hekla_status status = bpe_encode(t->bpe, text + plain, at - plain, sink, err);
        if (status)
            return status;
        sink_add(sink, token);
        size_t n_token;
        vocab_bytes(&t->vocab, (uint32_t)token, &n_token);
        at += n_token;
        plain = at;
    }
    return bpe_encode(t->bpe, text + plain, n - plain, sink, err);
}

hekla_status tokenizer_encode(const struct tokenizer *t, const char *text, size_t n, uint32_t flags,
    hekla_token *tokens, size_t cap, size_t *count, struct hekla_error *err)
{
    if (n > MAX_TEXT)
        return hekla_fail(err, HEKLA_ARGUMENT, "text of %llu bytes is too long, at most %d at once",
            (ull)n, MAX_TEXT);
    if (!n)
        text = ""; /* may be NULL, to which nothing may be added */
    size_t bad = utf8_check(text, n);
    if (bad < n)
        return hekla_fail(err, HEKLA_ARGUMENT,
            "text is not valid UTF-8: byte 0x%02x at offset %llu", (unsigned char)text[bad],
            (ull)bad);
    struct token_sink sink = {tokens, cap, 0};
    if ((flags & HEKLA_TOKENIZE_BOS) && tokenizer_add_bos(t))
        sink_add(&sink, t->bos);
    bool control = flags & HEKLA_TOKENIZE_SPECIAL;
    hekla_status status;
    if (control || t->vocab.any_user_defined)
        status = encode_mixed(t, text, n, control, &sink, err);
    else
        status = bpe_encode(t->bpe, text, n, &sink, err);
    if (!status)
        *count = sink.count;
    return status;
}

/* ---- decoding ---------------------------------------------------------------------------------
 */

/* The bytes of a token, none for ids that do not exist and, unless `special`, for those which are
 * not text. */
static const char *visible_bytes(
    const struct tokenizer *t, hekla_token token, bool special, size_t *n)
{
    *n = 0;
    if (token < 0 || (uint32_t)token >= t->vocab.n)
        return "";
    uint8_t type = t->vocab.type[token];
    if (!special && (type == TOKEN_CONTROL || type == TOKEN_UNKNOWN || type == TOKEN_UNUSED))
        return "";
    return vocab_bytes(&t->vocab, (uint32_t)token, n);
}

size_t tokenizer_bytes(
    const struct tokenizer *t, hekla_token token, bool special, char *out, size_t cap)
{
    size_t n;
    const char *bytes = visible_bytes(t, token, special, &n);
    size_t copied = n < cap ? n : cap;
    if (copied)
        memcpy(out, bytes, copied);
    return n;
}

size_t tokenizer_stream(const struct tokenizer *t, struct hekla_text_stream *s, hekla_token token,
    bool special, char *out, size_t cap)
{
    static const char replacement[3] = {'\xef', '\xbf', '\xbd'};
    char bytes[sizeof(s->pending) + MAX_TOKEN_BYTES];
    size_t n_token, n = s->n_pending < sizeof(s->pending) ? s->n_pending : 0;
    const char *token_bytes = visible_bytes(t, token, special, &n_token);
    memcpy(bytes, s->pending, n);
    memcpy(bytes + n, token_bytes, n_token);
    n += n_token;
    s->n_pending = 0;
    size_t written = 0;
    for (size_t i = 0; i < n;) {
        uint32_t code;
        int length = utf8_decode(bytes + i, n - i, &code);
        if (length == 0 && token >= 0) {
            s->n_pending = (uint32_t)(n - i); /* at most 3 */
            memcpy(s->pending, bytes + i, n - i);
            break;
        }
        const char *piece = length > 0 ? bytes + i : replacement;
        size_t n_piece = length > 0 ? (size_t)length : sizeof(replacement);
        if (n_piece > cap - written)
            break;
        memcpy(out + written, piece, n_piece);
        written += n_piece;
        i += length == 0 ? n - i : (size_t)abs(length);
    }
    return written;
}
