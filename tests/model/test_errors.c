/*
 * Bad input, through the library and through the program: each ends with one clear sentence and its
 * exit code, none with a crash. Bad models are the built-in one with some bytes changed.
 */
#include "model_test.h"

#include "gguf/gguf.h"
#include "quant/quant.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { MOST_ARGUMENTS = 16, EXIT_FILE = 1, EXIT_USAGE = 2, EXIT_NO_DEVICE = 3, EXIT_MEMORY = 4 };

static char folder[TEST_PATH], model_path[TEST_PATH + 40];
static unsigned char *original, *bytes; /* the built-in model; a copy to change */
static size_t n_bytes;
static struct gguf *directory; /* of `bytes` */

/* ---- the model to change ----------------------------------------------------------------------
 */

static void write_model(size_t n)
{
    FILE *file = fopen(model_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static int reset_model(void **state)
{
    (void)state;
    memcpy(bytes, original, n_bytes);
    return 0;
}

static unsigned char *find_key(const char *name)
{
    const struct gguf_key *key = gguf_find_key(directory, name);
    if (!key)
        fail_msg("the model has no key %s", name);
    return bytes + (key->data - (const uint8_t *)bytes);
}

static void store_u32(unsigned char *at, uint32_t value)
{
    cli_store_le32(at, value);
}

static void store_f32(unsigned char *at, float value)
{
    uint32_t word;
    memcpy(&word, &value, 4);
    cli_store_le32(at, word);
}

/* The parts of a tensor's entry: name, number of dimensions, dimensions, type, offset. */
struct entry {
    unsigned char *name, *dims, *type;
};

static struct entry find_entry(const char *name)
{
    const struct gguf_tensor *t = gguf_find_tensor(directory, name);
    if (!t)
        fail_msg("the model has no tensor %s", name);
    struct entry e = {.name = bytes + ((const uint8_t *)t->name.data - bytes)};
    e.dims = e.name + t->name.n + 4;
    e.type = e.dims + 8 * t->n_dims;
    return e;
}

/* The file as it is now must be refused with this code and words, and *out stays untouched. */
static void expect_refused(hekla_status code, const char *words)
{
    hekla_model *model = NULL;
    struct hekla_error err;
    write_model(n_bytes);
    hekla_status status = hekla_model_open(
        &model, &(struct hekla_model_options){.path = model_path, .device = "ref"}, &err);
    if (status != code || !strstr(err.text, words))
        fail_msg("\"%s\" (%d), expected \"%s\" (%d)", err.text, status, words, code);
    assert_int_equal(err.code, code);
    assert_null(model);
    assert_null(strchr(err.text, '\n'));
    assert_int_equal(hekla_model_open(&model, /* without somebody to tell */
                         &(struct hekla_model_options){.path = model_path, .device = "ref"}, NULL),
        code);
    assert_null(model);
}

/* ---- the program ------------------------------------------------------------------------------
 */

struct result {
    int code; /* -1: ended by a signal */
    char *errors;
};

static void redirect(const char *path, int fd)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, fd) < 0)
        _exit(126);
}

/* arguments ends with NULL; no_driver hides every Vulkan driver. */
static struct result run_program(const char *const *arguments, bool no_driver)
{
    char *argv[MOST_ARGUMENTS + 2] = {HEKLA_BINARY}, path[TEST_PATH + 40];
    struct result result;
    int status;
    for (int i = 0; arguments[i] && i < MOST_ARGUMENTS; i++)
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    snprintf(path, sizeof(path), "%s/stderr", folder);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (no_driver) {
            setenv("VK_DRIVER_FILES", "/nonexistent", 1);
            setenv("VK_ICD_FILENAMES", "/nonexistent", 1);
        }
        redirect("/dev/null", STDOUT_FILENO);
        redirect(path, STDERR_FILENO);
        execv(argv[0], argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result.errors = read_file(path, NULL);
    return result;
}

/* Exactly one line of "hekla: ..." at the end, with these words. */
static void check_sentence(const char *errors, const char *words)
{
    const char *sentence = NULL;
    int n = 0;
    for (const char *line = errors; line && *line;) {
        if (!strncmp(line, "hekla: ", 7)) {
            sentence = line;
            n++;
        }
        line = strchr(line, '\n');
        line += line != NULL;
    }
    if (n != 1 || !strstr(sentence, words)) {
        print_error("not one sentence that says \"%s\": %s\n", words, errors ? errors : "");
        fail();
    }
    assert_string_equal(strchr(sentence, '\n'), "\n");
}

static void expect_exit(const char *const *arguments, bool no_driver, int code, const char *words)
{
    struct result result = run_program(arguments, no_driver);
    if (result.code != code)
        fail_msg("exit code %d instead of %d: %s", result.code, code, result.errors);
    check_sentence(result.errors, words);
    free(result.errors);
}

#define RUN(code, words, ...)                                                                      \
    expect_exit((const char *const[]){__VA_ARGS__, NULL}, false, code, words)

/* ---- files ------------------------------------------------------------------------------------
 */

static void truncated_files(void **state)
{
    (void)state;
    const struct gguf_tensor *last = &directory->tensors[directory->n_tensors - 1];
    size_t tokens = (size_t)(find_key("tokenizer.ggml.tokens") - bytes);
    size_t cuts[] = {0, 1, 3, 4, 8, 23, 24, 30, 100, tokens + 20, last->offset - 1, last->offset,
        n_bytes / 2, n_bytes - 4096, n_bytes - 1};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        hekla_model *model = NULL;
        struct hekla_error err;
        write_model(cuts[i]);
        assert_int_equal(
            hekla_model_open(
                &model, &(struct hekla_model_options){.path = model_path, .device = "ref"}, &err),
            HEKLA_FORMAT);
        assert_null(model);
        assert_int_not_equal(strlen(err.text), 0);
        if (cuts[i] >= 24 && !strstr(err.text, "truncated"))
            fail_msg("cut at %zu: \"%s\" does not say that it is truncated", cuts[i], err.text);
    }
    write_model(n_bytes / 2);
    RUN(EXIT_FILE, "truncated: tensor ", "run", "-m", model_path, "-p", "x");
    RUN(EXIT_FILE, "truncated: tensor ", "info", "-m", model_path);
}

static void not_models(void **state)
{
    (void)state;
    memcpy(bytes, "GGML", 4);
    expect_refused(HEKLA_FORMAT, "not a GGUF file");
    RUN(EXIT_FILE, "not a GGUF file", "run", "-m", model_path, "-p", "x");
    reset_model(state);
    store_u32(bytes + 4, 77);
    expect_refused(HEKLA_UNSUPPORTED, "version 77 is not supported, expected 2 or 3");
    reset_model(state);
    memset(bytes + 16, 0xff, 8);
    expect_refused(HEKLA_FORMAT, "keys");
    RUN(EXIT_FILE, "/nonexistent/model.gguf: No such file", "run", "-m", "/nonexistent/model.gguf",
        "-p", "x");
    RUN(EXIT_FILE, "is a directory", "run", "-m", "/", "-p", "x");
}

static void wrong_tensors(void **state)
{
    struct entry e = find_entry("blk.1.attn_k.weight");
    e.name[4] = '9'; /* blk.9 */
    expect_refused(HEKLA_FORMAT, "tensor blk.1.attn_k.weight is missing");
    RUN(EXIT_FILE, "tensor blk.1.attn_k.weight is missing", "run", "-m", model_path, "-p", "x");
    reset_model(state);
    store_u32(find_entry("blk.2.attn_v.weight").dims + 8, 64);
    expect_refused(HEKLA_FORMAT, "tensor blk.2.attn_v.weight is 256 x 64 x 1, expected 256 x 128");
    reset_model(state);
    store_u32(find_entry("token_embd.weight").dims + 8, 1000);
    expect_refused(HEKLA_FORMAT, "tensor token_embd.weight");
    reset_model(state);
    store_u32(find_entry("blk.0.ffn_up.weight").type, 9);
    expect_refused(HEKLA_UNSUPPORTED, "tensor blk.0.ffn_up.weight has type Q8_1, expected one of");
    reset_model(state);
    store_u32(find_entry("blk.0.ffn_up.weight").type, 999);
    expect_refused(HEKLA_UNSUPPORTED, "has type number 999");
    reset_model(state);
    store_u32(find_entry("blk.0.attn_norm.weight").type, 1);
    expect_refused(HEKLA_UNSUPPORTED, "has type F16, expected F32");
    reset_model(state);
    memset(find_entry("output_norm.weight").dims, 0xff, 8);
    expect_refused(HEKLA_FORMAT, "tensor output_norm.weight has size");
}

/* Strings keep their length; the first 8 bytes at a string key are its length. */
static void wrong_keys(void **state)
{
    memcpy(find_key("general.architecture") + 8, "fooba", 5);
    expect_refused(HEKLA_UNSUPPORTED, "architecture \"fooba\" is not supported, only llama");
    RUN(EXIT_FILE, "architecture \"fooba\" is not supported", "run", "-m", model_path, "-p", "x");
    reset_model(state);
    memcpy(find_key("tokenizer.ggml.model") + 8, "rwkv", 4);
    expect_refused(HEKLA_UNSUPPORTED, "tokenizer \"rwkv\"");
    reset_model(state);
    store_f32(find_key("llama.attention.layer_norm_rms_epsilon"), NAN);
    expect_refused(HEKLA_FORMAT, "llama.attention.layer_norm_rms_epsilon");
    reset_model(state);
    store_f32(find_key("llama.rope.freq_base"), -INFINITY);
    expect_refused(HEKLA_FORMAT, "llama.rope.freq_base");
    reset_model(state);
    store_f32(find_key("llama.rope.freq_base"), 0);
    expect_refused(HEKLA_FORMAT, "llama.rope.freq_base is 0, expected a positive number");
}

static void keep_line(void *user, enum hekla_notice kind, const char *line)
{
    assert_int_equal(kind, HEKLA_NOTICE_WARNING);
    snprintf(user, 400, "%s", line);
}

/* An unknown pre-tokenizer is said, an unknown architecture no hindrance to a vocabulary. */
static void what_vocabularies_do_not_need(void **state)
{
    (void)state;
    char line[400] = "";
    hekla_model *model = NULL;
    struct hekla_error err;
    const struct hekla_model_options options = {
        .path = model_path, .vocab_only = true, .notice = keep_line, .notice_user = line};
    memcpy(find_key("tokenizer.ggml.pre") + 8, "nonesuch!", 9);
    memcpy(find_key("general.architecture") + 8, "fooba", 5);
    write_model(n_bytes);
    if (hekla_model_open(&model, &options, &err))
        fail_msg("%s", err.text);
    assert_non_null(strstr(line, "pre-tokenizer \"nonesuch!\""));
    struct hekla_model_info info;
    hekla_model_get_info(model, &info);
    assert_string_equal(info.architecture, "fooba");
    assert_int_equal(info.n_vocab, 1024);
    hekla_model_close(model);
    struct result result =
        run_program((const char *const[]){"tokenize", "-m", model_path, "-p", "x", NULL}, true);
    assert_int_equal(result.code, 0);
    assert_non_null(strstr(result.errors, "pre-tokenizer \"nonesuch!\""));
    free(result.errors);
}

static void wrong_numbers(void **state)
{
    static const struct {
        const char *key;
        uint32_t value;
        const char *words;
    } cases[] = {
        {"llama.block_count", 0, "llama.block_count is 0"},
        {"llama.block_count", 4000000000u, "llama.block_count is 4000000000"},
        {"llama.block_count", 5, "tensor blk.4.attn_norm.weight is missing"},
        {"llama.embedding_length", 0, "llama.embedding_length is 0"},
        {"llama.embedding_length", 512, "expected 512"},
        {"llama.feed_forward_length", 0, "llama.feed_forward_length is 0"},
        {"llama.attention.head_count", 0, "llama.attention.head_count is 0"},
        {"llama.attention.head_count_kv", 3, "4 attention heads cannot share 3 key/value heads"},
        {"llama.attention.head_count_kv", 0, "llama.attention.head_count_kv is 0"},
        {"llama.context_length", 0, "llama.context_length is 0"},
        {"llama.context_length", UINT32_MAX, "llama.context_length is 4294967295"},
        {"llama.rope.dimension_count", 63, "llama.rope.dimension_count is 63"},
        {"llama.rope.dimension_count", 66, "llama.rope.dimension_count is 66"},
        {"tokenizer.ggml.bos_token_id", 5000, "tokenizer.ggml.bos_token_id is 5000"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        store_u32(find_key(cases[i].key), cases[i].value);
        expect_refused(HEKLA_FORMAT, cases[i].words);
        reset_model(state);
    }
}

/* ---- files that change ------------------------------------------------------------------------
 */

struct change {
    int calls;
    bool truncate;
};

static bool change_file(void *user, double fraction)
{
    struct change *c = user;
    (void)fraction;
    if (c->calls++ == 0 && c->truncate)
        assert_int_equal(truncate(model_path, (off_t)(n_bytes / 2)), 0);
    if (c->calls == 2 && !c->truncate) { /* the same size, other bytes */
        int file = open(model_path, O_WRONLY);
        assert_true(file >= 0);
        assert_int_equal(pwrite(file, "GGUF", 4, (off_t)n_bytes / 2), 4);
        close(file);
    }
    return true;
}

static void files_that_change_while_loading(void **state)
{
    (void)state;
    for (int truncated = 0; truncated < 2; truncated++) {
        hekla_model *model = NULL;
        struct hekla_error err;
        struct change change = {.truncate = truncated};
        struct timespec pause = {0, 20000000}; /* more than a file system's clock tick */
        write_model(n_bytes);
        nanosleep(&pause, NULL);
        hekla_status status = hekla_model_open(&model,
            &(struct hekla_model_options){.path = model_path,
                .device = "ref",
                .progress = change_file,
                .progress_user = &change},
            &err);
        assert_true(change.calls > 0);
        assert_int_equal(status, HEKLA_IO);
        assert_null(model);
        if (!strstr(err.text, truncated ? "the file has become shorter" : "changed while in use"))
            fail_msg("\"%s\" does not tell what happened", err.text);
    }
}

static bool cancel(void *user, double fraction)
{
    (void)user;
    assert_true(fraction >= 0 && fraction <= 1);
    return false;
}

static void loading_can_be_cancelled(void **state)
{
    (void)state;
    hekla_model *model = NULL;
    struct hekla_error err;
    hekla_status status = hekla_model_open(
        &model, &(struct hekla_model_options){.device = "ref", .progress = cancel}, &err);
    assert_int_not_equal(status, HEKLA_OK);
    assert_null(model);
    assert_non_null(strstr(err.text, "cancelled"));
}

/* Once loaded, a model needs its file no more for its answers. */
static void a_deleted_file_changes_no_answer(void **state)
{
    (void)state;
    struct token_list lists[2] = {{.n = 0}, {.n = 0}};
    write_model(n_bytes);
    hekla_model *model = open_model(model_path, NULL);
    for (int i = 0; i < 2; i++) {
        struct hekla_error err;
        hekla_token ids[64];
        size_t n;
        hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = 64});
        if (hekla_tokenize(model, "Once upon a time", 16, HEKLA_TOKENIZE_BOS, ids, 64, &n, &err))
            fail_msg("%s", err.text);
        eval(session, ids, n);
        generate(session, NULL, 20, true, &lists[i]);
        hekla_session_close(session);
        if (i == 0) {
            assert_int_equal(truncate(model_path, 0), 0);
            assert_int_equal(unlink(model_path), 0);
        }
    }
    assert_memory_equal(lists[0].ids, lists[1].ids, 20 * sizeof(lists[0].ids[0]));
    hekla_model_close(model);
}

/* ---- devices, contexts and prompts ------------------------------------------------------------
 */

static void contexts_that_do_not_fit(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, "ref");
    hekla_session *session = NULL;
    struct hekla_error err;
    assert_int_equal(
        hekla_session_open(&session, model, &(struct hekla_session_options){.n_ctx = 2049}, &err),
        HEKLA_ARGUMENT);
    assert_null(session);
    assert_non_null(strstr(err.text, "2049"));
    hekla_model_close(model);
    RUN(EXIT_USAGE, "the model goes up to 2048", "run", "--device", "ref", "-c", "4000", "-p", "x");
    RUN(EXIT_USAGE, "the context holds 4", "run", "--device", "ref", "-c", "4", "-p",
        "Once upon a time there was a fox");
}

static void devices(void **state)
{
    static const char *const run[] = {"run", "-p", "x", "-n", "1", NULL};
    static const char *const on_ref[] = {"run", "-p", "x", "-n", "1", "--device", "ref", NULL};
    (void)state;
    RUN(EXIT_NO_DEVICE, "there is no device \"99\"", "run", "--device", "99", "-p", "x");
    RUN(EXIT_NO_DEVICE, "there is no device \"nonesuch\"", "run", "--device", "nonesuch", "-p",
        "x");
    expect_exit(run, true, EXIT_NO_DEVICE, "mesa-vulkan-drivers");
    expect_exit(run, true, EXIT_NO_DEVICE, "--device ref");
    struct result result = run_program(on_ref, true);
    assert_int_equal(result.code, 0);
    free(result.errors);
    hekla_model *model = NULL;
    struct hekla_error err;
    assert_int_equal(
        hekla_model_open(&model, &(struct hekla_model_options){.caps = "nonesuch=1"}, &err),
        HEKLA_ARGUMENT);
    assert_null(model);
    assert_non_null(strstr(err.text, "nonesuch"));
}

static void prompts(void **state)
{
    (void)state;
    RUN(EXIT_USAGE, "not valid UTF-8: byte 0xff at offset 2", "run", "--device", "ref", "-p",
        "ab\xff");
    RUN(EXIT_USAGE, "not valid UTF-8", "tokenize", "-p", "\xc3");
    RUN(EXIT_USAGE, "has token 1024, but the vocabulary", "run", "--device", "ref", "--prompt-ids",
        "1,1024");
    RUN(EXIT_USAGE, "--prompt-ids", "run", "--device", "ref", "--prompt-ids", "1,x");
    RUN(EXIT_FILE, "/nonexistent/prompt", "run", "--device", "ref", "-f", "/nonexistent/prompt");
}

static void flags(void **state)
{
    (void)state;
    RUN(EXIT_USAGE, "unknown flag --tmp for \"hekla run\"; did you mean --temp?", "run", "--tmp",
        "0", "-p", "x");
    RUN(EXIT_USAGE, "did you mean --seed?", "run", "--sed", "1");
    RUN(EXIT_USAGE, "unknown command \"rum\"; did you mean run?", "rum");
    RUN(EXIT_USAGE, "--temp cannot be \"warm\"", "run", "--temp", "warm", "-p", "x");
    RUN(EXIT_USAGE, "--device needs a value", "run", "-p", "x", "--device");
}

/* ---- */

static int prepare(void **state)
{
    const char *tmp = getenv("TMPDIR");
    struct hekla_error err = {0};
    (void)state;
    snprintf(folder, sizeof(folder), "%s/hekla-errors-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(model_path, sizeof(model_path), "%s/model.gguf", folder);
    original = (unsigned char *)read_file(builtin_path, &n_bytes);
    bytes = malloc(n_bytes);
    assert_non_null(bytes);
    memcpy(bytes, original, n_bytes);
    if (gguf_open_memory(&directory, bytes, n_bytes, "model", quant_file_bytes, &err))
        fail_msg("%s", err.text);
    return 0;
}

static int clean_up(void **state)
{
    char path[TEST_PATH + 40];
    (void)state;
    gguf_close(directory);
    free(original);
    free(bytes);
    snprintf(path, sizeof(path), "%s/stderr", folder);
    unlink(path);
    unlink(model_path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(truncated_files, reset_model),
        cmocka_unit_test_setup(not_models, reset_model),
        cmocka_unit_test_setup(wrong_tensors, reset_model),
        cmocka_unit_test_setup(wrong_keys, reset_model),
        cmocka_unit_test_setup(what_vocabularies_do_not_need, reset_model),
        cmocka_unit_test_setup(wrong_numbers, reset_model),
        cmocka_unit_test_setup(files_that_change_while_loading, reset_model),
        cmocka_unit_test(loading_can_be_cancelled),
        cmocka_unit_test_setup(a_deleted_file_changes_no_answer, reset_model),
        cmocka_unit_test(contexts_that_do_not_fit),
        cmocka_unit_test(devices),
        cmocka_unit_test(prompts),
        cmocka_unit_test(flags),
    };
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
