/* input: text and token ids from the command line, a file or stdin. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "hekla/hekla.h"

struct cli_text {
    char *data; /* n bytes and a final 0; free with cli_text_free */
    size_t n;
};

void cli_text_free(struct cli_text *text);
/* Appends bytes; false if memory is out. */
bool cli_text_append(struct cli_text *text, const char *data, size_t n);
void cli_text_clear(struct cli_text *text);

/* The text of -p (with \n and the like turned into what they mean, if escape), else of the file
 * -f, else of stdin; "-" is stdin too. Returns an exit code, after a sentence. */
int cli_input_text(struct cli_text *out, const char *prompt, const char *file, bool escape);
/* Removes one newline at the end: editors and `echo` add one that nobody means. */
void cli_text_drop_newline(struct cli_text *text);

/* "1,2,3", blanks and enclosing brackets allowed. *ids is malloc'ed. */
int cli_input_ids(const char *text, hekla_token **ids, size_t *n);

/* Tokenizes with the flags, asking for the number first. *tokens is malloc'ed. */
int cli_input_tokenize(const hekla_model *model, const char *text, size_t n, uint32_t flags,
    hekla_token **tokens, size_t *count);

#endif
