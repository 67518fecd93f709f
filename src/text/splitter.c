/* Cuts text into words by a pre-tokenizer's patterns. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/internal.h"

#include <pcre2.h>
#include <stdlib.h>

struct splitter {
    pcre2_match_context *context;
    uint32_t n;
    uint32_t flags[MAX_WORD_PATTERNS];
    pcre2_code *codes[MAX_WORD_PATTERNS]; /* [n] */
};

struct splitter *splitter_create(const struct word_pattern *patterns, struct hekla_error *err)
{
    int code;
    PCRE2_SIZE at;
    struct splitter *s = calloc(1, sizeof(*s));
    if (!s || !(s->context = pcre2_match_context_create(NULL)))
        goto fail;
    /* No pattern backtracks more than its word is long, and words have no greatest length. */
    pcre2_set_match_limit(s->context, UINT32_MAX);
    pcre2_set_depth_limit(s->context, UINT32_MAX);
    pcre2_set_heap_limit(s->context, UINT32_MAX);
    for (; patterns[s->n].pattern; s->n++) {
        s->flags[s->n] = patterns[s->n].flags;
        s->codes[s->n] = pcre2_compile((PCRE2_SPTR)patterns[s->n].pattern, PCRE2_ZERO_TERMINATED,
            PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);
        if (!s->codes[s->n])
            goto fail;
        /* Some systems forbid making code at run time; then matching is slower, that is all. */
        (void)pcre2_jit_compile(s->codes[s->n], PCRE2_JIT_COMPLETE);
    }
    return s;
fail:
    splitter_destroy(s);
    hekla_fail(err, HEKLA_MEMORY, "no memory for the tokenizer's patterns");
    return NULL;
}

void splitter_destroy(struct splitter *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->n; i++)
        pcre2_code_free(s->codes[i]);
    pcre2_match_context_free(s->context);
    free(s);
}

struct cut {
    const struct splitter *splitter;
    pcre2_match_data *match;
    hekla_status (*word)(void *user, const char *text, size_t n);
    void *user;
    struct hekla_error *err;
};

static hekla_status cut_piece(const struct cut *c, uint32_t level, const char *text, size_t n);

/* Groups of three characters, of which the first may be smaller. */
static hekla_status cut_thirds(const struct cut *c, uint32_t level, const char *text, size_t n)
{
    size_t left = 0, begin = 0;
    for (size_t i = 0; i < n; i++)
        left += ((unsigned char)text[i] & 0xc0) != 0x80;
    for (size_t i = 0; i < n; i++) {
        if (((unsigned char)text[i] & 0xc0) == 0x80)
            continue;
        if (left % 3 == 0 && i > begin) {
            hekla_status status = cut_piece(c, level, text + begin, i - begin);
            if (status)
                return status;
            begin = i;
        }
        left--;
    }
    return cut_piece(c, level, text + begin, n - begin);
}

/* The next match from *at on; n: none. */
static hekla_status find_match(
    const struct cut *c, uint32_t level, const char *text, size_t n, size_t *at, size_t *end)
{
    const struct splitter *s = c->splitter;
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(c->match);
    /* The caller checked the UTF-8; each call would do it all again. */
    int found = pcre2_match(
        s->codes[level], (PCRE2_SPTR)text, n, *at, PCRE2_NO_UTF_CHECK, c->match, s->context);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(s->codes[level], (PCRE2_SPTR)text, n, *at,
            PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, c->match, s->context);
    if (found >= 0 && range[1] > range[0]) {
        *at = range[0];
        *end = range[1];
    } else if (found == PCRE2_ERROR_NOMATCH) {
        *at = n;
    } else {
        return hekla_fail(c->err, HEKLA_MEMORY,
            "text could not be cut into words at byte %llu (PCRE2 error %d)", (ull)*at, found);
    }
    return HEKLA_OK;
}

static uint32_t kind_of(unsigned char c)
{
    if (c >= 0x80)
        return PATTERN_WIDE;
    if ((c | 32) >= 'a' && (c | 32) <= 'z')
        return 0;
    if (c <= ' ')
        return c == ' ' ? 0 : c == '\n' || c == '\r' ? PATTERN_NEWLINES : PATTERN_CONTROLS;
    return c >= '0' && c <= '9' ? PATTERN_DIGITS : c == 0x7f ? PATTERN_CONTROLS : PATTERN_SIGNS;
}

/* Whether it is worth a search: in many words of many methods it is not. */
static bool may_match(uint32_t flags, const char *text, size_t n)
{
    if (!(flags & PATTERN_NEEDS))
        return true;
    for (size_t i = 0; i < n; i++)
        if (kind_of((unsigned char)text[i]) & flags)
            return true;
    return false;
}

/* Recursion is as deep as there are patterns. */
static hekla_status cut_piece(const struct cut *c, uint32_t level, const char *text, size_t n)
{
    if (level == c->splitter->n)
        return c->word(c->user, text, n);
    if (!may_match(c->splitter->flags[level], text, n))
        return cut_piece(c, level + 1, text, n);
    size_t begin = 0;
    while (begin < n) {
        size_t at = begin, end = n;
        hekla_status status = find_match(c, level, text, n, &at, &end);
        if (!status && at > begin)
            status = cut_piece(c, level + 1, text + begin, at - begin);
        if (!status && at < n)
            status = c->splitter->flags[level] & PATTERN_THIRDS
                         ? cut_thirds(c, level + 1, text + at, end - at)
                         : cut_piece(c, level + 1, text + at, end - at);
        if (status)
            return status;
        begin = at < n ? end : n;
    }
    return HEKLA_OK;
}

hekla_status splitter_run(const struct splitter *s, const char *text, size_t n,
    hekla_status (*word)(void *user, const char *text, size_t n), void *user,
    struct hekla_error *err)
{
    struct cut c = {s, pcre2_match_data_create(1, NULL), word, user, err};
    if (!c.match)
        return hekla_fail(err, HEKLA_MEMORY, "no memory to cut text into words");
    hekla_status status = cut_piece(&c, 0, text, n);
    pcre2_match_data_free(c.match);
    return status;
}
