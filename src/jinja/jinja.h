/*
 * jinja/: the template language of chat templates (Jinja2 3.1 as transformers sets it up: sandboxed
 * and immutable, trim_blocks, lstrip_blocks, loop controls, generation blocks), with Python's
 * values and results. Source -> tokens (lexer.c) -> tree (parse_*.c) -> text (exec.c, eval.c).
 * Knows no chat and no tokens.
 *
 * A struct jinja holds one rendering: variables, tree and values live in its memory and are freed
 * with it. Steps, memory and depth are bounded: a hostile template ends in one sentence.
 */
#ifndef JINJA_JINJA_H
#define JINJA_JINJA_H

#include "base/status.h"

struct jinja;

/* 0: the default. */
struct jinja_limits {
    uint64_t steps; /* nodes evaluated, items and 64-byte pieces handled; 50 million */
    size_t bytes;   /* memory of values, tree and output; 512 MiB */
    uint32_t depth; /* of nested expressions, calls and values; 1000 */
    int64_t now;    /* Unix time that strftime_now sees; 0: the clock's */
};

/* name: of the template, for errors; must stay valid. NULL if there is no memory. */
struct jinja *jinja_create(const char *name, const struct jinja_limits *limits);
void jinja_destroy(struct jinja *j);

/* Set variables before rendering; data is copied. Text is UTF-8. */
hekla_status jinja_set_text(
    struct jinja *j, const char *variable, const char *text, size_t n, struct hekla_error *err);
hekla_status jinja_set_bool(
    struct jinja *j, const char *variable, bool value, struct hekla_error *err);
/* The value of a JSON text; what: what it is, for errors. */
hekla_status jinja_set_json(struct jinja *j, const char *variable, const char *what,
    const char *json, size_t n, struct hekla_error *err);
/* Each member of a JSON object is a variable. */
hekla_status jinja_set_all(
    struct jinja *j, const char *what, const char *json, size_t n, struct hekla_error *err);

/* HEKLA_FORMAT: the template is not valid, or fails as it does in Python, or asks for too much.
 * *out is malloc'ed, ends with a zero byte and may hold others. */
hekla_status jinja_render(struct jinja *j, const char *source, size_t n, char **out, size_t *n_out,
    struct hekla_error *err);

#endif
