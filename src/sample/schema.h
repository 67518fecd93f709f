/* The schema converter's parts: schema.c goes through a schema, object.c, integer.c and pattern.c
 * write the rules of one kind of value each. */
#ifndef SAMPLE_SCHEMA_H
#define SAMPLE_SCHEMA_H

#include "sample/grammar.h"

#include <jansson.h>

enum { SCHEMA_MOST_DEPTH = 64, SCHEMA_MOST_PLACE = 400 };

struct schema_text {
    char *data;
    size_t n, cap;
    bool failed; /* no memory, or too long */
};

struct schema_target {
    const json_t *schema;
    uint32_t rule;
};

struct schema {
    json_t *root;
    json_t *kept;                  /* array: schemas made here */
    struct schema_text text;       /* of the grammar */
    struct schema_target *targets; /* of $ref, with their rules */
    uint32_t n_targets, cap_targets;
    uint32_t n_rules, depth, n_merges;
    char place[SCHEMA_MOST_PLACE]; /* what is being converted, such as #/properties/a */
    const char *name;
    struct hekla_error *err;
};

/* HEKLA_ARGUMENT: "NAME, at PLACE: what". */
hekla_status schema_fail(struct schema *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends to a text; a whole line of the grammar at a time for s->text. */
void schema_put(struct schema_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The bytes as a literal of the grammar, in quotes. */
void schema_put_literal(struct schema_text *t, const char *bytes, size_t n);
/* A new rule's number: rule 7 is called r7. */
uint32_t schema_new_rule(struct schema *s);
/* The rule of a part of the schema, which is at `step` from here. */
hekla_status schema_visit(struct schema *s, json_t *schema, uint32_t *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A whole number at least 0; absent: fallback. */
hekla_status schema_count(
    struct schema *s, const json_t *schema, const char *key, uint32_t fallback, uint32_t *out);

/* Each writes a rule. */
hekla_status schema_object(struct schema *s, json_t *schema, uint32_t *rule);
hekla_status schema_array(struct schema *s, json_t *schema, uint32_t *rule);
hekla_status schema_integer(struct schema *s, json_t *schema, uint32_t *rule);
hekla_status schema_pattern(struct schema *s, const char *pattern, uint32_t *rule);

#endif
