/* Penalties for what the text has said already: by token (shaders/penalize.comp), and DRY, by
 * repeated sequences (https://github.com/oobabooga/text-generation-webui/pull/5677). */
#include "sample/internal.h"

void sampler_penalise(struct sampler *s, const hekla_token *history, uint32_t n)
{
    const struct hekla_sampling *p = &s->chain.p;
    uint32_t last = n < p->penalty_last_n ? n : p->penalty_last_n;
    float inverse = 1.0f / p->repeat_penalty;
    for (uint32_t i = n - last; i < n; i++)
        s->counts[history[i]]++;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t count = s->counts[s->ids[i]];
        float v = s->scores[i];
        if (!count)
            continue;
        v = v * (v > 0.0f ? inverse : p->repeat_penalty);
        float down = (float)count * p->frequency_penalty;
        s->scores[i] = exact_sanitize(v - (down + p->presence_penalty));
    }
    for (uint32_t i = n - last; i < n; i++)
        s->counts[history[i]] = 0;
}

enum { MOST_BREAKER = 64, TOKEN_BYTES = 2048 };

/* The end of the last sequence breaker in text that ends behind `from`; 0: none does. */
static size_t find_breaker(const struct hekla_sampling *p, const char *text, size_t n, size_t from)
{
    for (size_t end = n; end > from; end--)
        for (size_t b = 0; b < p->n_dry_breakers; b++) {
            size_t length = strlen(p->dry_breakers[b]);
            if (length <= end && memcmp(text + end - length, p->dry_breakers[b], length) == 0)
                return end;
        }
    return 0;
}

static size_t token_bytes(const struct sampler *s, hekla_token token, char out[TOKEN_BYTES])
{
    size_t n = s->vocab.bytes(s->vocab.user, token, out, TOKEN_BYTES);
    return n < TOKEN_BYTES ? n : TOKEN_BYTES;
}

/* How many of the newest tokens [last] come after the last sequence breaker. */
static uint32_t since_breaker(struct sampler *s, const hekla_token *newest, uint32_t last)
{
    char text[MOST_BREAKER + TOKEN_BYTES], piece[TOKEN_BYTES];
    for (uint32_t i = last; i-- > 0;) {
        /* The token's bytes, behind as many of what comes before as a breaker can have. */
        size_t before = 0;
        for (uint32_t k = i; k-- > 0 && before < MOST_BREAKER;) {
            size_t n = token_bytes(s, newest[k], piece);
            size_t take = n < MOST_BREAKER - before ? n : MOST_BREAKER - before;
            memcpy(text + MOST_BREAKER - before - take, piece + n - take, take);
            before += take;
        }
        size_t n = token_bytes(s, newest[i], text + MOST_BREAKER);
        if (find_breaker(&s->chain.p, text + MOST_BREAKER - before, before + n, before))
            return last - 1 - i;
    }
    return last;
}

/* z[i]: how many tokens before the i-th newest are as those before the end (the Z algorithm on the
 * reversed list; z[0] is not set). */
static void match_end(const hekla_token *newest, uint32_t last, uint32_t *z)
{
    uint32_t left = 0, right = 0;
    for (uint32_t i = 1; i < last; i++) {
        uint32_t k = 0;
        if (i < right)
            k = z[i - left] < right - i ? z[i - left] : right - i;
        while (i + k < last && newest[last - 1 - k] == newest[last - 1 - i - k])
            k++;
        z[i] = k;
        if (i + k > right) {
            left = i;
            right = i + k;
        }
    }
}

static bool holds_breaker(struct sampler *s, hekla_token token)
{
    char piece[TOKEN_BYTES];
    return find_breaker(&s->chain.p, piece, token_bytes(s, token, piece), 0) > 0;
}

static float dry_penalty(const struct hekla_sampling *p, uint32_t length)
{
    float penalty = p->dry_multiplier;
    for (uint32_t i = p->dry_allowed_length; i < length && penalty < 1e12f; i++)
        penalty = penalty * p->dry_base;
    return penalty;
}

void sampler_dry(struct sampler *s, const hekla_token *history, uint32_t n)
{
    const struct hekla_sampling *p = &s->chain.p;
    uint32_t last = n < p->dry_last_n ? n : p->dry_last_n;
    const hekla_token *newest = history + (n - last);
    if (last <= p->dry_allowed_length)
        return;
    uint32_t limit = since_breaker(s, newest, last);
    if (limit < p->dry_allowed_length)
        return;
    match_end(newest, last, s->repeats);
    /* counts: the longest sequence that a token would go on with */
    for (uint32_t i = 1; i < last; i++) {
        uint32_t length = s->repeats[i] < limit ? s->repeats[i] : limit;
        hekla_token next = newest[last - i];
        if (length >= p->dry_allowed_length && length > s->counts[next])
            s->counts[next] = length;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t length = s->counts[s->ids[i]];
        if (length && !holds_breaker(s, (hekla_token)s->ids[i]))
            s->scores[i] = exact_sanitize(s->scores[i] - dry_penalty(p, length));
    }
    for (uint32_t i = 0; i < last; i++)
        s->counts[newest[i]] = 0;
}
