/* The chat formats inside text/. */
#ifndef TEXT_CHAT_H
#define TEXT_CHAT_H

#include <stddef.h>

struct chat_named {
    const char *name;
    const char *token; /* a vocabulary with this special token is taken to use it; NULL: none is */
    const char *text;  /* Jinja */
};
/* NULL: there is no such format. */
const struct chat_named *chat_find_named(const char *name);
const struct chat_named *chat_list_named(size_t *n);

#endif
