/* What is common to "%d" % x and "{}".format(x). */
#ifndef JINJA_FORMAT_H
#define JINJA_FORMAT_H

#include "jinja/internal.h"

enum { MAX_WIDTH = 100000 };

/* What a conversion asks for; both kinds of patterns are brought to it. */
struct spec {
    const struct string *fill; /* one character */
    char align;                /* < > ^ = or 0: as the type has it */
    char sign;                 /* + - or a blank */
    bool alternate;            /* # */
    char grouping;             /* , _ or 0 */
    int64_t width, precision;  /* -1: none */
    char type;
};

void format_integer(struct jinja *j, struct buffer *b, const struct spec *s, int64_t i);
void format_float(struct jinja *j, struct buffer *b, const struct spec *s, double f);
void format_string(
    struct jinja *j, struct buffer *b, const struct spec *s, const struct string *text, char usual);

#endif
