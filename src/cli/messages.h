/* messages: the conversation of a chat; as JSON it is the note of a saved session. */
#ifndef CLI_MESSAGES_H
#define CLI_MESSAGES_H

#include "cli/input.h"

struct cli_messages {           /* zeros: none */
    struct hekla_message *list; /* [n], which own what they point to, but for role */
    size_t n, cap;
};

/* Takes what the answer holds, also on failure. role: a literal. false: memory is out. */
bool cli_messages_add(struct cli_messages *m, const char *role, struct hekla_answer *parts);
bool cli_messages_add_text(struct cli_messages *m, const char *role, const char *content);
/* The last one. */
void cli_messages_drop(struct cli_messages *m);
void cli_messages_free(struct cli_messages *m);

/* Each returns an exit code, after a sentence. path: for it. */
int cli_messages_read(struct cli_messages *out, const struct cli_text *json, const char *path);
int cli_messages_write(const struct cli_messages *m, struct cli_text *json);

#endif
