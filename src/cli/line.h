/*
 * line: reads the user's messages. On a terminal with editing and history (libedit), else plain
 * lines. A backslash at the end of a line continues the message on the next one.
 */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include "cli/input.h"

struct cli_line;

enum cli_line_result { CLI_LINE_OK, CLI_LINE_END, CLI_LINE_INTERRUPTED };

struct cli_line *cli_line_open(void);
void cli_line_close(struct cli_line *line);
enum cli_line_result cli_line_read(struct cli_line *line, struct cli_text *out);
/* Puts a text into the history that was not typed, such as the message of -p. */
void cli_line_remember(struct cli_line *line, const char *text);

#endif
