/*
 * Saved sessions: what was saved goes on as if it never had been, to the bit, with every type of
 * cache, with layers that see a window, in sessions of other sizes, and on another device. Files
 * that are damaged, cut, or of another model are refused in a sentence, and change nothing.
 */
#include "model_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

enum { N_PROMPT = 37, N_TOKENS = 24, N_CTX = 128 };

static char folder[TEST_PATH], path[TEST_PATH + 40], other_path[TEST_PATH + 40];

static void save(hekla_session *session, const char *to)
{
    struct hekla_error err;
    if (hekla_session_save(session, to, NULL, 0, &err))
        fail_msg("%s", err.text);
}

static void restore(hekla_session *session, const char *from)
{
    struct hekla_error err;
    if (hekla_session_restore(session, from, NULL, NULL, &err))
        fail_msg("%s", err.text);
}

static const struct hekla_sampling warm = {.temperature = 1.2f, .top_k = 40, .seed = 7};

/* The tokens, and the hash of the logits after them. */
struct outcome {
    struct token_list list;
    uint64_t logits;
};

static uint64_t hash_logits(hekla_session *session, const hekla_model *model)
{
    const float *logits = hekla_session_logits(session);
    assert_non_null(logits);
    return hash_row(CLI_HASH_START, logits, vocab_of(model));
}

/* Generates n tokens, evaluates the last of them, and takes the logits. */
static void go_on(hekla_session *session, const hekla_model *model, int64_t n, struct outcome *out)
{
    generate(session, &warm, n, true, &out->list);
    eval(session, &out->list.ids[out->list.n - 1], 1);
    out->logits = hash_logits(session, model);
}

static void expect_same(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->list.n, b->list.n);
    assert_memory_equal(a->list.ids, b->list.ids, a->list.n * sizeof(a->list.ids[0]));
    assert_true(a->logits == b->logits);
}

/* The whole in one go; half of it, saved and restored by each of two models; once more from what
 * was restored and saved, in a session of another size. */
static void check_halves(hekla_model *from, hekla_model *to, struct hekla_session_options options,
    size_t n_prompt, bool same_file)
{
    struct outcome whole = {.logits = 0}, halves = {.logits = 0};
    hekla_token prompt[256];
    assert_true(n_prompt <= 256);
    make_prompt(prompt, n_prompt, vocab_of(from));
    hekla_session *session = open_session(from, &options);
    eval(session, prompt, n_prompt);
    go_on(session, from, N_TOKENS / 2, &whole);
    go_on(session, from, N_TOKENS / 2, &whole);
    hekla_session_close(session);

    session = open_session(from, &options);
    eval(session, prompt, n_prompt);
    go_on(session, from, N_TOKENS / 2, &halves);
    save(session, path);
    hekla_session_close(session);

    options.n_batch = options.n_batch == 4 ? 90 : 4; /* other rings */
    options.n_ctx -= 7;
    session = open_session(to, &options);
    eval(session, prompt + 3, 9); /* to be forgotten */
    restore(session, path);
    assert_int_equal(hekla_session_pos(session), n_prompt + N_TOKENS / 2);
    assert_memory_equal(hekla_session_tokens(session), prompt, n_prompt * sizeof(*prompt));
    assert_true(hash_logits(session, to) == halves.logits);
    if (same_file) {
        size_t n, n_again;
        save(session, other_path);
        char *a = read_file(path, &n), *b = read_file(other_path, &n_again);
        assert_int_equal(n, n_again);
        memset(a + 40, 0, 4), memset(b + 40, 0, 4); /* the size of the context */
        assert_memory_equal(a, b, n - 8);
        free(a);
        free(b);
    }
    go_on(session, to, N_TOKENS / 2, &halves);
    hekla_session_close(session);
    expect_same(&whole, &halves);
}

static void goes_on_to_the_bit(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, NULL), *ref = open_model(NULL, "ref");
    for (int type = HEKLA_KV_F32; type <= HEKLA_KV_Q4_0; type++) {
        struct hekla_session_options options = {
            .n_ctx = N_CTX, .kv_type = (enum hekla_kv_type)type, .all_logits = type % 2};
        check_halves(model, ref, options, N_PROMPT, true);
        options.all_logits = !options.all_logits;
        check_halves(ref, model, options, N_PROMPT, true);
    }
    hekla_model_close(model);
    hekla_model_close(ref);
}

/* Rings that went round, into longer and shorter ones. */
static void windows(void **state)
{
    (void)state;
    const char *shared = find_shared();
    char file[TEST_PATH];
    if (!shared)
        skip();
    snprintf(file, sizeof(file), "%s/archs/gemma2.q8_0.gguf", shared);
    hekla_model *model = open_model(file, NULL), *ref = open_model(file, "ref");
    static const uint32_t batches[] = {4, 90};
    static const size_t prompts[] = {20, 127, 128, 177, 193, 205};
    for (size_t b = 0; b < 2; b++)
        for (size_t p = 0; p < 6; p++)
            check_halves(model, p % 2 ? ref : model,
                (struct hekla_session_options){.n_ctx = 256,
                    .n_batch = batches[b],
                    .kv_type = p % 2 ? HEKLA_KV_F32 : HEKLA_KV_F16},
                prompts[p], false);
    hekla_model_close(model);
    hekla_model_close(ref);
}

/* What a window needs before it was not saved: it is computed again. */
static void rewinds_after_restoring(void **state)
{
    (void)state;
    enum { LONG = 240, BACK = 50 };
    const char *shared = find_shared();
    char file[TEST_PATH];
    hekla_token prompt[LONG];
    if (!shared)
        skip();
    snprintf(file, sizeof(file), "%s/archs/gemma2.q8_0.gguf", shared);
    hekla_model *model = open_model(file, NULL);
    make_prompt(prompt, LONG, vocab_of(model));
    for (uint32_t batch = 4; batch <= 256; batch += 252) { /* the second ring holds everything */
        const struct hekla_session_options small = {.n_ctx = 256, .n_batch = 4};
        const struct hekla_session_options other = {.n_ctx = 256, .n_batch = batch};
        for (size_t back = 1; back < LONG; back += BACK) {
            hekla_session *session = open_session(model, &small);
            eval(session, prompt, LONG);
            save(session, path);
            hekla_session_close(session);
            session = open_session(model, &other);
            restore(session, path);
            hekla_session_rewind(session, (uint32_t)(LONG - back));
            save(session, other_path);
            eval(session, prompt + 7, 1);
            uint64_t expected = hash_logits(session, model);
            hekla_session_close(session);
            session = open_session(model, &small);
            eval(session, prompt, LONG - back);
            eval(session, prompt + 7, 1);
            assert_true(hash_logits(session, model) == expected);
            restore(session, other_path);
            eval(session, prompt + 7, 1);
            assert_true(hash_logits(session, model) == expected);
            hekla_session_close(session);
        }
    }
    hekla_model_close(model);
}

static void notes_come_back(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, "ref");
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    struct hekla_error err;
    void *note = NULL;
    size_t n_note = 99;
    /* An empty session too */
    assert_int_equal(hekla_session_save(session, path, "a\0b", 3, &err), HEKLA_OK);
    assert_int_equal(hekla_session_restore(session, path, &note, &n_note, &err), HEKLA_OK);
    assert_int_equal(n_note, 3);
    assert_memory_equal(note, "a\0b", 4);
    free(note);
    assert_int_equal(hekla_session_pos(session), 0);
    assert_null(hekla_session_logits(session));
    hekla_session_close(session);
    hekla_model_close(model);
}

/* ---- refused -----------------------------------------------------------------------------------
 */

static void write_bytes(const char *to, const char *data, size_t n)
{
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void expect_refused(hekla_session *session, hekla_status status, const char *words)
{
    struct hekla_error err;
    uint32_t pos = hekla_session_pos(session);
    void *note = NULL;
    size_t n_note;
    hekla_status got = hekla_session_restore(session, other_path, &note, &n_note, &err);
    if (got == HEKLA_OK || (status != HEKLA_OK && got != status) || !strstr(err.text, words) ||
        !*err.text)
        fail_msg("status %d, \"%s\" does not tell \"%s\"", got, err.text, words);
    assert_null(note);
    assert_int_equal(hekla_session_pos(session), pos);
    assert_non_null(hekla_session_logits(session));
}

static void damaged_files(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, "ref");
    hekla_session *session = open_session(
        model, &(struct hekla_session_options){.n_ctx = N_CTX, .kv_type = HEKLA_KV_Q4_0});
    hekla_token prompt[N_PROMPT];
    size_t n;
    make_prompt(prompt, N_PROMPT, vocab_of(model));
    eval(session, prompt, N_PROMPT);
    uint64_t before = hash_logits(session, model);
    save(session, path);
    char *data = read_file(path, &n), *copy = read_file(path, NULL);
    for (size_t cut = 0; cut < n; cut = cut < 300 ? cut + 1 : cut + n / 50 + 1) {
        write_bytes(other_path, data, cut);
        expect_refused(session, HEKLA_FORMAT, other_path);
    }
    for (size_t i = 0; i < n; i = i < 300 || i > n - 20 ? i + 1 : i + n / 90) {
        memcpy(copy, data, n);
        copy[i] ^= (char)(1 << i % 8);
        write_bytes(other_path, copy, n);
        expect_refused(session, HEKLA_OK, other_path);
    }
    memcpy(copy, data, n);
    copy[n] = 0;
    write_bytes(other_path, copy, n + 1);
    expect_refused(session, HEKLA_FORMAT, "damaged");
    static const struct {
        size_t at;
        uint32_t value;
        const char *words;
    } heads[] = {
        {0, 0, "not a saved session"}, {8, 1, "version 1 are not supported"},
        {12, 4, "unknown type"}, {16, UINT32_MAX, "number of layers"},
        {20, UINT32_MAX, "number of layers"},
        {24, UINT32_MAX - 31, "sizes are impossible"}, /* heads: more than 64 bits with the rest */
        {24, 33, "impossible heads"}, {28, 33, "impossible heads"}, {32, 0, "impossible logits"},
        {40, 3, "number of tokens"}, {44, UINT32_MAX, "number of tokens"},
        {48, UINT32_MAX, "number of tokens"}, {52, 16, "impossible logits"},
        {68, UINT32_MAX, "truncated"}, {140, UINT32_MAX, "truncated"}, /* the state's size */
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        memcpy(copy, data, n);
        cli_store_le32((unsigned char *)copy + heads[i].at, heads[i].value);
        if (heads[i].value == UINT32_MAX - 31) { /* with the widest numbers, and most tokens */
            cli_store_le32((unsigned char *)copy + 12, 0);
            cli_store_le32((unsigned char *)copy + 40, INT32_MAX);
            cli_store_le32((unsigned char *)copy + 44, INT32_MAX);
        }
        write_bytes(other_path, copy, n);
        expect_refused(session, HEKLA_OK, heads[i].words);
    }
    assert_true(hash_logits(session, model) == before);
    free(copy);
    free(data);
    hekla_session_close(session);
    hekla_model_close(model);
}

/* What is not exact must not go on as if it were; what is may go on either way. */
static void fast_numerics_are_kept_apart(void **state)
{
    hekla_model *model = open_model(builtin_path, NULL);
    hekla_session *exact = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    hekla_session *fast = open_session(
        model, &(struct hekla_session_options){.n_ctx = N_CTX, .numerics = HEKLA_NUMERICS_FAST});
    hekla_token prompt[N_PROMPT];
    (void)state;
    make_prompt(prompt, N_PROMPT, vocab_of(model));
    eval(fast, prompt, N_PROMPT);
    eval(exact, prompt, 1);
    save(fast, other_path);
    expect_refused(exact, HEKLA_ARGUMENT, "saved with fast numerics, and this session has exact");
    restore(fast, other_path);
    assert_int_equal(hekla_session_pos(fast), N_PROMPT);
    save(exact, other_path);
    restore(fast, other_path);
    assert_int_equal(hekla_session_pos(fast), 1);
    hekla_session_close(fast);
    hekla_session_close(exact);
    hekla_model_close(model);
}

static void files_that_do_not_go_with_it(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, "ref");
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    hekla_session *quantised = open_session(
        model, &(struct hekla_session_options){.n_ctx = N_CTX, .kv_type = HEKLA_KV_Q8_0});
    hekla_session *small =
        open_session(model, &(struct hekla_session_options){.n_ctx = N_PROMPT - 1});
    hekla_token prompt[N_PROMPT];
    struct hekla_error err;
    size_t n;
    make_prompt(prompt, N_PROMPT, vocab_of(model));
    eval(session, prompt, N_PROMPT);
    eval(quantised, prompt, 1);
    eval(small, prompt, 1);
    save(session, other_path);
    expect_refused(quantised, HEKLA_ARGUMENT, "a KV cache of type f16, and this session has");
    expect_refused(small, HEKLA_ARGUMENT, "37 tokens do not fit in a context of 36");
    hekla_session_close(quantised);
    hekla_session_close(small);
    /* The same model but for one byte of a weight */
    char *bytes = read_file(builtin_path, &n), changed[TEST_PATH + 40];
    snprintf(changed, sizeof(changed), "%s/model.gguf", folder);
    bytes[n - 1] ^= 1;
    write_bytes(changed, bytes, n);
    free(bytes);
    hekla_model *other = open_model(changed, "ref");
    hekla_session *stranger = open_session(other, &(struct hekla_session_options){.n_ctx = N_CTX});
    eval(stranger, prompt, 1);
    expect_refused(stranger, HEKLA_ARGUMENT, "saved with another model: Hekla Tiny");
    hekla_session_close(stranger);
    hekla_model_close(other);
    unlink(changed);
    assert_int_equal(
        hekla_session_restore(session, "/nonexistent/file", NULL, NULL, &err), HEKLA_IO);
    assert_non_null(strstr(err.text, "/nonexistent/file: No such file"));
    assert_int_equal(hekla_session_save(session, "/nonexistent/file", NULL, 0, &err), HEKLA_IO);
    assert_int_equal(hekla_session_save(session, "/", NULL, 0, &err), HEKLA_IO);
    assert_int_equal(hekla_session_pos(session), N_PROMPT);
    hekla_session_close(session);
    hekla_model_close(model);
}

/* ---- the program -------------------------------------------------------------------------------
 */

/* On the reference, with --session `path`; input: as printf takes it. What it says besides its
 * output is then in `other_path`. Returns the exit code. */
static int run(const char *flags, const char *input, char output[4000])
{
    char command[8 * TEST_PATH];
    snprintf(command, sizeof(command),
        "printf '%s' | '%s' run --device ref --temp 0 --session '%s' %s 2>'%s'", input,
        HEKLA_BINARY, path, flags, other_path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(output, 1, 3999, pipe);
    output[n] = 0;
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect_said(const char *words)
{
    char *said = read_file(other_path, NULL);
    if (!strstr(said, words))
        fail_msg("\"%s\" is not in \"%s\"", words, said);
    free(said);
}

static void program_goes_on(void **state)
{
    (void)state;
    char all[4000], first[4000], second[4000];
    unlink(path);
    assert_int_equal(run("-p 'Once upon a time' -n 30", "", first), 0);
    assert_int_equal(run("-p 'Once upon a time' -n 30", "", second), 0);
    assert_string_equal(first, second);
    expect_said("holds 34 tokens");
    expect_said("prompt: 1 tokens");
    unlink(path);
    assert_int_equal(run("-cnv", "Hello there\\nWhat is 3 plus 4?\\n", all), 0);
    unlink(path);
    assert_int_equal(run("-cnv", "Hello there\\n", first), 0);
    assert_int_equal(run("-cnv -sys Other", "What is 3 plus 4?\\n", second), 0);
    expect_said("the conversation goes on as it began");
    assert_int_equal(strncmp(all, first, strlen(first)), 0);
    assert_string_equal(all + strlen(first), second);
    assert_int_equal(run("-p x", "", second), 2);
    expect_said("holds a chat");
    assert_int_equal(run("-cnv", "/clear\\n", second), 0);
    assert_int_equal(run("-cnv", "Hello there\\n", second), 0);
    expect_said("holds 0 tokens");
    assert_string_equal(first, second);
    assert_int_equal(run("-ctk f32 -cnv", "x", second), 2);
    expect_said("a KV cache of type f16");
    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(run("-cnv", "x", second), 1);
    expect_said("truncated");
}

/* Ctrl-C once text comes. */
static void program_is_interrupted(void **state)
{
    (void)state;
    int ends[2], status;
    char byte;
    unlink(path);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {(char *)HEKLA_BINARY, "run", "--device", "ref", "-p", "Once", "-n", "-1",
            "--ignore-eos", "--context-shift", "--no-display-prompt", "--session", path, NULL};
        dup2(ends[1], STDOUT_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(HEKLA_BINARY, argv);
        _exit(99);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(kill(pid, SIGINT), 0);
    while (read(ends[0], &byte, 1) == 1) {
    }
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 130);
    hekla_model *model = open_model(NULL, "ref");
    hekla_session *session = open_session(model, NULL);
    restore(session, path);
    assert_true(hekla_session_pos(session) > 1);
    hekla_session_close(session);
    hekla_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_to_the_bit),
        cmocka_unit_test(windows),
        cmocka_unit_test(rewinds_after_restoring),
        cmocka_unit_test(notes_come_back),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(fast_numerics_are_kept_apart),
        cmocka_unit_test(files_that_do_not_go_with_it),
        cmocka_unit_test(program_goes_on),
        cmocka_unit_test(program_is_interrupted),
    };
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/hekla-session-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/saved", folder);
    snprintf(other_path, sizeof(other_path), "%s/other", folder);
    int failed = cmocka_run_group_tests_name("session", tests, NULL, NULL);
    unlink(path);
    unlink(other_path);
    rmdir(folder);
    return failed;
}
