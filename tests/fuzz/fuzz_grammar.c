/* libFuzzer: bytes up to the first zero as a grammar, what follows as a text that it should follow:
 * asking must agree with doing, wherever the text is cut. Seeds: tests/fuzz/corpus/grammar. */
#include "fuzz.h"

#include "sample/grammar.h"

#include <string.h>

static struct grammar_matcher *begin(const struct grammar *g)
{
    struct grammar_matcher *m = NULL;
    struct hekla_error err = {0};
    hekla_status status = grammar_matcher_create(&m, g, &err);
    require(status == HEKLA_OK || (status == HEKLA_ARGUMENT && err.text[0]), "no sentence");
    return m;
}

/* In one piece and byte by byte. */
static void follow(const struct grammar *g, const char *text, size_t n)
{
    struct grammar_matcher *whole = begin(g), *bytes = begin(g);
    if (whole && bytes) {
        bool asked = grammar_matcher_allows(whole, text, n);
        bool taken = grammar_matcher_accept(whole, text, n);
        require(asked == taken, "it allows what it does not accept, or the other way round");
        size_t i = 0;
        while (i < n && grammar_matcher_accept(bytes, text + i, 1))
            i++;
        require(!taken || i == n, "a text is allowed, but not its beginning");
        require(!taken || grammar_matcher_may_end(whole) == grammar_matcher_may_end(bytes),
            "it ends for one and not for the other");
    }
    grammar_matcher_destroy(whole);
    grammar_matcher_destroy(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t n = zero ? (size_t)(zero - data) : size;
    struct grammar *g = NULL;
    struct hekla_error err = {0};
    if (grammar_parse(&g, (const char *)data, n, "the grammar", &err)) {
        require(err.code == HEKLA_ARGUMENT && err.text[0] && !strchr(err.text, '\n'),
            "not one sentence");
        return 0;
    }
    if (zero)
        follow(g, (const char *)zero + 1, size - n - 1);
    grammar_destroy(g);
    return 0;
}
