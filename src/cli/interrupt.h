/*
 * interrupt: Ctrl-C. The first one only counts up: whoever works looks at the count and stops. One
 * that comes before the first was dealt with ends the program at once.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* Installs the handlers (SIGINT; SIGWINCH and SIGCONT wake a reader) and ignores SIGPIPE and
 * SIGXFSZ: a lost reader of stdout or a file over the limit is seen as a write error. */
void cli_interrupt_open(void);
/* Ctrl-C's since the last reset. */
int cli_interrupt_count(void);
void cli_interrupt_reset(void);
/* A file whose removal a sudden end must not forget; NULL: none. The text must stay valid. */
void cli_interrupt_set_temporary(const char *path);

enum cli_read { CLI_READ_BYTE, CLI_READ_END, CLI_READ_INTERRUPTED, CLI_READ_RESIZED };
/* Waits for a byte of stdin. RESIZED: the terminal changed or the program was continued. */
enum cli_read cli_interrupt_read(char *byte);

#endif
