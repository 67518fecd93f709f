/*
 * SentencePiece's byte-pair encoding ("llama"): two neighbours join if their text together is a
 * token, the highest score first. Spaces are part of words, so text is not cut before merging, and
 * a space is put before it, that words at its beginning are those within.
 */
#include "text/internal.h"

#include <stdlib.h>
#include <string.h>

struct spm {
    struct merge_rules rules; /* first: join gets its address */
    bool space_prefix;
};

/* Higher scores come first, and all of them before NO_RANK. */
static uint32_t rank_of(float score)
{
    uint32_t bits;
    memcpy(&bits, &score, 4);
    return bits & 0x80000000u ? bits : ~bits & 0x7fffffffu;
}

static struct joined join(
    const struct merge_rules *r, uint32_t left, uint32_t right, const char *text, size_t n)
{
    (void)left; /* also characters without a token can be part of one */
    (void)right;
    hekla_token token = n <= r->vocab->max_bytes ? vocab_find(r->vocab, text, n) : NO_TOKEN;
    if (token == NO_TOKEN)
        return (struct joined){NO_RANK, 0};
    return (struct joined){rank_of(r->vocab->scores[token]), (uint32_t)token};
}

static hekla_status create(struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    struct spm *s = calloc(1, sizeof(*s));
    if (!s)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its tokenizer", gguf_name(g));
    t->state = s;
    hekla_status status = vocab_read(&t->vocab, g,
        &(struct vocab_rules){.spelling = spelling_of_spaces, .hex_bytes = true, .scores = true},
        err);
    if (!status)
        status =
            gguf_get_bool(g, "tokenizer.ggml.add_space_prefix", false, true, &s->space_prefix, err);
    s->rules = (struct merge_rules){.vocab = &t->vocab, .join = join};
    if (!status && merge_find_meetings(&s->rules))
        status = hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its tokenizer", gguf_name(g));
    t->space_prefix = s->space_prefix;
    t->add_bos = true;
    t->bos = 1;
    t->eos = 2;
    t->unknown = 0;
    return status;
}

/* Text must have a way to be written: tokens for all bytes, or one for what is unknown. */
static hekla_status check(const struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    for (int i = 0; i < 256; i++)
        if (t->vocab.byte_token[i] == NO_TOKEN && t->unknown == NO_TOKEN)
            return hekla_fail(err, HEKLA_FORMAT,
                "%s: the vocabulary has no token for byte 0x%02x and none for unknown text, so not "
                "all text could be encoded",
                gguf_name(g), i);
    return HEKLA_OK;
}

static void destroy(void *state)
{
    struct spm *s = state;
    if (s)
        free(s->rules.meetings);
    free(s);
}

static hekla_status encode(const void *state, const char *text, size_t n, struct encoding *e)
{
    const struct spm *s = state;
    hekla_status status = encoding_reserve(e, n + 1);
    if (status)
        return status;
    size_t prefix = s->space_prefix;
    bool exact;
    e->text[0] = ' ';
    n = spelling_of_spaces(text, n, e->text + prefix, &exact);
    return merge_text(e, &s->rules, e->text, prefix + n);
}

const struct encoder encoder_spm = {"llama", create, check, destroy, encode};
