/*
 * SentencePiece's unigram model ("t5"): of all ways to write a piece of text as tokens, that with
 * the greatest sum of scores. Before, the file's own map of characters normalises the text, and
 * spaces are made what the file says.
 */
#include "text/internal.h"

#include "base/le.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

struct unigram {
    struct merge_rules rules; /* first: piece gets its address */
    bool space_prefix, merge_spaces;
    double unknown_score;
    uint8_t *map; /* [n_map]: n_nodes words of a trie, then replacements, ended by 0 */
    size_t n_map, n_nodes;
};

/* ---- normalising ------------------------------------------------------------------------------
 * The trie is a double array: child c of a node is at (its base) ^ c and repeats c in its low byte.
 * A word holds: bits 10..30 the base, bit 9 says that it is 8 bits longer, bit 8 that the node
 * ends an entry, whose replacement's offset is then in the word at the base. */

static uint32_t trie_word(const struct unigram *u, uint32_t i)
{
    return i < u->n_nodes ? le_u32(u->map + 4 * (size_t)i) : 0x80000000u; /* no child is this */
}

static uint32_t trie_base(uint32_t word)
{
    return (word >> 10) << ((word & 0x200) >> 6);
}

static bool in_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The longest entry at the beginning of text: sets its replacement; returns its length or 0. */
static size_t find_entry(const struct unigram *u, const char *text, size_t n, const char **to)
{
    size_t length = 0;
    uint32_t i = trie_base(trie_word(u, 0));
    for (size_t at = 0; u->n_nodes && at < n && text[at]; at++) {
        unsigned char c = (unsigned char)text[at];
        i ^= c;
        uint32_t word = trie_word(u, i);
        if ((word & 0x800000ffu) != c)
            break;
        i ^= trie_base(word);
        if (word & 0x100) {
            size_t offset = trie_word(u, i) & 0x7fffffffu;
            if (offset >= u->n_map - 4 * u->n_nodes) /* the last byte is 0: strings end */
                break;
            const char *entry = (const char *)u->map + 4 * u->n_nodes + offset;
            if (in_character(entry[0]) || (at + 1 < n && in_character(text[at + 1])))
                break; /* only in broken files */
            *to = entry;
            length = at + 1;
        }
    }
    return length;
}

struct spaces {
    char *out; /* NULL: only counts */
    size_t n;
    bool in_word, begun;
};

static void put(struct spaces *s, char c)
{
    if (s->out)
        s->out[s->n] = c;
    s->n++;
}

static void put_normal(const struct unigram *u, struct spaces *s, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool space = text[i] == ' ';
        if (space ? !u->merge_spaces
                  : !s->in_word && ((u->space_prefix && !s->begun) || u->merge_spaces))
            put(s, ' ');
        s->in_word = !space;
        s->begun |= !space;
        if (!space)
            put(s, text[i]);
    }
}

static size_t normalise(const struct unigram *u, const char *text, size_t n, char *out)
{
    struct spaces s = {.out = out};
    for (size_t i = 0; i < n;) {
        const char *to = text + i;
        size_t length = find_entry(u, text + i, n - i, &to);
        size_t n_to = length ? strlen(to) : 0;
        uint32_t code;
        if (!length)
            n_to = length = (size_t)utf8_decode(text + i, n - i, &code);
        if (n_to == 3 && !memcmp(to, SPACE_SIGN, 3)) /* one that is written out is a space */
            put_normal(u, &s, " ", 1);
        else
            put_normal(u, &s, to, n_to);
        i += length;
    }
    return s.n;
}

/* ---- the best way -----------------------------------------------------------------------------
 */

/* The best way to a place in the text: its score and the token it ends with. */
struct step {
    double score;
    uint32_t begin;
    hekla_token token;
};

static hekla_status reserve_steps(struct encoding *e, size_t n)
{
    if (n <= e->n_steps)
        return HEKLA_OK;
    size_t room = n < 256 ? 256 : n + n / 2;
    free(e->steps);
    e->steps = calloc(room, sizeof(*e->steps));
    e->n_steps = e->steps ? room : 0;
    return e->steps ? HEKLA_OK
                    : hekla_fail(
                          e->err, HEKLA_MEMORY, "no memory to encode a word of %llu bytes", (ull)n);
}

static void offer(struct step *to, double score, size_t begin, hekla_token token)
{
    if (score > to->score)
        *to = (struct step){score, (uint32_t)begin, token};
}

static size_t char_length(const char *text, size_t n)
{
    uint32_t code;
    return (size_t)utf8_decode(text, n, &code);
}

/* All tokens that begin at a place. */
static void offer_tokens(
    struct encoding *e, const struct unigram *u, const char *text, size_t n, size_t begin)
{
    const struct vocab *v = u->rules.vocab;
    double score = e->steps[begin].score;
    size_t first = char_length(text + begin, n - begin), end = begin + first;
    for (bool whole = true; end <= n && end - begin <= v->max_bytes; whole = false) {
        hekla_token token = vocab_find(v, text + begin, end - begin);
        if (token != NO_TOKEN)
            offer(&e->steps[end],
                score + (v->type[token] == TOKEN_USER_DEFINED ? 0.0 : (double)v->scores[token]),
                begin, token);
        else if (whole)
            offer(&e->steps[end], score + u->unknown_score, begin, e->unknown);
        if (end == n)
            return;
        end += char_length(text + end, n - end);
    }
    if (first > v->max_bytes)
        offer(&e->steps[begin + first], score + u->unknown_score, begin, e->unknown);
}

static hekla_status piece(
    struct encoding *e, const struct merge_rules *r, const char *text, size_t n)
{
    hekla_status status = reserve_steps(e, n + 1);
    if (status)
        return status;
    e->steps[0].score = 0;
    for (size_t i = 1; i <= n; i++)
        e->steps[i].score = -DBL_MAX;
    for (size_t i = 0; i < n; i += char_length(text + i, n - i))
        offer_tokens(e, (const struct unigram *)r, text, n, i);
    /* Back to the beginning, turning the way round on the way */
    size_t next = n;
    for (size_t at = n; at;) {
        size_t begin = e->steps[at].begin;
        e->steps[at].begin = (uint32_t)next;
        next = at;
        at = begin;
    }
    for (size_t at = next;; at = e->steps[at].begin) {
        encoding_add(e, e->steps[at].token);
        if (at == n)
            return HEKLA_OK;
    }
}

static hekla_status encode(const void *state, const char *text, size_t n, struct encoding *e)
{
    const struct unigram *u = state;
    size_t needed = normalise(u, text, n, NULL);
    if (!needed)
        return HEKLA_OK;
    if (needed > INT32_MAX)
        return hekla_fail(e->err, HEKLA_ARGUMENT, "text of %llu bytes is too long", (ull)needed);
    hekla_status status = encoding_reserve(e, needed);
    if (status)
        return status;
    normalise(u, text, n, e->text);
    return merge_text(e, &u->rules, e->text, needed);
}

/* ---- creation ---------------------------------------------------------------------------------
 */

static hekla_status check_map(
    const struct unigram *u, const struct gguf *g, struct hekla_error *err)
{
    const char *texts = (const char *)u->map + 4 * u->n_nodes;
    size_t n = u->n_map - 4 * u->n_nodes;
    if (texts[n - 1] == 0 && utf8_check(texts, n) == n)
        return HEKLA_OK;
    return hekla_fail(err, HEKLA_FORMAT,
        "%s: tokenizer.ggml.precompiled_charsmap does not end with whole strings of UTF-8",
        gguf_name(g));
}

static hekla_status read_map(struct unigram *u, const struct gguf *g, struct hekla_error *err)
{
    static const char key[] = "tokenizer.ggml.precompiled_charsmap";
    const struct gguf_key *map = gguf_find_key(g, key);
    if (!map)
        return HEKLA_OK;
    hekla_status status =
        gguf_get_array(g, key, true, map->item_type == GGUF_I8 ? GGUF_I8 : GGUF_U8, &map, err);
    if (status || !map->n)
        return status;
    uint32_t n_trie = map->n > 4 ? le_u32(map->data) : 0;
    if (map->n < 5 || n_trie % 4 || n_trie >= map->n - 4 || map->n > INT32_MAX)
        return hekla_fail(err, HEKLA_FORMAT,
            "%s: %s has %llu bytes, which its trie of %u bytes does not fit", gguf_name(g), key,
            (ull)map->n, n_trie);
    u->n_map = (size_t)map->n - 4;
    u->n_nodes = n_trie / 4;
    u->map = malloc(u->n_map);
    if (!u->map)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its tokenizer", gguf_name(g));
    memcpy(u->map, map->data + 4, u->n_map);
    return check_map(u, g, err);
}

static void find_unknown_score(struct unigram *u, const struct vocab *v)
{
    float least = FLT_MAX;
    for (uint32_t i = 0; i < v->n; i++)
        if (v->type[i] == TOKEN_NORMAL && v->scores[i] < least)
            least = v->scores[i];
    u->unknown_score = (double)(least - 10);
}

static hekla_status create(struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    struct unigram *u = calloc(1, sizeof(*u));
    if (!u)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its tokenizer", gguf_name(g));
    t->state = u;
    hekla_status status = vocab_read(&t->vocab, g,
        &(struct vocab_rules){.spelling = spelling_of_spaces, .hex_bytes = true, .scores = true},
        err);
    if (!status)
        status = gguf_get_bool(
            g, "tokenizer.ggml.add_space_prefix", false, false, &u->space_prefix, err);
    if (!status)
        status = gguf_get_bool(
            g, "tokenizer.ggml.remove_extra_whitespaces", false, false, &u->merge_spaces, err);
    if (!status)
        status = read_map(u, g, err);
    if (status)
        return status;
    find_unknown_score(u, &t->vocab);
    u->rules = (struct merge_rules){.vocab = &t->vocab, .piece = piece};
    if (merge_find_meetings(&u->rules))
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its tokenizer", gguf_name(g));
    t->space_prefix = u->space_prefix || u->merge_spaces;
    t->add_closing = true;
    t->eos = 1;
    t->unknown = 2;
    return HEKLA_OK;
}

static hekla_status check(const struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    if (t->unknown != NO_TOKEN)
        return HEKLA_OK;
    return hekla_fail(err, HEKLA_FORMAT,
        "%s: the vocabulary has no token for unknown text (tokenizer.ggml.unknown_token_id)",
        gguf_name(g));
}

static void destroy(void *state)
{
    struct unigram *u = state;
    if (!u)
        return;
    free(u->rules.meetings);
    free(u->map);
    free(u);
}

const struct encoder encoder_unigram = {"t5", create, check, destroy, encode};
