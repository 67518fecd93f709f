/*
 * WordPiece ("bert"), of embedding models: text is cleaned, in lower case and without accents, cut
 * at spaces and signs, and each word becomes the longest token that it begins with, then the
 * longest that goes on with it, and so on. A word without such tokens is unknown as a whole.
 */
#include "text/internal.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_WORD = 100 }; /* characters; longer words are unknown, as in the original */

struct wordpiece {
    const struct vocab *vocab;
    bool lowercase, strip_accents;
};

static hekla_status create(struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    struct wordpiece *w = calloc(1, sizeof(*w));
    if (!w)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its tokenizer", gguf_name(g));
    t->state = w;
    w->vocab = &t->vocab;
    hekla_status status =
        vocab_read(&t->vocab, g, &(struct vocab_rules){.spelling = spelling_of_words}, err);
    if (!status)
        status = gguf_get_bool(
            g, "tokenizer.ggml.normalizer.lowercase", false, true, &w->lowercase, err);
    if (!status)
        status = gguf_get_bool(g, "tokenizer.ggml.normalizer.strip_accents", false, w->lowercase,
            &w->strip_accents, err);
    t->space_prefix = true;
    t->closes_signs = true;
    t->add_bos = t->add_closing = true;
    t->bos = 101;
    t->unknown = 100;
    t->closing = 102;
    return status;
}

static hekla_status check(const struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    if (t->unknown != NO_TOKEN)
        return HEKLA_OK;
    return hekla_fail(err, HEKLA_FORMAT,
        "%s: the vocabulary has no token for unknown words (tokenizer.ggml.unknown_token_id)",
        gguf_name(g));
}

/* ---- words ------------------------------------------------------------------------------------
 */

struct word {
    const struct wordpiece *wordpiece;
    struct encoding *encoding;
    size_t n, n_chars;
    char text[1 + 4 * MAX_WORD]; /* [n], a space in front */
};

/* The longest token at the beginning of text; *length: its bytes. */
static hekla_token longest(const struct vocab *v, const char *text, size_t n, size_t *length)
{
    size_t least = text[0] == ' ' ? 2 : 1;
    for (size_t i = n < v->max_bytes ? n : v->max_bytes; i >= least; i--) {
        if (i < n && ((unsigned char)text[i] & 0xc0) == 0x80)
            continue;
        hekla_token token = vocab_find(v, text, i);
        *length = i;
        if (token != NO_TOKEN)
            return token;
    }
    return NO_TOKEN;
}

static void end_word(struct word *w)
{
    hekla_token tokens[4 * MAX_WORD + 1];
    size_t count = 0, length = 0;
    if (!w->n_chars)
        return;
    for (size_t at = 0; at < w->n; at += length) {
        hekla_token token = NO_TOKEN;
        if (w->n_chars <= MAX_WORD)
            token = longest(w->wordpiece->vocab, w->text + at, w->n - at, &length);
        if (token == NO_TOKEN) {
            tokens[0] = w->encoding->unknown;
            count = 1;
            break;
        }
        tokens[count++] = token;
    }
    for (size_t i = 0; i < count; i++) {
        encoding_add(w->encoding, tokens[i]);
        w->encoding->last = NO_TOKEN; /* unknown words are counted one by one */
    }
    w->n = 1;
    w->n_chars = 0;
}

static void add_char(struct word *w, uint32_t code)
{
    if (++w->n_chars <= MAX_WORD)
        w->n += utf8_encode(code, w->text + w->n);
}

/* As the model's own implementation has them, an odd gap included */
static bool is_ideograph(uint32_t c)
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
           (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
           (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

static bool is_sign(uint32_t c)
{
    if (c < 0x80)
        return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') &&
               !((c | 32) >= 'a' && (c | 32) <= 'z');
    return unicode_is_punctuation(c);
}

/* A character of the cleaned text. */
static void take_char(struct word *w, uint32_t code)
{
    const struct wordpiece *rules = w->wordpiece;
    if (rules->strip_accents && code >= 0x80 && unicode_is_nonspacing(code))
        return;
    bool alone = is_sign(code) || is_ideograph(code);
    if (alone)
        end_word(w);
    if (rules->lowercase && code == 0x130) { /* the only capital of two small characters */
        add_char(w, 'i');
        code = 0x307;
    } else if (rules->lowercase) {
        code = code >= 'A' && code <= 'Z' ? code | 32 : code < 0x80 ? code : unicode_lower(code);
    }
    add_char(w, code);
    if (alone)
        end_word(w);
}

static void take(struct word *w, uint32_t code)
{
    bool space = code == ' ' || code == '\t' || code == '\n' || code == '\r';
    bool ascii = code >= ' ' && code < 0x7f;
    if (!space && !ascii && (code == 0xfffd || unicode_is_control(code)))
        return;
    if (space || (code >= 0x80 && utf8_is_space(code))) {
        end_word(w);
        return;
    }
    uint32_t base[3] = {code};
    int n = w->wordpiece->strip_accents && code >= 0x80 ? unicode_base(code, base) : 1;
    for (int i = 0; i < n; i++)
        take_char(w, base[i]);
}

static hekla_status encode(const void *state, const char *text, size_t n, struct encoding *e)
{
    struct word w = {.wordpiece = state, .encoding = e, .n = 1};
    w.text[0] = ' ';
    for (size_t i = 0; i < n;) {
        uint32_t code;
        i += (size_t)utf8_decode(text + i, n - i, &code);
        take(&w, code);
    }
    end_word(&w);
    return HEKLA_OK;
}

const struct encoder encoder_wordpiece = {"bert", create, check, free, encode};
