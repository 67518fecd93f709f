/*
 * What the model tests share: files, models and sessions that must open, prompts, hashes.
 *
 * HEKLA_SHARED       folder with more models and goldens; default: ../shared beside the project.
 *                    Without it the tests that need them are skipped and say so
 * HEKLA_TEST_DEVICE  what to run on instead of the best device
 * HEKLA_CAPS         as for the program
 * XDG_CACHE_HOME     keeps what the self-test found: set by ctest, so that it is tested once
 */
#ifndef TESTS_MODEL_TEST_H
#define TESTS_MODEL_TEST_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "cli/hash.h"
#include "hekla/hekla.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum { TEST_PATH = 1000, TEST_SKIPPED = 77 };

static const char builtin_path[] = HEKLA_SOURCE_DIR "/models/hekla-tiny-q8_0.gguf";

static inline const char *find_shared(void)
{
    const char *path = getenv("HEKLA_SHARED");
    if (!path)
        path = HEKLA_SOURCE_DIR "/../shared";
    if (access(path, R_OK) == 0)
        return path;
    printf("skipped: no folder %s (or in HEKLA_SHARED) with more models\n", path);
    return NULL;
}

static inline double test_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The whole file with a 0 after it; the caller frees it. */
static inline char *read_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s cannot be opened", path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *data = size < 0 ? NULL : malloc((size_t)size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, file), size);
    fclose(file);
    data[size] = 0;
    if (n)
        *n = (size_t)size;
    return data;
}

/* In a process of its own, whose memory is not this one's, and once for all tests. */
static inline struct hekla_proof test_proof(void)
{
    return (struct hekla_proof){.folder = getenv("XDG_CACHE_HOME"), .helper = HEKLA_BINARY};
}

/* device NULL: HEKLA_TEST_DEVICE, else the best. */
static inline hekla_model *open_model(const char *path, const char *device)
{
    hekla_model *model = NULL;
    struct hekla_error err;
    if (hekla_model_open(&model,
            &(struct hekla_model_options){.path = path,
                .device = device ? device : getenv("HEKLA_TEST_DEVICE"),
                .caps = getenv("HEKLA_CAPS"),
                .proof = test_proof()},
            &err))
        fail_msg("%s", err.text);
    return model;
}

static inline hekla_session *open_session(
    hekla_model *model, const struct hekla_session_options *options)
{
    hekla_session *session = NULL;
    struct hekla_error err;
    if (hekla_session_open(&session, model, options, &err))
        fail_msg("%s", err.text);
    return session;
}

static inline void eval(hekla_session *session, const hekla_token *tokens, size_t n)
{
    struct hekla_error err;
    if (hekla_session_eval(session, tokens, n, &err))
        fail_msg("%s", err.text);
}

static inline uint32_t vocab_of(const hekla_model *model)
{
    struct hekla_model_info info;
    hekla_model_get_info(model, &info);
    return info.n_vocab;
}

/* Exit code and output of the program, on the device of the tests. */
static inline int run_command(const char *command, const char *arguments, char *out, size_t size)
{
    char line[2000];
    const char *device = getenv("HEKLA_TEST_DEVICE");
    int length = snprintf(line, sizeof(line), HEKLA_BINARY " %s %s%s %s 2>&1 </dev/null", command,
        device ? "-dev " : "", device ? device : "", arguments);
    assert_true(length > 0 && (size_t)length < sizeof(line));
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    size_t n = fread(out, 1, size - 1, pipe);
    out[n] = 0;
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* n fixed ids below n_vocab. */
static inline void make_prompt(hekla_token *out, size_t n, uint32_t n_vocab)
{
    uint64_t x = 12345;
    for (size_t i = 0; i < n; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (hekla_token)((x >> 33) % n_vocab);
    }
}

static inline uint64_t hash_row(uint64_t hash, const float *row, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        unsigned char bytes[4];
        uint32_t word;
        memcpy(&word, &row[i], 4);
        cli_store_le32(bytes, word);
        hash = cli_hash_bytes(hash, bytes, sizeof(bytes));
    }
    return hash;
}

/* Rows of logits as they come; hashes of all rows up to each. */
struct row_hashes {
    uint32_t n_vocab, n;
    uint64_t upto[512]; /* [i]: rows 0..i */
};

static inline void row_hashes_add(void *user, uint32_t pos, const float *logits)
{
    struct row_hashes *h = user;
    assert_int_equal(pos, h->n);
    assert_true(h->n < sizeof(h->upto) / sizeof(h->upto[0]));
    uint64_t before = h->n ? h->upto[h->n - 1] : CLI_HASH_START;
    h->upto[h->n++] = hash_row(before, logits, h->n_vocab);
}

/* A list of generated tokens. */
struct token_list {
    hekla_token ids[1024];
    size_t n;
};

static inline bool token_list_add(void *user, hekla_token token)
{
    struct token_list *list = user;
    assert_true(list->n < sizeof(list->ids) / sizeof(list->ids[0]));
    list->ids[list->n++] = token;
    return true;
}

/* Appends up to n tokens to the list. sampling NULL: greedy. */
static inline void generate(hekla_session *session, const struct hekla_sampling *sampling,
    int64_t n, bool ignore_end, struct token_list *list)
{
    struct hekla_error err;
    size_t generated, before = list->n;
    if (hekla_session_generate(session, sampling ? sampling : &(struct hekla_sampling){0}, n,
            ignore_end, token_list_add, list, &generated, &err))
        fail_msg("%s", err.text);
    assert_int_equal(generated, list->n - before);
}

/* The hash of all logits of a prompt, evaluated up to n_batch tokens at once, and of a few tokens
 * after it. */
static inline uint64_t hash_model(
    const char *path, const char *caps, uint32_t n_ctx, uint32_t n_batch, size_t n_prompt)
{
    enum { MOST = 64, N_GENERATED = 4 };
    hekla_model *model = NULL;
    struct hekla_error err;
    struct row_hashes hashes = {0};
    struct token_list list = {.n = 0};
    hekla_token prompt[MOST];
    assert_true(n_prompt <= MOST);
    if (hekla_model_open(&model,
            &(struct hekla_model_options){.path = path,
                .device = getenv("HEKLA_TEST_DEVICE"),
                .caps = caps,
                .proof = test_proof()},
            &err))
        fail_msg("%s", err.text);
    hashes.n_vocab = vocab_of(model);
    make_prompt(prompt, n_prompt, hashes.n_vocab);
    hekla_session *session = open_session(model,
        &(struct hekla_session_options){.n_ctx = n_ctx, .n_batch = n_batch, .all_logits = true});
    hekla_session_on_logits(session, row_hashes_add, &hashes);
    eval(session, prompt, n_prompt);
    generate(session, NULL, N_GENERATED, true, &list);
    hekla_session_close(session);
    hekla_model_close(model);
    assert_int_equal(hashes.n, n_prompt + N_GENERATED - 1);
    return cli_hash_bytes(
        hashes.upto[hashes.n - 1], (const unsigned char *)list.ids, list.n * sizeof(list.ids[0]));
}

#endif
