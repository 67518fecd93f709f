#include "text/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = INT32_MAX }; /* positions in a word are 32 bits */

static const struct encoder *const encoders[] = {
    &encoder_bpe, &encoder_gemma4, &encoder_spm, &encoder_wordpiece, &encoder_unigram};
enum { N_ENCODERS = sizeof(encoders) / sizeof(encoders[0]) };

static hekla_status find_encoder(struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    struct gguf_string model;
    char names[100] = "";
    hekla_status status = gguf_get_string(g, "tokenizer.ggml.model", true, &model, err);
    if (status)
        return status;
    for (size_t i = 0, n = 0; i < N_ENCODERS; i++) {
        if (gguf_string_is(model, encoders[i]->model)) {
            t->encoder = encoders[i];
            return HEKLA_OK;
        }
        n += (size_t)snprintf(
            names + n, sizeof(names) - n, "%s%s", i ? ", " : "", encoders[i]->model);
    }
    return hekla_fail(err, HEKLA_UNSUPPORTED,
        "%s: tokenizer \"%s\" (tokenizer.ggml.model) is not supported, expected one of %s",
        gguf_name(g), utf8_label(model.data, (size_t)model.n).text, names);
}

hekla_status tokenizer_create(struct tokenizer **out, const struct gguf *g, struct hekla_error *err)
{
    struct tokenizer *t = calloc(1, sizeof(*t));
    if (!t)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its tokenizer", gguf_name(g));
    snprintf(t->name, sizeof(t->name), "%s", gguf_name(g));
    t->bos = t->eos = t->unknown = t->closing = NO_TOKEN;
    hekla_status status = find_encoder(t, g, err);
    if (!status)
        status = t->encoder->create(t, g, err);
    if (!status)
        status = tokenizer_read_ids(t, g, err);
    if (!status && t->encoder->check)
        status = t->encoder->check(t, g, err);
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
    if (t->encoder)
        t->encoder->destroy(t->state);
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

const char *tokenizer_warning(const struct tokenizer *t)
{
    return t->warning[0] ? t->warning : NULL;
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

static bool is_ascii_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Phi-3's own tokenizer has white space after special tokens belong to them, but for these. */
static bool strips_right(const struct tokenizer *t, hekla_token token)
{
    static const char *const kept[] = {"<unk>", "<s>", "<|endoftext|>"};
    size_t n;
    const char *bytes = vocab_bytes(&t->vocab, (uint32_t)token, &n);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (n == strlen(kept[i]) && !memcmp(bytes, kept[i], n))
            return false;
    return t->strips_right;
}

static hekla_status encode_plain(
    const struct tokenizer *t, const char *text, size_t begin, size_t end, struct encoding *e)
{
    return begin == end ? HEKLA_OK : t->encoder->encode(t->state, text + begin, end - begin, e);
}

/* Plain text between special tokens, which are found leftmost first, longest first. */
static hekla_status encode_mixed(
    const struct tokenizer *t, const char *text, size_t n, bool control, struct encoding *e)
{
    size_t plain = 0, at = 0;
    while (at < n) {
        hekla_token token = vocab_match_special(&t->vocab, text + at, n - at, control);
        if (token == NO_TOKEN) {
            at++;
            continue;
        }
        size_t end = at, n_token;
        while (token == t->lstrip && end > plain && is_ascii_space(text[end - 1]))
            end--;
        hekla_status status = encode_plain(t, text, plain, end, e);
        if (status)
            return status;
        e->last = NO_TOKEN;
        encoding_add(e, token);
        e->last = NO_TOKEN;
        vocab_bytes(&t->vocab, (uint32_t)token, &n_token);
        at += n_token;
        while (at < n && is_ascii_space(text[at]) && strips_right(t, token))
            at++;
        plain = at;
    }
    return encode_plain(t, text, plain, n, e);
}

static hekla_status check_text(const char *text, size_t n, struct hekla_error *err)
{
    if (n > MAX_TEXT)
        return hekla_fail(err, HEKLA_ARGUMENT, "text of %llu bytes is too long, at most %d at once",
            (ull)n, MAX_TEXT);
    size_t bad = utf8_check(text, n);
    if (bad < n)
        return hekla_fail(err, HEKLA_ARGUMENT,
            "text is not valid UTF-8: byte 0x%02x at offset %llu", (unsigned char)text[bad],
            (ull)bad);
    return HEKLA_OK;
}

hekla_status tokenizer_encode(const struct tokenizer *t, const char *text, size_t n, uint32_t flags,
    hekla_token *tokens, size_t cap, size_t *count, struct hekla_error *err)
{
    if (!n)
        text = ""; /* may be NULL, to which nothing may be added */
    hekla_status status = check_text(text, n, err);
    if (status)
        return status;
    struct encoding e = {.sink = {tokens, cap, 0}, .err = err, .unknown = t->unknown};
    encoding_begin(&e, n);
    if ((flags & HEKLA_TOKENIZE_BOS) && tokenizer_add_bos(t))
        encoding_add(&e, t->bos);
    e.last = NO_TOKEN;
    bool control = flags & HEKLA_TOKENIZE_SPECIAL;
    if (control || t->vocab.any_user_defined)
        status = encode_mixed(t, text, n, control, &e);
    else
        status = encode_plain(t, text, 0, n, &e);
    if ((flags & HEKLA_TOKENIZE_BOS) && t->add_closing && t->closing != NO_TOKEN) {
        e.last = NO_TOKEN;
        encoding_add(&e, t->closing);
    }
    encoding_clear(&e);
    if (!status)
        *count = e.sink.count;
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

/* Takes away the space that stands between words in the file but not in the text: in front of the
 * first word, or after a special token; and, where words are all there is, before a sign. */
static void drop_space(const struct tokenizer *t, struct hekla_text_stream *s, hekla_token token,
    const char **bytes, size_t *n)
{
    if (token < 0 || (uint32_t)token >= t->vocab.n)
        return;
    uint8_t type = t->vocab.type[token];
    bool special = type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED || type == TOKEN_UNKNOWN;
    bool sign = t->closes_signs && *n == 2 && memchr(".,!?", (*bytes)[1], 4);
    if (!special && *n && (*bytes)[0] == ' ' && ((t->space_prefix && !s->inside) || sign)) {
        ++*bytes;
        --*n;
    }
    if (special && !t->closes_signs)
        s->inside = false;
    else if (!special || *n)
        s->inside = true;
}

size_t tokenizer_stream(const struct tokenizer *t, struct hekla_text_stream *s, hekla_token token,
    bool special, char *out, size_t cap)
{
    static const char replacement[3] = {'\xef', '\xbf', '\xbd'};
    char bytes[sizeof(s->pending) + MAX_TOKEN_BYTES];
    size_t n_token, n = s->n_pending < sizeof(s->pending) ? s->n_pending : 0;
    const char *token_bytes = visible_bytes(t, token, special, &n_token);
    drop_space(t, s, token, &token_bytes, &n_token);
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
