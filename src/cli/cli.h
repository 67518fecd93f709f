/*
 * cli: the `hekla` program. One file per subcommand; it sees the engine only through hekla/hekla.h,
 * and what makes model files, measures and compares through convert/ and bench/.
 *
 * stdout carries results (text, tables, hashes), stderr everything said about them. Only this
 * room reads the environment. Whatever a cli_..._open or a loader returns, its caller releases.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "hekla/hekla.h"

/* Exit codes. They are listed by --help and in the README. */
enum cli_exit {
    CLI_OK = 0,
    CLI_ERROR = 1,
    CLI_USAGE = 2,
    CLI_NO_DEVICE = 3,
    CLI_MEMORY = 4,
    CLI_SELFTEST = 5,
    CLI_DEVICE = 6,
    CLI_INTERRUPTED = 130,
};

struct cli_command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name */
};

int cli_doctor(int argc, char **argv);
int cli_devices(int argc, char **argv);
int cli_info(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_tokenize(int argc, char **argv);
int cli_perplexity(int argc, char **argv);
int cli_tune(int argc, char **argv);
int cli_embed(int argc, char **argv);
int cli_quantize(int argc, char **argv);
int cli_bench(int argc, char **argv);
int cli_compare(int argc, char **argv);
/* info --predict; path or synthetic or neither, device may be NULL. */
int cli_predict(const char *path, const char *synthetic, const char *device);

/* The devices, malloc'ed. Returns an exit code, after a sentence. */
int cli_list_devices(struct hekla_device_info **out, size_t *n, struct hekla_error *err);
/* Prints "hekla: SENTENCE" on stderr and returns code. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for an error of the library. */
int cli_fail_status(hekla_status status, const struct hekla_error *err);
/* One line on stderr. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* hekla_notice_fn: warnings on stderr, progress there if it is a terminal, details if asked for. */
void cli_notice(void *unused, enum hekla_notice kind, const char *line);
void cli_notice_details(bool wanted);

/* True if the stream is a terminal that understands colours, and NO_COLOR is not set. */
bool cli_has_colour(int fd);
/* How far apart two names are: insertions, deletions, changes and swaps of neighbours. */
size_t cli_edit_distance(const char *a, const char *b);
/* "3.4 M", "1.24 B": a number of parameters. "1.5 GiB": a number of bytes. Return buf. */
const char *cli_format_count(char *buf, size_t cap, uint64_t n);
const char *cli_format_bytes(char *buf, size_t cap, uint64_t n);
/* Replaces control characters in place: names from files must not reach the terminal raw. */
char *cli_printable(char *text);
/* Monotonic seconds. */
double cli_seconds(void);

/* Writes to stdout at once. After a failure everything more is dropped, and false returned. */
bool cli_write(const char *text, size_t n);
bool cli_writef(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "key": "text", as JSON. */
void cli_write_json(const char *key, const char *text);
/* CLI_OK, or CLI_ERROR after a sentence if some output was lost. A reader that left (EPIPE) is not
 * told about it. */
int cli_write_status(void);

#endif
