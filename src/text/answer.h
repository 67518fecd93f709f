/* Answers inside text/: answer.c takes them apart, calls.c reads calls of tools. */
#ifndef TEXT_ANSWER_H
#define TEXT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

/* A piece of an answer. */
struct piece {
    const char *text;
    size_t n;
};

/* Without white space at its ends. */
struct piece piece_trimmed(const char *begin, const char *end);
bool piece_begins(struct piece p, const char *what);
/* Where `what` first is, or NULL. */
const char *piece_find(struct piece p, const char *what);

/* Calls in OpenAI's form, malloc'ed; NULL: there are none. *rest: what comes before them. */
char *calls_take(struct piece *rest);
/* The same of one call, whose arguments are JSON. */
char *calls_of_one(struct piece name, struct piece arguments);

#endif
