/* How text is cut into words before merging: one row per name in tokenizer.ggml.pre. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/internal.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* White_Space, written out: PCRE2's \s takes U+180E for a space, which the tokenizers' own regular
 * expression engines do not. */
#define SPACES "\\t-\\r\\x{85}\\p{Z}"
#define S "[" SPACES "]"
#define NOT_S "[^" SPACES "]"
#define SYMBOLS "[^" SPACES "\\p{L}\\p{N}]+"
#define TRAILING_SPACE S "+(?!" NOT_S ")|" S "+"

#define LLAMA3_LIKE(digits)                                                                        \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "| ?" SYMBOLS             \
    "[\\r\\n]*|" S "*[\\r\\n]+|" TRAILING_SPACE
#define LLAMA3 LLAMA3_LIKE("\\p{N}{1,3}")
#define QWEN2 LLAMA3_LIKE("\\p{N}")
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?" SYMBOLS "|" TRAILING_SPACE

static const struct pretokenizer pretokenizers[] = {
    /* name, pattern, whole_words, add_bos */
    {"llama-bpe", LLAMA3, true, true},
    {"llama3", LLAMA3, true, true},
    {"llama-v3", LLAMA3, true, true},
    {"falcon3", LLAMA3, true, true},
    {"pixtral", LLAMA3, true, true},
    {"lfm2", LLAMA3, true, true},
    {"gpt-2", GPT2, false, false},
    {"phi-2", GPT2, false, false},
    {"qwen2", QWEN2, false, false},
};
enum { N_PRETOKENIZERS = sizeof(pretokenizers) / sizeof(pretokenizers[0]) };

const struct pretokenizer *pretokenizer_find(struct gguf_string name)
{
    for (size_t i = 0; i < N_PRETOKENIZERS; i++)
        if (gguf_string_is(name, pretokenizers[i].name))
            return &pretokenizers[i];
    return NULL;
}

void pretokenizer_names(char *out, size_t cap)
{
    size_t used = 0;
    for (size_t i = 0; i < N_PRETOKENIZERS; i++) {
        const char *name = pretokenizers[i].name;
        if (used + strlen(name) + sizeof(", ") > cap)
            break;
        if (i) {
            memcpy(out + used, ", ", 2);
            used += 2;
        }
        memcpy(out + used, name, strlen(name));
        used += strlen(name);
    }
    out[used] = 0;
}

struct splitter {
    pcre2_code *code;
    pcre2_match_context *context;
};

struct splitter *splitter_create(const char *pattern, struct hekla_error *err)
{
    int code;
    PCRE2_SIZE at;
    struct splitter *s = calloc(1, sizeof(*s));
    if (!s)
        goto fail;
    s->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
        PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &code, &at, NULL);
    s->context = pcre2_match_context_create(NULL);
    if (!s->code || !s->context)
        goto fail;
    /* No pattern backtracks more than its word is long, and words have no greatest length. */
    pcre2_set_match_limit(s->context, UINT32_MAX);
    pcre2_set_depth_limit(s->context, UINT32_MAX);
    pcre2_set_heap_limit(s->context, UINT32_MAX);
    /* Some systems forbid making code at run time; then matching is slower, that is all. */
    (void)pcre2_jit_compile(s->code, PCRE2_JIT_COMPLETE);
    return s;
fail:
    splitter_destroy(s);
    hekla_fail(err, HEKLA_MEMORY, "no memory for the tokenizer's pattern");
    return NULL;
}

void splitter_destroy(struct splitter *s)
{
    if (!s)
        return;
    pcre2_match_context_free(s->context);
    pcre2_code_free(s->code);
    free(s);
}

hekla_status splitter_run(const struct splitter *s, const char *text, size_t n,
    hekla_status (*word)(void *user, const char *text, size_t n), void *user,
    struct hekla_error *err)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    if (!match)
        return hekla_fail(err, HEKLA_MEMORY, "no memory to cut text into words");
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(match);
    hekla_status status = HEKLA_OK;
    uint32_t options = PCRE2_NO_UTF_CHECK; /* the caller did; each call would check it all again */
    for (size_t at = 0; at < n && !status;) {
        int found = pcre2_match(s->code, (PCRE2_SPTR)text, n, at, options, match, s->context);
        if (found == PCRE2_ERROR_JIT_STACKLIMIT && !(options & PCRE2_NO_JIT)) {
            options |= PCRE2_NO_JIT;
            continue;
        }
        if (found < 0 || range[1] <= at) {
            status = hekla_fail(err, HEKLA_MEMORY,
                "text could not be cut into words at byte %llu (PCRE2 error %d)", (ull)at, found);
            break;
        }
        status = word(user, text + at, range[1] - at);
        at = range[1];
    }
    pcre2_match_data_free(match);
    return status;
}
