/* libFuzzer: bytes as a JSON schema. What becomes a grammar must be one, and texts of it must be
 * JSON. Seeds: tests/fuzz/corpus/schema. */
#include "fuzz.h"

#include "../unit/schema_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *made = NULL, text[200];
    struct grammar *g = NULL;
    struct hekla_error err = {0};
    uint64_t random = size;
    bool complete;
    hekla_status status = schema_to_grammar(&made, (const char *)data, size, "the schema", &err);
    if (status == HEKLA_OK)
        status = grammar_parse(&g, made, strlen(made), "its grammar", &err);
    if (status != HEKLA_OK) {
        require(
            status == HEKLA_ARGUMENT && err.text[0] && !strchr(err.text, '\n'), "not one sentence");
        free(made);
        return 0;
    }
    struct grammar_matcher *m = NULL;
    if (grammar_matcher_create(&m, g, &err) == HEKLA_OK) {
        grammar_matcher_destroy(m);
        size_t n = random_text(g, &random, text, sizeof(text), &complete);
        json_t *v = complete ? json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
        require(!complete || v, "a text of the grammar is no JSON");
        json_decref(v);
    }
    grammar_destroy(g);
    free(made);
    return 0;
}
