/* What a grammar is made of, for parse.c, recursion.c and match.c. */
#ifndef SAMPLE_ELEMENTS_H
#define SAMPLE_ELEMENTS_H

#include "sample/grammar.h"

enum element_type {
    ELEMENT_END,  /* of an alternative */
    ELEMENT_RULE, /* a: rule */
    ELEMENT_CHAR, /* a: code point */
    ELEMENT_ANY,
    ELEMENT_SET,     /* a code point in ranges a .. a + b - 1 */
    ELEMENT_NOT_SET, /* one in none of them */
};

struct element {
    uint32_t type, a, b;
};

struct grammar_range {
    uint32_t first, last; /* of a set: ascending, apart */
};

struct rule {
    uint32_t first, n; /* alternatives; n 0: not defined yet */
    uint32_t name;     /* where its name, or that of the rule it is a part of, begins in the text */
    uint32_t n_name;
    uint32_t used; /* where it is first referred to */
};

struct grammar {
    char *text;
    struct element *elements;
    uint32_t *alternatives; /* where each begins in elements */
    struct rule *rules;
    struct grammar_range *ranges;
    uint32_t n_elements, n_alternatives, n_rules, n_ranges;
    uint32_t cap_elements, cap_alternatives, cap_rules, cap_ranges;
    uint32_t root;
};

/* recursion.c: HEKLA_ARGUMENT if a rule can begin with itself: it would never be read to its end.
 */
hekla_status grammar_check_recursion(
    const struct grammar *g, const char *name, struct hekla_error *err);

#endif
