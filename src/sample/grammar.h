/*
 * grammar: what a text may be, in llama.cpp's GBNF notation, and the check of a text against it,
 * piece by piece. A piece may end inside a UTF-8 sequence.
 *
 * A grammar is a table of elements; a rule is some of its alternatives. A matcher holds all ways in
 * which the text so far can be read, each a stack of elements that are still to come. Stacks share
 * their tails and are kept once, so the ways that a step looks at are bounded by their number, not
 * by how often they are reached. Memory is bounded; what needs more is refused, not half-checked.
 */
#ifndef SAMPLE_GRAMMAR_H
#define SAMPLE_GRAMMAR_H

#include "base/status.h"

enum {
    GRAMMAR_MOST_BYTES = 1 << 22,    /* of its text */
    GRAMMAR_MOST_ELEMENTS = 1 << 18, /* after repetitions are written out */
    GRAMMAR_MOST_REPEATS = 2000,
    GRAMMAR_MOST_DEPTH = 64,     /* of parentheses */
    GRAMMAR_MOST_WAYS = 1 << 16, /* stack entries of a matcher */
};

struct grammar;
struct grammar_matcher;

/* HEKLA_ARGUMENT with the line of what is wrong; `name` says whose text it is. */
hekla_status grammar_parse(
    struct grammar **out, const char *text, size_t n, const char *name, struct hekla_error *err);
void grammar_destroy(struct grammar *g);

/* At the beginning of the text. The grammar must outlive it. */
hekla_status grammar_matcher_create(
    struct grammar_matcher **out, const struct grammar *g, struct hekla_error *err);
void grammar_matcher_destroy(struct grammar_matcher *m);
/* Whether these bytes may follow. false also where that cannot be told within bounds. */
bool grammar_matcher_allows(struct grammar_matcher *m, const char *bytes, size_t n);
/* The same, and then they are part of the text. */
bool grammar_matcher_accept(struct grammar_matcher *m, const char *bytes, size_t n);
/* Whether the text is complete. */
bool grammar_matcher_may_end(const struct grammar_matcher *m);

/* schema.c: the grammar of the JSON texts that a JSON schema describes, as GBNF; malloc'ed. What a
 * schema asks for and a grammar cannot promise is refused by its name and place. */
hekla_status schema_to_grammar(
    char **out, const char *schema, size_t n, const char *name, struct hekla_error *err);

#endif
