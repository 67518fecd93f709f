/* The vocabulary: token strings as bytes, and finding tokens by their bytes. */
#include "text/internal.h"

#include "base/hash.h"
#include "base/le.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void vocab_clear(struct vocab *v)
{
    free(v->pool);
    free(v->begin);
    free(v->type);
    free(v->scores);
    free(v->slots);
    free(v->specials);
    *v = (struct vocab){0};
}

static bool is_special(uint8_t type)
{
    return type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED || type == TOKEN_UNKNOWN;
}

/* Whether encoding plain text may give this token. */
static bool is_plain(uint8_t type, const struct vocab_rules *rules)
{
    return type == TOKEN_NORMAL || type == TOKEN_USER_DEFINED ||
           (type == TOKEN_BYTE && !rules->hex_bytes);
}

/* ---- spellings --------------------------------------------------------------------------------
 */

/* The byte that a character stands for, -1 if none: printable Latin-1 stands for itself, the other
 * 68 bytes are U+0100.. in order. */
static int byte_of(uint32_t code)
{
    static const struct {
        uint16_t first, last, byte;
    } ranges[] = {
        {0x21, 0x7e, 0x21},
        {0xa1, 0xac, 0xa1},
        {0xae, 0xff, 0xae}, /* themselves */
        {0x100, 0x120, 0x00},
        {0x121, 0x142, 0x7f},
        {0x143, 0x143, 0xad},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return (int)(code - ranges[i].first + ranges[i].byte);
    return -1;
}

size_t spelling_of_bytes(const char *text, size_t n, char *out, bool *exact)
{
    size_t n_out = 0;
    *exact = true;
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        int length = utf8_decode(text + i, n - i, &code);
        int byte = byte_of(code);
        if (byte >= 0) {
            out[n_out++] = (char)byte;
        } else {
            *exact = false;
            memcpy(out + n_out, text + i, (size_t)length);
            n_out += (size_t)length;
        }
        i += (size_t)length;
    }
    return n_out;
}

static bool is_space_sign(const char *text, size_t n)
{
    return n >= 3 && !memcmp(text, SPACE_SIGN, 3);
}

size_t spelling_of_spaces(const char *text, size_t n, char *out, bool *exact)
{
    size_t n_out = 0;
    *exact = !memchr(text, ' ', n);
    for (size_t i = 0; i < n;) {
        bool space = is_space_sign(text + i, n - i);
        out[n_out++] = space ? ' ' : text[i];
        i += space ? 3 : 1;
    }
    return n_out;
}

size_t spelling_of_words(const char *text, size_t n, char *out, bool *exact)
{
    *exact = !memchr(text, ' ', n);
    if (!is_space_sign(text, n)) {
        memcpy(out, text, n);
        return n;
    }
    out[0] = ' ';
    memcpy(out + 1, text + 3, n - 3);
    return n - 2;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEFabcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return !at ? -1 : at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

/* The byte of <0x41>, -1: another text. */
static int hex_byte(struct gguf_string text)
{
    if (text.n != 6 || memcmp(text.data, "<0x", 3) || text.data[5] != '>')
        return -1;
    int high = hex_digit(text.data[3]), low = hex_digit(text.data[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

/* ---- the file's arrays ------------------------------------------------------------------------
 */

static hekla_status read_types(struct vocab *v, const struct gguf *g, struct hekla_error *err)
{
    const struct gguf_key *types;
    hekla_status status =
        gguf_get_array(g, "tokenizer.ggml.token_type", false, GGUF_I32, &types, err);
    if (status)
        return status;
    if (!types) {
        memset(v->type, TOKEN_NORMAL, v->n);
        return HEKLA_OK;
    }
    if (types->n != v->n)
        return hekla_fail(err, HEKLA_FORMAT,
            "%s: tokenizer.ggml.token_type has %llu entries, expected %u as there are tokens",
            gguf_name(g), (ull)types->n, v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        uint32_t type = le_u32(types->data + 4 * (size_t)i);
        if (type < TOKEN_NORMAL || type > TOKEN_BYTE)
            return hekla_fail(err, HEKLA_FORMAT, "%s: token %u has type %d, expected 1..6",
                gguf_name(g), i, (int32_t)type);
        v->type[i] = (uint8_t)type;
    }
    return HEKLA_OK;
}

static hekla_status check_token(const struct gguf *g, uint32_t i, struct gguf_string text,
    size_t n_bytes, struct hekla_error *err)
{
    size_t bad = utf8_check(text.data, (size_t)text.n);
    if (bad < text.n)
        return hekla_fail(err, HEKLA_FORMAT, "%s: token %u is not valid UTF-8 (byte %llu)",
            gguf_name(g), i, (ull)bad);
    if (n_bytes > MAX_TOKEN_BYTES)
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: token %u is %llu bytes long, at most %d are supported", gguf_name(g), i,
            (ull)n_bytes, MAX_TOKEN_BYTES);
    return HEKLA_OK;
}

/* Fills pool and begin. exact[i] tells whether a normal token's text follows the spelling. */
static hekla_status read_strings(struct vocab *v, const struct gguf *g,
    const struct gguf_key *tokens, const struct vocab_rules *rules, bool *exact,
    struct hekla_error *err)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        struct gguf_string text = tokens->strings[i];
        size_t n = (size_t)text.n;
        char *out = v->pool + used;
        hekla_status status = check_token(g, i, text, 0, err);
        if (status)
            return status;
        exact[i] = true;
        if (v->type[i] == TOKEN_BYTE && rules->hex_bytes) {
            int byte = hex_byte(text);
            if (byte < 0)
                return hekla_fail(err, HEKLA_FORMAT,
                    "%s: token %u stands for a byte and is \"%s\", expected such as <0x41>",
                    gguf_name(g), i, utf8_label(text.data, n).text);
            if (v->byte_token[byte] == NO_TOKEN)
                v->byte_token[byte] = (hekla_token)i;
            out[0] = (char)byte;
            n = 1;
        } else if (is_special(v->type[i]) && n &&
                   !(rules->hex_bytes && v->type[i] == TOKEN_USER_DEFINED)) {
            memcpy(out, text.data, n);
        } else if (n) {
            n = rules->spelling(text.data, n, out, &exact[i]);
        }
        if ((status = check_token(g, i, text, n, err)))
            return status;
        v->begin[i] = used;
        used += (uint32_t)n;
    }
    v->begin[v->n] = used;
    return HEKLA_OK;
}

static hekla_status read_scores(struct vocab *v, const struct gguf *g, struct hekla_error *err)
{
    const struct gguf_key *scores;
    hekla_status status = gguf_get_array(g, "tokenizer.ggml.scores", true, GGUF_F32, &scores, err);
    if (status)
        return status;
    if (scores->n != v->n)
        return hekla_fail(err, HEKLA_FORMAT,
            "%s: tokenizer.ggml.scores has %llu entries, expected %u as there are tokens",
            gguf_name(g), (ull)scores->n, v->n);
    v->scores = malloc((size_t)v->n * sizeof(*v->scores));
    if (!v->scores)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its vocabulary", gguf_name(g));
    for (uint32_t i = 0; i < v->n; i++) {
        uint32_t bits = le_u32(scores->data + 4 * (size_t)i);
        memcpy(&v->scores[i], &bits, 4);
        if (!isfinite(v->scores[i]))
            return hekla_fail(err, HEKLA_FORMAT,
                "%s: token %u has a score that is not a finite number", gguf_name(g), i);
    }
    return HEKLA_OK;
}

static void fill_slots(struct vocab *v, const bool *exact, const struct vocab_rules *rules)
{
    memset(v->slots, 0xff, ((size_t)v->slot_mask + 1) * sizeof(*v->slots));
    for (uint32_t i = 0; i < v->n; i++) {
        size_t n;
        const char *bytes = vocab_bytes(v, i, &n);
        if (!n || !exact[i] || !is_plain(v->type[i], rules) || vocab_find(v, bytes, n) != NO_TOKEN)
            continue;
        uint32_t slot = (uint32_t)hash_bytes(bytes, n) & v->slot_mask;
        while (v->slots[slot] != UINT32_MAX)
            slot = (slot + 1) & v->slot_mask;
        v->slots[slot] = i;
        if (n > v->max_bytes)
            v->max_bytes = (uint32_t)n;
    }
}

hekla_token vocab_find(const struct vocab *v, const char *bytes, size_t n)
{
    for (uint32_t slot = (uint32_t)hash_bytes(bytes, n) & v->slot_mask;; slot++) {
        uint32_t token = v->slots[slot & v->slot_mask];
        if (token == UINT32_MAX)
            return NO_TOKEN;
        size_t n_token;
        const char *token_bytes = vocab_bytes(v, token, &n_token);
        if (n_token == n && !memcmp(token_bytes, bytes, n))
            return (hekla_token)token;
    }
}

/* ---- special tokens: a sorted list, in which a prefix is a range ------------------------------
 */

struct special {
    const char *bytes;
    size_t n;
    uint32_t token;
};

static int compare_specials(const void *a, const void *b)
{
    const struct special *x = a, *y = b;
    int c = memcmp(x->bytes, y->bytes, x->n < y->n ? x->n : y->n);
    if (!c)
        c = (x->n > y->n) - (x->n < y->n);
    return c ? c : (x->token > y->token) - (x->token < y->token);
}

static bool fill_specials(struct vocab *v)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < v->n; i++)
        count += is_special(v->type[i]) && v->begin[i + 1] > v->begin[i];
    struct special *list = calloc((size_t)count + 1, sizeof(*list));
    v->specials = calloc((size_t)count + 1, sizeof(*v->specials));
    if (!list || !v->specials) {
        free(list);
        return false;
    }
    count = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        if (!is_special(v->type[i]) || v->begin[i + 1] == v->begin[i])
            continue;
        v->any_user_defined |= v->type[i] == TOKEN_USER_DEFINED;
        list[count].token = i;
        list[count].bytes = vocab_bytes(v, i, &list[count].n);
        count++;
    }
    qsort(list, count, sizeof(*list), compare_specials);
    for (uint32_t i = 0; i < count; i++) {
        const struct special *last = i ? &list[i - 1] : NULL;
        if (last && last->n == list[i].n && !memcmp(last->bytes, list[i].bytes, last->n))
            continue; /* of duplicates the first token counts */
        v->specials[v->n_specials++] = list[i].token;
        v->first[(unsigned char)list[i].bytes[0] + 1] = v->n_specials;
    }
    for (int b = 1; b <= 256; b++)
        if (v->first[b] < v->first[b - 1])
            v->first[b] = v->first[b - 1];
    free(list);
    return true;
}

/* In specials lo..hi, which agree in the first `at` bytes and are longer: the first one whose next
 * byte is at least `byte`. */
static uint32_t lower_bound(
    const struct vocab *v, uint32_t lo, uint32_t hi, size_t at, unsigned byte)
{
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        if ((unsigned char)v->pool[v->begin[v->specials[middle]] + at] < byte)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

hekla_token vocab_match_special(const struct vocab *v, const char *text, size_t n, bool control)
{
    hekla_token best = NO_TOKEN;
    if (!n)
        return best;
    unsigned byte = (unsigned char)text[0];
    uint32_t lo = v->first[byte], hi = v->first[byte + 1];
    for (size_t at = 1; lo < hi; at++) {
        uint32_t token = v->specials[lo];
        if (v->begin[token + 1] - v->begin[token] == at) {
            if (control || v->type[token] == TOKEN_USER_DEFINED)
                best = (hekla_token)token;
            lo++;
        }
        if (at == n)
            break;
        byte = (unsigned char)text[at];
        lo = lower_bound(v, lo, hi, at, byte);
        hi = lower_bound(v, lo, hi, at, byte + 1);
    }
    return best;
}

hekla_token vocab_find_special(const struct vocab *v, const char *text, size_t n)
{
    hekla_token token = vocab_match_special(v, text, n, true);
    return token != NO_TOKEN && v->begin[token + 1] - v->begin[token] == n ? token : NO_TOKEN;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static hekla_status vocab_alloc(
    struct vocab *v, const struct gguf *g, const struct gguf_key *tokens, struct hekla_error *err)
{
    if (tokens->n == 0 || tokens->n > MAX_VOCAB)
        return hekla_fail(err, HEKLA_FORMAT, "%s: has %llu tokens, expected 1..%d", gguf_name(g),
            (ull)tokens->n, MAX_VOCAB);
    uint64_t bytes = 0; /* cannot overflow: the strings lie side by side in the file */
    for (uint64_t i = 0; i < tokens->n; i++)
        bytes += tokens->strings[i].n;
    if (bytes > INT32_MAX)
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: the token strings have %llu bytes, at most %d are supported", gguf_name(g),
            (ull)bytes, INT32_MAX);
    v->n = (uint32_t)tokens->n;
    v->slot_mask = 1;
    while (v->slot_mask < 2 * v->n)
        v->slot_mask = 2 * v->slot_mask + 1;
    v->pool = malloc((size_t)bytes + 1);
    v->begin = calloc((size_t)v->n + 1, sizeof(*v->begin));
    v->type = calloc(v->n, sizeof(*v->type));
    v->slots = calloc((size_t)v->slot_mask + 1, sizeof(*v->slots));
    if (!v->pool || !v->begin || !v->type || !v->slots)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its vocabulary", gguf_name(g));
    return HEKLA_OK;
}

hekla_status vocab_read(
    struct vocab *v, const struct gguf *g, const struct vocab_rules *rules, struct hekla_error *err)
{
    const struct gguf_key *tokens;
    hekla_status status =
        gguf_get_array(g, "tokenizer.ggml.tokens", true, GGUF_STRING, &tokens, err);
    if (!status)
        status = vocab_alloc(v, g, tokens, err);
    if (!status)
        status = read_types(v, g, err);
    if (!status && rules->scores)
        status = read_scores(v, g, err);
    if (status)
        return status;
    memset(v->byte_token, 0xff, sizeof(v->byte_token)); /* NO_TOKEN */
    bool *exact = calloc(v->n, sizeof(*exact));
    if (!exact)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its vocabulary", gguf_name(g));
    status = read_strings(v, g, tokens, rules, exact, err);
    if (!status) {
        fill_slots(v, exact, rules);
        if (!fill_specials(v))
            status =
                hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its vocabulary", gguf_name(g));
    }
    free(exact);
    return status;
}
