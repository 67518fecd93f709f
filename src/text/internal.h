/* text/ internals. A tokenizer is a vocabulary, special tokens, and one encoder: bpe.c, spm.c,
 * wordpiece.c, unigram.c, a row each in tokenizer.c. */
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

/* ---- vocabulary ------------------------------------------------------------------------------ */

/* Turns the text of a normal token, as the file spells it, into the bytes it stands for. Writes at
 * most n bytes, at least 1 for n > 0; returns their number. *exact: false if text holds something
 * that the file's spelling does not use. n bytes of valid UTF-8. */
typedef size_t (*token_spelling_fn)(const char *text, size_t n, char *out, bool *exact);

struct vocab_rules {
    token_spelling_fn spelling;
    bool hex_bytes; /* tokens of type byte are spelled <0x41> and only stand in for characters */
    bool scores;    /* tokenizer.ggml.scores is read, and must be there */
};

/* Strings of all tokens as bytes, and two ways back: */
struct vocab {
    uint32_t n;
    char *pool;
    uint32_t *begin; /* [n + 1], into pool */
    uint8_t *type;   /* [n], enum token_type */
    float *scores;   /* [n], NULL if the rules do not ask for them */
    uint32_t *slots; /* hash of the tokens that text can become; UINT32_MAX: free */
    uint32_t slot_mask;
    uint32_t max_bytes;          /* of the longest in slots */
    hekla_token byte_token[256]; /* NO_TOKEN: none */
    uint32_t *specials;          /* [n_specials] tokens matched as a whole, sorted by their bytes */
    uint32_t n_specials;
    uint32_t first[257];   /* specials that begin with byte b: first[b]..first[b + 1] */
    bool any_user_defined; /* these are matched even in plain text */
};

hekla_status vocab_read(struct vocab *v, const struct gguf *g, const struct vocab_rules *rules,
    struct hekla_error *err);
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

/* Spellings. SentencePiece: U+2581 stands for a space. WordPiece: so it does, but only in front. */
size_t spelling_of_bytes(const char *text, size_t n, char *out, bool *exact);
size_t spelling_of_spaces(const char *text, size_t n, char *out, bool *exact);
size_t spelling_of_words(const char *text, size_t n, char *out, bool *exact);

#define SPACE_SIGN "\xe2\x96\x81" /* U+2581 */

/* ---- one call of tokenizer_encode ------------------------------------------------------------ */

/* Counts tokens and stores the first cap of them. */
struct token_sink {
    hekla_token *tokens;
    size_t cap, count;
};

struct node;
struct memo;
struct step;

struct encoding {
    struct token_sink sink;
    struct hekla_error *err;
    hekla_token unknown; /* stands for what no token has; NO_TOKEN */
    hekla_token last;    /* added to the sink */
    /* Room of merge.c, kept from word to word */
    struct node *nodes; /* [cap] */
    uint64_t *heap;     /* [2 * cap] rank << 32 | index: lowest rank first, then leftmost */
    size_t n_heap, cap;
    struct memo *memo;  /* tokens of words seen before; NULL: not worth it */
    struct step *steps; /* [n_steps], room of unigram.c */
    size_t n_steps;
    /* Room for text in another form, kept from piece to piece */
    char *text; /* [n_text] */
    size_t n_text;
};

/* e is zero but for sink, err and unknown; for n bytes of text. */
void encoding_begin(struct encoding *e, size_t n);
void encoding_clear(struct encoding *e);
/* Adds a token; a run of unknown ones counts as one. */
void encoding_add(struct encoding *e, hekla_token token);
/* Makes e->text hold n bytes. */
hekla_status encoding_reserve(struct encoding *e, size_t n);

/* ---- merging (merge.c) ----------------------------------------------------------------------- */

#define NO_RANK UINT32_MAX
#define NO_UNIT (UINT32_MAX - 1) /* the token of a character that has none */

/* What two neighbours become when they join, and how soon: the lowest rank first. */
struct joined {
    uint32_t rank, token; /* NO_RANK: they do not join */
};

struct merge_rules {
    const struct vocab *vocab;
    bool by_bytes; /* merging begins with bytes, not with characters */
    /* left and right are tokens or NO_UNIT; text[n] is that of both. */
    struct joined (*join)(
        const struct merge_rules *r, uint32_t left, uint32_t right, const char *text, size_t n);
    /* Adds the tokens of a piece in another way than by joining; NULL: by joining. */
    hekla_status (*piece)(
        struct encoding *e, const struct merge_rules *r, const char *text, size_t n);
    /* In long pieces: which characters ever meet in a token; NULL: pieces are short. */
    uint64_t *meetings;
};

/* Fills r->meetings. */
hekla_status merge_find_meetings(struct merge_rules *r);
/* Adds the tokens of a piece of text. */
hekla_status merge_text(
    struct encoding *e, const struct merge_rules *r, const char *text, size_t n);

/* ---- pre-tokenizers: how text is cut into words ---------------------------------------------- */

enum { MAX_WORD_PATTERNS = 8 };

enum {
    PATTERN_THIRDS = 1, /* what matches is cut again, in threes from the right */
    /* A piece that has none of these need not be searched: */
    PATTERN_DIGITS = 2, /* of ASCII, as the others */
    PATTERN_NEWLINES = 4,
    PATTERN_SIGNS = 8,
    PATTERN_CONTROLS = 16, /* other than \r and \n */
    PATTERN_WIDE = 32,     /* anything beyond ASCII */
    PATTERN_NEEDS = 62,
};

struct word_pattern {
    const char *pattern; /* NULL: the end of the list */
    uint32_t flags;
};

enum {
    PRE_WHOLE_WORDS = 1,  /* a word that is a token is taken without looking at the merges */
    PRE_ADD_BOS = 2,      /* unless the file says otherwise */
    PRE_CHARACTERS = 4,   /* merges are of characters, spaces are U+2581, bytes are <0x41> */
    PRE_NEWLINE_RUNS = 8, /* as with whole words, for runs of newlines alone */
};

struct pretokenizer {
    const char *name; /* tokenizer.ggml.pre */
    const struct word_pattern *patterns;
    uint32_t flags;
};

/* NULL: unknown. */
const struct pretokenizer *pretokenizer_find(struct gguf_string name);
const struct pretokenizer *pretokenizer_default(void);

struct splitter; /* compiled patterns; immutable */
struct splitter *splitter_create(const struct word_pattern *patterns, struct hekla_error *err);
void splitter_destroy(struct splitter *s);
/* Calls word() for each piece of valid UTF-8, in order; stops at its first error. */
hekla_status splitter_run(const struct splitter *s, const char *text, size_t n,
    hekla_status (*word)(void *user, const char *text, size_t n), void *user,
    struct hekla_error *err);

/* ---- tokenizer ------------------------------------------------------------------------------- */

struct encoder {
    const char *model; /* tokenizer.ggml.model */
    /* Reads t->vocab, sets t->state and the defaults of what the file may say (ids, add_bos). */
    hekla_status (*create)(struct tokenizer *t, const struct gguf *g, struct hekla_error *err);
    /* Once the ids are read: whether all text can be encoded. NULL: it can. */
    hekla_status (*check)(const struct tokenizer *t, const struct gguf *g, struct hekla_error *err);
    void (*destroy)(void *state); /* NULL is allowed */
    /* n > 0 bytes of valid UTF-8, all between two special tokens or the ends of a text. */
    hekla_status (*encode)(const void *state, const char *text, size_t n, struct encoding *e);
};

extern const struct encoder encoder_bpe, encoder_gemma4, encoder_spm, encoder_wordpiece,
    encoder_unigram;

struct tokenizer {
    struct vocab vocab;
    const struct encoder *encoder;
    void *state;
    bool add_bos, add_closing;
    bool space_prefix;  /* a space is put before text, and taken away again */
    bool closes_signs;  /* no space before . , ! ? when words are put together */
    bool strips_right;  /* white space after special tokens belongs to them (Phi-3) */
    hekla_token lstrip; /* the one before which it does; NO_TOKEN */
    hekla_token bos, eos, eot, unknown; /* NO_TOKEN: none */
    hekla_token closing;                /* put after text if add_closing */
    hekla_token ends[32];               /* [n_ends] tokens that end an answer */
    uint32_t n_ends;
    char name[256]; /* of the file, for errors */
    char warning[300];
};

/* Reads special ids and flags (ids.c). */
hekla_status tokenizer_read_ids(struct tokenizer *t, const struct gguf *g, struct hekla_error *err);

#endif
