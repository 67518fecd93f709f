/*
 * Tuning: whatever is chosen, results are the same to the bit; it is done once for a device, and a
 * file that is not as written counts as none. Needs a GPU's shapes, which a processor runs as well
 * (row_threads=0).
 */
#include "model_test.h"

#include <dirent.h>

enum { N_PROMPT = 40, N_GENERATED = 8, N_CTX = 128 };

struct heard {
    unsigned measured;
};

static void hear(void *user, enum hekla_notice kind, const char *line)
{
    struct heard *heard = user;
    heard->measured += kind == HEKLA_NOTICE_PROGRESS && strstr(line, "measuring") != NULL;
}

static char folder[TEST_PATH];

static hekla_model *open_gpu(const char *caps, struct heard *heard)
{
    hekla_model *model = NULL;
    struct hekla_error err;
    struct hekla_proof proof = {.folder = folder, .helper = HEKLA_BINARY};
    if (hekla_model_open(&model,
            &(struct hekla_model_options){.path = builtin_path,
                .device = getenv("HEKLA_TEST_DEVICE"),
                .caps = caps,
                .proof = proof,
                .notice = hear,
                .notice_user = heard},
            &err))
        fail_msg("%s", err.text);
    return model;
}

static uint64_t hash_session(hekla_session *session, uint32_t n_vocab)
{
    hekla_token prompt[N_PROMPT];
    struct token_list list = {.n = 0};
    make_prompt(prompt, N_PROMPT, n_vocab);
    eval(session, prompt, N_PROMPT);
    uint64_t hash = hash_row(CLI_HASH_START, hekla_session_logits(session), n_vocab);
    generate(session, NULL, N_GENERATED, true, &list);
    return hash_row(hash, hekla_session_logits(session), n_vocab);
}

/* With as many tokens at once as the prompt has. */
static uint64_t hash_run(const char *caps, struct heard *heard)
{
    hekla_model *model = open_gpu(caps, heard);
    hekla_session *session =
        open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX, .n_batch = N_PROMPT});
    uint64_t hash = hash_session(session, vocab_of(model));
    hekla_session_close(session);
    hekla_model_close(model);
    return hash;
}

/* Spoils the file of shapes; the number of such files. */
static unsigned spoil(bool spoil)
{
    unsigned n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[2 * TEST_PATH];
        if (strncmp(e->d_name, "tuning-", 7) != 0)
            continue;
        n++;
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        FILE *file = spoil ? fopen(path, "r+b") : NULL;
        if (file) {
            fseek(file, 60, SEEK_SET);
            fputc('?', file);
            fclose(file);
        }
    }
    closedir(dir);
    return n;
}

static void results_stay(void **state)
{
    (void)state;
    struct heard none = {0}, first = {0}, second = {0}, third = {0};
    uint64_t untuned = hash_run("row_threads=1", &none);
    assert_int_equal(none.measured, 0);
    assert_int_equal(spoil(false), 0);
    assert_int_equal(hash_run("row_threads=0", &first), untuned);
    assert_true(first.measured > 2);
    assert_int_equal(spoil(false), 1);
    assert_int_equal(hash_run("row_threads=0", &second), untuned);
    assert_int_equal(second.measured, 0);
    spoil(true);
    assert_int_equal(hash_run("row_threads=0", &third), untuned);
    assert_true(third.measured > 2);
}

struct rows {
    unsigned n, tried, differed;
};

static void add_row(void *user, const struct hekla_tuning_row *row)
{
    struct rows *rows = user;
    rows->n++;
    rows->tried += row->tried;
    rows->differed += row->differed;
    assert_true(row->rows > 0 && row->columns > 0 && row->seconds > 0);
    assert_true(row->seconds <= row->seconds_before);
}

static void rows_are_reported(void **state)
{
    (void)state;
    struct hekla_error err;
    struct heard heard = {0};
    struct rows rows = {0};
    hekla_model *model = open_gpu("row_threads=0", &heard);
    hekla_session *session =
        open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX, .n_batch = N_PROMPT});
    assert_int_equal(hekla_session_tune(session, 600, add_row, &rows, &err), HEKLA_OK);
    assert_true(rows.n >= 8 && rows.tried >= rows.n);
    assert_int_equal(rows.differed, 0);
    struct heard none = {0};
    assert_int_equal(hash_session(session, vocab_of(model)), hash_run("row_threads=1", &none));
    assert_int_equal(hekla_session_tune(session, 1, NULL, NULL, &err), HEKLA_ARGUMENT);
    hekla_session_close(session);
    hekla_model_close(model);
}

static void processors_have_none(void **state)
{
    (void)state;
    struct hekla_error err;
    struct heard heard = {0};
    hekla_model *model = open_gpu("row_threads=1", &heard);
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    assert_int_equal(hekla_session_tune(session, 1, NULL, NULL, &err), HEKLA_UNSUPPORTED);
    assert_non_null(strstr(err.text, "no shapes to choose from"));
    hekla_session_close(session);
    hekla_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(results_stay),
        cmocka_unit_test(rows_are_reported), cmocka_unit_test(processors_have_none)};
    snprintf(folder, sizeof(folder), "%s/hekla-tune-XXXXXX",
        getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[2 * TEST_PATH];
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
    return failed;
}
