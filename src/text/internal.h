/* text/ internals. A tokenizer is a vocabulary, special tokens, and one encoder (bpe.c; others
 * get a file and a row in tokenizer.c). */
#ifndef TEXT_INTERNAL_H
#define TEXT_INTERNAL_H

#include "base/utf8.h"
#include "text/tokenizer.h"

typedef unsigned long long ull; /* for %llu */

/* tokenizer.ggml.token_type */
enum token_type {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN,
    TOKEN_CONTROL,
    TOKEN_USER_DEFINED,
    TOKEN_UNUSED,
    TOKEN_BYTE,
};

enum {
    MAX_VOCAB = 1 << 24,
    /* Each byte of a token and of the 3 pending ones may become U+FFFD, of 3 bytes. */
    MAX_TOKEN_BYTES = 640,
    NO_TOKEN = -1,
};
_Static_assert(3 * (MAX_TOKEN_BYTES + 3) <= HEKLA_PIECE_MAX, "a piece always fits");

/* Turns the text of a normal token, as the file spells it, into the bytes it stands for. Writes at
 * most n bytes, at least 1 for n > 0; returns their number. *exact: false if text holds something
 * that the file's spelling does not use. n bytes of valid UTF-8. */
typedef size_t (*token_spelling_fn)(const char *text, size_t n, char *out, bool *exact);

/* Strings of all tokens as bytes, and two ways back: */
struct vocab {
    uint32_t n;
    char *pool;
    uint32_t *begin; /* [n + 1], into pool */
    uint8_t *type;   /* [n], enum token_type */
    uint32_t *slots; /* hash of the tokens that text can become; UINT32_MAX: free */
    uint32_t slot_mask;
    uint32_t max_bytes; /* of the longest in slots */
    uint32_t *specials; /* [n_specials] tokens matched as a whole, sorted by their bytes */
    uint32_t n_specials;
    uint32_t first[257];   /* specials that begin with byte b: first[b]..first[b + 1] */
    bool any_user_defined; /* these are matched even in plain text */
};

hekla_status vocab_read(
    struct vocab *v, const struct gguf *g, token_spelling_fn spelling, struct hekla_error *err);
void vocab_clear(struct vocab *v);

static inline const char *vocab_bytes(const struct vocab *v, uint32_t token, size_t *n)
{
    *n = v->begin[token + 1] - v->begin[token];
    return v->pool + v->begin[token];
}

/* The token of exactly these bytes that plain text can become; NO_TOKEN. */
hekla_token vocab_find(const struct vocab *v, const char *bytes, size_t n);
/* The longest special token at the beginning of text; user-defined ones only unless `control`. */
hekla_token vocab_match_special(const struct vocab *v, const char *text, size_t n, bool control);
/* The special token of exactly this text, or NO_TOKEN. */
hekla_token vocab_find_special(const struct vocab *v, const char *text, size_t n);

/* Counts tokens and stores the first cap of them. */
struct token_sink {
    hekla_token *tokens;
    size_t cap, count;
};

static inline void sink_add(struct token_sink *s, hekla_token token)
{
    if (s->count < s->cap)
        s->tokens[s->count] = token;
    s->count++;
}

/* ---- pre-tokenizers: how text is cut into words --------------------------------------------- */

struct pretokenizer {
    const char *name; /* tokenizer.ggml.pre */
    const char *pattern;
    bool whole_words; /* a word that is a token is taken without looking at the merges */
    bool add_bos;     /* unless the file says otherwise */
};

/* NULL: unknown. */
const struct pretokenizer *pretokenizer_find(struct gguf_string name);
/* Comma-separated names, for error sentences. */
void pretokenizer_names(char *out, size_t cap);

struct splitter; /* a compiled pattern; immutable */
struct splitter *splitter_create(const char *pattern, struct hekla_error *err);
void splitter_destroy(struct splitter *s);
/* Calls word() for each piece of valid UTF-8, in order; stops at its first error. */
hekla_status splitter_run(const struct splitter *s, const char *text, size_t n,
    hekla_status (*word)(void *user, const char *text, size_t n), void *user,
    struct hekla_error *err);

/* ---- byte-level byte-pair encoding ----------------------------------------------------------- */

struct bpe;
hekla_status bpe_create(struct bpe **out, const struct gguf *g, const struct vocab *v,
    bool *add_bos, struct hekla_error *err);
void bpe_destroy(struct bpe *b);
/* Encodes valid UTF-8 without special tokens. */
hekla_status bpe_encode(const struct bpe *b, const char *text, size_t n, struct token_sink *sink,
    struct hekla_error *err);
/* A token_spelling_fn: bytes are written as printable characters. */
size_t bpe_spelling(const char *text, size_t n, char *out, bool *exact);

/* ---- tokenizer ------------------------------------------------------------------------------- */

struct tokenizer {
    struct vocab vocab;
    struct bpe *bpe;
    bool add_bos;
    hekla_token bos, eos, eot;
    hekla_token ends[16]; /* [n_ends] tokens that end an answer */
    uint32_t n_ends;
    char name[256]; /* of the file, for errors */
};

#endif
