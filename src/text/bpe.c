/*
 * Byte-pair encoding by a list of merges ("gpt2", "gemma4"). All work is on bytes and token ids:
 * the file's spelling, in which each byte is a printable character or a space is U+2581, is undone
 * when the vocabulary is read.
 */
#include "text/internal.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_MERGES = 1 << 26, MAY_JOIN_BITS = 22 };

struct merge {
    uint32_t left, right; /* token ids */
    struct joined joined; /* NO_RANK: free slot */
};

struct bpe {
    struct merge_rules rules; /* first: join gets its address */
    const struct pretokenizer *pre;
    struct splitter *splitter;
    token_spelling_fn spelling;
    struct merge *merges; /* hash table, too large for any cache; most questions end before it: */
    uint32_t merge_mask;
    struct joined *byte_pairs; /* [256 * 256] of two bytes; NULL if characters are merged */
    uint64_t *may_join;        /* a bit for each hash of a pair */
};

/* ---- merges -----------------------------------------------------------------------------------
 */

static struct merge *merge_slot(const struct bpe *b, uint32_t left, uint32_t right)
{
    uint32_t slot = (uint32_t)hash_u64((uint64_t)left << 32 | right) & b->merge_mask;
    for (;; slot = (slot + 1) & b->merge_mask) {
        struct merge *m = &b->merges[slot];
        if (m->joined.rank == NO_RANK || (m->left == left && m->right == right))
            return m;
    }
}

static hekla_status fail_merge(const struct gguf *g, uint32_t rank, struct gguf_string text,
    const char *why, struct hekla_error *err)
{
    return hekla_fail(err, HEKLA_FORMAT, "%s: merge %u (\"%s\") %s", gguf_name(g), rank,
        utf8_label(text.data, (size_t)text.n).text, why);
}

/* The token that a merge names; NO_TOKEN with *special if plain text may not become it. */
static hekla_token find_part(const struct bpe *b, const char *bytes, size_t n, bool *special)
{
    hekla_token token = vocab_find(b->rules.vocab, bytes, n);
    if (token == NO_TOKEN && vocab_find_special(b->rules.vocab, bytes, n) != NO_TOKEN)
        *special = true;
    return token;
}

static hekla_status read_merge(struct bpe *b, const struct gguf *g, uint32_t rank,
    struct gguf_string text, struct hekla_error *err)
{
    char bytes[2 * MAX_TOKEN_BYTES * 2];
    const char *space = text.n ? memchr(text.data, ' ', (size_t)text.n) : NULL;
    size_t n = (size_t)text.n, n_left = space ? (size_t)(space - text.data) : 0;
    if (n_left == 0 || n_left + 1 == n || memchr(space + 1, ' ', n - n_left - 1))
        return fail_merge(g, rank, text, "is not two tokens with a space between them", err);
    if (n > sizeof(bytes) || utf8_check(text.data, n) < n)
        return fail_merge(g, rank, text, "is too long or not valid UTF-8", err);
    bool exact_left, exact_right, special = false;
    size_t left_bytes = b->spelling(text.data, n_left, bytes, &exact_left);
    size_t right_bytes = b->spelling(space + 1, n - n_left - 1, bytes + left_bytes, &exact_right);
    hekla_token left = find_part(b, bytes, left_bytes, &special);
    hekla_token right = find_part(b, bytes + left_bytes, right_bytes, &special);
    hekla_token token = find_part(b, bytes, left_bytes + right_bytes, &special);
    if (special)
        return HEKLA_OK; /* never done */
    if (!exact_left || !exact_right || left == NO_TOKEN || right == NO_TOKEN)
        return fail_merge(g, rank, text, "joins what is not in the vocabulary", err);
    if (token == NO_TOKEN)
        return fail_merge(g, rank, text, "makes a token that is not in the vocabulary", err);
    struct merge *m = merge_slot(b, (uint32_t)left, (uint32_t)right);
    if (m->joined.rank == NO_RANK)
        *m = (struct merge){(uint32_t)left, (uint32_t)right, {rank, (uint32_t)token}};
    return HEKLA_OK;
}

static hekla_status read_merges(struct bpe *b, const struct gguf *g, struct hekla_error *err)
{
    const struct gguf_key *merges;
    hekla_status status =
        gguf_get_array(g, "tokenizer.ggml.merges", true, GGUF_STRING, &merges, err);
    if (status)
        return status;
    if (merges->n > MAX_MERGES)
        return hekla_fail(err, HEKLA_UNSUPPORTED, "%s: has %llu merges, at most %d are supported",
            gguf_name(g), (ull)merges->n, MAX_MERGES);
    uint32_t n = (uint32_t)merges->n;
    b->merge_mask = 1;
    while (b->merge_mask < 2 * n)
        b->merge_mask = 2 * b->merge_mask + 1;
    size_t bytes = ((size_t)b->merge_mask + 1) * sizeof(*b->merges);
    b->merges = malloc(bytes);
    if (!b->merges)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its merges", gguf_name(g));
    memset(b->merges, 0xff, bytes);
    for (uint32_t i = 0; i < n && !status; i++)
        status = read_merge(b, g, i, merges->strings[i], err);
    return status;
}

static uint64_t *may_join_word(const struct bpe *b, uint32_t left, uint32_t right, uint64_t *bit)
{
    uint64_t hash = hash_u64((uint64_t)left << 32 | right) >> (64 - MAY_JOIN_BITS);
    *bit = 1ull << (hash & 63);
    return &b->may_join[hash >> 6];
}

static struct joined join(
    const struct merge_rules *r, uint32_t left, uint32_t right, const char *text, size_t n)
{
    const struct bpe *b = (const struct bpe *)r;
    uint64_t bit;
    if (n == 2 && b->byte_pairs)
        return b->byte_pairs[(unsigned char)text[0] << 8 | (unsigned char)text[1]];
    if (!(*may_join_word(b, left, right, &bit) & bit))
        return (struct joined){NO_RANK, 0};
    return merge_slot(b, left, right)->joined;
}

/* What join() asks first, from the merges. */
static hekla_status fill_shortcuts(struct bpe *b, const struct gguf *g, struct hekla_error *err)
{
    b->may_join = calloc((1u << MAY_JOIN_BITS) / 64, sizeof(*b->may_join));
    if (b->rules.by_bytes)
        b->byte_pairs = malloc(256 * 256 * sizeof(*b->byte_pairs));
    if (!b->may_join || (b->rules.by_bytes && !b->byte_pairs))
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its merges", gguf_name(g));
    for (uint32_t i = 0; i <= b->merge_mask; i++) {
        const struct merge *m = &b->merges[i];
        uint64_t bit;
        if (m->joined.rank != NO_RANK)
            *may_join_word(b, m->left, m->right, &bit) |= bit;
    }
    const hekla_token *bytes = b->rules.vocab->byte_token;
    for (uint32_t i = 0; i < 256 * 256 && b->byte_pairs; i++)
        b->byte_pairs[i] =
            bytes[i >> 8] == NO_TOKEN || bytes[i & 255] == NO_TOKEN
                ? (struct joined){NO_RANK, 0}
                : merge_slot(b, (uint32_t)bytes[i >> 8], (uint32_t)bytes[i & 255])->joined;
    return HEKLA_OK;
}

/* ---- creation ---------------------------------------------------------------------------------
 */

static hekla_status find_pretokenizer(
    struct bpe *b, struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    struct gguf_string pre;
    hekla_status status = gguf_get_string(g, "tokenizer.ggml.pre", false, &pre, err);
    if (status)
        return status;
    b->pre = pre.data && pre.n ? pretokenizer_find(pre) : NULL;
    if (b->pre)
        return HEKLA_OK;
    b->pre = pretokenizer_default();
    if (pre.data && pre.n)
        snprintf(t->warning, sizeof(t->warning),
            "the file's pre-tokenizer \"%s\" (tokenizer.ggml.pre) is not known; the default cuts "
            "text into words, and the model may answer worse than it could",
            utf8_label(pre.data, (size_t)pre.n).text);
    else
        snprintf(t->warning, sizeof(t->warning),
            "the file does not name its pre-tokenizer (tokenizer.ggml.pre); the default cuts text "
            "into words, and the model may answer worse than it could");
    return HEKLA_OK;
}

/* Some vocabularies lack bytes that text seldom has: these are left out of it, as the models' own
 * tokenizers do. */
static hekla_status find_byte_tokens(
    const struct bpe *b, struct vocab *v, const struct gguf *g, struct hekla_error *err)
{
    for (int i = 0; i < 256 && b->rules.by_bytes; i++) {
        char byte = (char)i;
        v->byte_token[i] = vocab_find(v, &byte, 1);
        if (v->byte_token[i] == NO_TOKEN && ((i >= ' ' && i < 0x7f) || i == '\n'))
            return hekla_fail(err, HEKLA_FORMAT,
                "%s: the vocabulary has no token for byte 0x%02x, so not all text could be encoded",
                gguf_name(g), i);
    }
    return HEKLA_OK;
}

static hekla_status create_rules(
    struct bpe *b, struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    bool characters = b->pre->flags & PRE_CHARACTERS;
    b->rules = (struct merge_rules){.vocab = &t->vocab, .by_bytes = !characters, .join = join};
    b->spelling = characters ? spelling_of_spaces : spelling_of_bytes;
    hekla_status status = vocab_read(
        &t->vocab, g, &(struct vocab_rules){.spelling = b->spelling, .hex_bytes = characters}, err);
    if (!status)
        status = find_byte_tokens(b, &t->vocab, g, err);
    if (!status)
        status = read_merges(b, g, err);
    if (!status)
        status = fill_shortcuts(b, g, err);
    if (!status && !(b->splitter = splitter_create(b->pre->patterns, err)))
        status = HEKLA_MEMORY;
    if (!status && characters && merge_find_meetings(&b->rules))
        status = hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its tokenizer", gguf_name(g));
    return status;
}

static hekla_status create(struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    struct bpe *b = calloc(1, sizeof(*b));
    if (!b)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its tokenizer", gguf_name(g));
    t->state = b;
    hekla_status status = HEKLA_OK;
    if (t->encoder == &encoder_gemma4)
        b->pre = pretokenizer_find((struct gguf_string){"gemma4", 6});
    else
        status = find_pretokenizer(b, t, g, err);
    if (!status)
        status = create_rules(b, t, g, err);
    if (!status)
        t->add_bos = b->pre->flags & PRE_ADD_BOS;
    return status;
}

static void destroy(void *state)
{
    struct bpe *b = state;
    if (!b)
        return;
    splitter_destroy(b->splitter);
    free(b->merges);
    free(b->byte_pairs);
    free(b->may_join);
    free(b->rules.meetings);
    free(b);
}

/* ---- encoding ---------------------------------------------------------------------------------
 */

struct words {
    const struct bpe *bpe;
    struct encoding *encoding;
};

static bool may_be_token(const struct bpe *b, const char *text, size_t n)
{
    if (n > b->rules.vocab->max_bytes)
        return false;
    return b->pre->flags & PRE_WHOLE_WORDS || (b->pre->flags & PRE_NEWLINE_RUNS && text[0] == '\n');
}

static hekla_status encode_word(void *user, const char *text, size_t n)
{
    struct words *w = user;
    if (may_be_token(w->bpe, text, n)) {
        hekla_token token = vocab_find(w->bpe->rules.vocab, text, n);
        if (token != NO_TOKEN) {
            encoding_add(w->encoding, token);
            return HEKLA_OK;
        }
    }
    return merge_text(w->encoding, &w->bpe->rules, text, n);
}

static hekla_status encode(const void *state, const char *text, size_t n, struct encoding *e)
{
    const struct bpe *b = state;
    if (!b->rules.by_bytes) { /* a U+2581 that is written out is a space, too */
        hekla_status status = encoding_reserve(e, n);
        if (status)
            return status;
        bool exact;
        n = spelling_of_spaces(text, n, e->text, &exact);
        text = e->text;
    }
    return splitter_run(b->splitter, text, n, encode_word, &(struct words){b, e}, e->err);
}

const struct encoder encoder_bpe = {"gpt2", create, NULL, destroy, encode};
const struct encoder encoder_gemma4 = {"gemma4", create, NULL, destroy, encode};
