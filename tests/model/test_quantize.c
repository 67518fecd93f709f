/*
 * hekla quantize on real weights: the files that other tools make of the same F32 model, and the
 * program's behaviour when it is stopped or something is in its way. A source that is always there
 * is the built-in model, dequantised.
 */
#include "model_test.h"

#include "../unit/quant_rows.h"
#include "convert/convert.h"
#include "gguf/write.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { MOST_ARGUMENTS = 12, CLI_FILE = 1, CLI_WRONG = 2, CLI_STOPPED = 130 };

static char folder[TEST_PATH], source[TEST_PATH + 40], big[TEST_PATH + 40];
static char out[TEST_PATH + 40], temporary[TEST_PATH + 60], errors[TEST_PATH + 40];

/* ---- sources ----------------------------------------------------------------------------------
 */

static struct gguf *open_file(const char *path)
{
    struct gguf *g;
    struct hekla_error err = {0};
    if (gguf_open(&g, path, quant_file_bytes, &err))
        fail_msg("%s", err.text);
    return g;
}

static const uint8_t *bytes_of(const struct gguf *g, const struct gguf_tensor *t)
{
    return g->files[t->file].data + t->offset;
}

static const struct quant_type *type_of(const struct gguf_tensor *t)
{
    const struct quant_type *type = quant_find(t->type);
    assert_non_null(type);
    return type;
}

/* Writes `from` with F32 weights. */
static void write_widened(const struct gguf *from, const char *path)
{
    struct gguf_tensor *tensors = calloc((size_t)from->n_tensors, sizeof(*tensors));
    struct gguf_writer w = {0};
    struct hekla_error err = {0};
    static const char *const leave[] = {NULL};
    uint64_t n;
    assert_non_null(tensors);
    for (uint64_t i = 0; i < from->n_tensors; i++) {
        tensors[i] = from->tensors[i];
        tensors[i].type = quant_types[QT_f32].file_id;
        tensors[i].n_bytes = 4 * tensors[i].n_elements;
    }
    const struct gguf_head head = {.from = from,
        .leave = leave,
        .tensors = tensors,
        .n_tensors = from->n_tensors,
        .alignment = 32};
    if (gguf_write_head(&w, &head, &n, &err))
        fail_msg("%s", err.text);
    float *file = calloc((size_t)n + 3, 1);
    assert_non_null(file);
    memcpy(file, w.data, (size_t)w.n);
    for (uint64_t i = 0; i < from->n_tensors; i++)
        dequantize_row(type_of(&from->tensors[i]), bytes_of(from, &from->tensors[i]),
            (uint32_t)tensors[i].n_elements, file + tensors[i].offset / 4);
    FILE *f = fopen(path, "wb");
    assert_true(f && fwrite(file, 1, (size_t)n, f) == n && fclose(f) == 0);
    free(file);
    free(w.data);
    free(tensors);
}

/* One matrix large enough to be in the middle of; only the last value is not 0.5. */
static void write_big(const char *path, float last)
{
    enum { SIDE = 4096, BIG_HEAD = 96 };
    unsigned char head[BIG_HEAD] = "GGUF\3\0\0\0\1";
    static const unsigned char entry[] = {8, 0, 0, 0, 0, 0, 0, 0, 'a', '.', 'w', 'e', 'i', 'g', 'h',
        't', 2, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 16};
    memcpy(head + 24, entry, sizeof(entry));
    FILE *f = fopen(path, "wb");
    float *row = malloc(SIDE * sizeof(float));
    assert_true(f && row && fwrite(head, 1, BIG_HEAD, f) == BIG_HEAD);
    for (int i = 0; i < SIDE; i++) {
        for (int k = 0; k < SIDE; k++)
            row[k] = i == SIDE - 1 && k == SIDE - 1 ? last : 0.5f;
        assert_int_equal(fwrite(row, sizeof(float), SIDE, f), SIDE);
    }
    assert_int_equal(fclose(f), 0);
    free(row);
}

/* ---- the program ------------------------------------------------------------------------------
 */

static pid_t start(const char *const *arguments, rlim_t most_bytes)
{
    char *argv[MOST_ARGUMENTS + 2] = {HEKLA_BINARY};
    for (int i = 0; arguments[i] && i < MOST_ARGUMENTS; i++)
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        int file = open(errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(null, STDOUT_FILENO);
        dup2(file, STDERR_FILENO);
        if (most_bytes)
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){most_bytes, most_bytes});
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

/* The exit code; -1: ended by a signal. */
static int finish(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(const char *const *arguments, rlim_t most_bytes, int code, const char *words)
{
    int got = finish(start(arguments, most_bytes));
    char *text = read_file(errors, NULL);
    if (got != code || !strstr(text, words))
        fail_msg("exit code %d and \"%s\", expected %d and \"%s\"", got, text, code, words);
    const char *line = strstr(text, "hekla: ");
    assert_true(code == 0 || (line && strchr(line, '\n') && !strchr(line, '\n')[1]));
    free(text);
}

#define QUANTIZE(code, words, ...)                                                                 \
    expect((const char *const[]){"quantize", __VA_ARGS__, NULL}, 0, code, words)

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void expect_nothing_left(void)
{
    assert_false(exists(out));
    assert_false(exists(temporary));
}

/* ---- against the files of other tools ---------------------------------------------------------
 */

/* The sum of squared differences from the weights of the F32 file. */
static double error_of(const struct gguf *g, const struct gguf_tensor *t, const float *x)
{
    float *y = malloc((size_t)t->n_elements * sizeof(*y));
    double sum = 0;
    assert_non_null(y);
    dequantize_row(type_of(t), bytes_of(g, t), (uint32_t)t->n_elements, y);
    for (uint64_t i = 0; i < t->n_elements; i++)
        sum += ((double)y[i] - x[i]) * ((double)y[i] - x[i]);
    free(y);
    return sum;
}

struct totals {
    double ours[QT_COUNT], theirs[QT_COUNT], worst[QT_COUNT];
};

/* Types whose rule leaves no choice: the bytes are the same. */
static bool is_fixed(const struct quant_type *type)
{
    static const enum quant fixed[] = {QT_f32, QT_q8_0, QT_q4_0, QT_q4_1, QT_q5_0, QT_q5_1};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (type == &quant_types[fixed[i]])
            return true;
    return false;
}

static void compare_tensor(const struct gguf *wide, const struct gguf *ours,
    const struct gguf *theirs, const struct gguf_tensor *t, struct totals *sum)
{
    char name[100];
    snprintf(name, sizeof(name), "%.*s", (int)t->name.n, t->name.data);
    const struct gguf_tensor *w = gguf_find_tensor(wide, name), *o = gguf_find_tensor(ours, name);
    assert_true(w && o);
    const struct quant_type *type = type_of(t);
    const int id = (int)(type - quant_types);
    if (o->type != t->type)
        fail_msg("%s is %s, expected %s", name, type_of(o)->label, type->label);
    assert_int_equal(o->n_bytes, t->n_bytes);
    if (is_fixed(type)) {
        if (memcmp(bytes_of(ours, o), bytes_of(theirs, t), (size_t)t->n_bytes) != 0)
            fail_msg("%s: the bytes of %s differ", name, type->label);
        return;
    }
    const float *x = (const float *)(const void *)bytes_of(wide, w);
    double a = error_of(ours, o, x), b = error_of(theirs, t, x), ratio = sqrt(a / b);
    sum->ours[id] += a;
    sum->theirs[id] += b;
    sum->worst[id] = fmax(sum->worst[id], ratio);
    if (ratio > 1.01)
        fail_msg(
            "%s: the error of %s is %.4f times that of the other file", name, type->label, ratio);
}

static void same_as_others(void **state)
{
    (void)state;
    static const char *const types[] = {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k_m",
        "q4_k_m", "q5_k_m", "q6_k", "iq4_nl", "iq4_xs", "mxfp4"};
    const char *shared = find_shared();
    char path[TEST_PATH];
    struct totals sum = {0};
    if (!shared)
        skip();
    snprintf(path, sizeof(path), "%s/models/hekla-tiny/hekla-tiny-f32.gguf", shared);
    struct gguf *wide = open_file(path);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        QUANTIZE(0, "", path, out, types[i]);
        char given[TEST_PATH];
        snprintf(given, sizeof(given), "%s/models/hekla-tiny/hekla-tiny-%s.gguf", shared, types[i]);
        struct gguf *ours = open_file(out), *theirs = open_file(given);
        uint32_t a, b;
        assert_int_equal(ours->n_tensors, theirs->n_tensors);
        assert_int_equal(gguf_get_u32(ours, "general.file_type", true, 0, &a, NULL), 0);
        assert_int_equal(gguf_get_u32(theirs, "general.file_type", true, 0, &b, NULL), 0);
        assert_int_equal(a, b);
        for (uint64_t k = 0; k < theirs->n_tensors; k++)
            compare_tensor(wide, ours, theirs, &theirs->tensors[k], &sum);
        gguf_close(ours);
        gguf_close(theirs);
    }
    gguf_close(wide);
    for (int t = 0; t < QT_COUNT; t++)
        if (sum.theirs[t] > 0)
            printf("%-6s error %.4f of the other files', at worst %.4f\n", quant_types[t].label,
                sqrt(sum.ours[t] / sum.theirs[t]), sum.worst[t]);
}

/* ---- the built-in model, widened --------------------------------------------------------------
 */

/* Its own type gives its own bytes back. */
static void there_and_back(void **state)
{
    (void)state;
    QUANTIZE(0, "", source, out, "Q8_0");
    struct gguf *g = open_file(out), *builtin = open_file(builtin_path);
    assert_int_equal(g->n_tensors, builtin->n_tensors);
    assert_int_equal(g->n_keys, builtin->n_keys);
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const struct gguf_tensor *a = &g->tensors[i], *b = &builtin->tensors[i];
        assert_int_equal(a->type, b->type);
        assert_int_equal(a->n_bytes, b->n_bytes);
        assert_memory_equal(bytes_of(g, a), bytes_of(builtin, b), a->n_bytes);
    }
    gguf_close(g);
    gguf_close(builtin);
}

static void write_text(hekla_session *session, const hekla_model *model, struct token_list *list)
{
    hekla_token prompt[64];
    size_t n;
    struct hekla_error err;
    static const char text[] = "Once upon a time";
    if (hekla_tokenize(model, text, strlen(text), HEKLA_TOKENIZE_BOS, prompt, 64, &n, &err))
        fail_msg("%s", err.text);
    eval(session, prompt, n);
    generate(session, NULL, 12, true, list);
}

/* Every type makes a model that runs; the finest ones write what F32 writes. */
static void results_run(void **state)
{
    (void)state;
    struct token_list wide = {.n = 0};
    for (uint32_t i = 0; i == 0 || mix_at(i - 1); i++) {
        const char *path = i ? out : source, *name = i ? mix_at(i - 1)->name : "F32";
        if (i)
            QUANTIZE(0, "", source, out, name);
        hekla_model *model = open_model(path, "ref"); /* what others do is tested elsewhere */
        hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = 64});
        struct token_list list = {.n = 0};
        write_text(session, model, &list);
        if (i == 0)
            wide = list;
        if (!strcmp(name, "F16") || !strcmp(name, "BF16") || !strcmp(name, "Q8_0"))
            assert_memory_equal(list.ids, wide.ids, wide.n * sizeof(list.ids[0]));
        hekla_session_close(session);
        hekla_model_close(model);
    }
}

static void thread_counts(void **state)
{
    (void)state;
    size_t n, n_again;
    QUANTIZE(0, "", "-t", "1", source, out, "Q4_K_M");
    char *first = read_file(out, &n);
    QUANTIZE(0, "", source, "--threads=2", out, "q4_k");
    char *again = read_file(out, &n_again);
    assert_int_equal(n, n_again);
    assert_memory_equal(first, again, n);
    free(first);
    free(again);
}

/* ---- in the way -------------------------------------------------------------------------------
 */

static void usage(void **state)
{
    (void)state;
    QUANTIZE(CLI_WRONG, "needs three names", source, out);
    QUANTIZE(CLI_WRONG, "did you mean Q4_K_M?", source, out, "Q4_KM");
    QUANTIZE(CLI_WRONG, "types are F16 BF16 Q8_0", source, out, "banana");
    QUANTIZE(CLI_WRONG, "unknown type \"F32\"", source, out, "F32");
    QUANTIZE(CLI_WRONG, "does not know what to do with \"4\"", source, out, "Q4_0", "4");
    QUANTIZE(CLI_WRONG, "-t cannot be \"0\"", "-t", "0", source, out, "Q4_0");
    QUANTIZE(CLI_WRONG, "is the file to read", source, source, "Q4_0");
    QUANTIZE(CLI_FILE, "quantising a second time", builtin_path, out, "Q4_0");
    QUANTIZE(CLI_FILE, "No such file", "/nonexistent/model.gguf", out, "Q4_0");
    QUANTIZE(CLI_FILE, "No such file", source, "/nonexistent/model.gguf", "Q4_0");
    QUANTIZE(CLI_FILE, "could not be created", source, "/proc/model.gguf", "Q4_0");
    QUANTIZE(CLI_FILE, "is a directory", source, folder, "Q4_0");
    expect_nothing_left();
}

static void bad_weights(void **state)
{
    (void)state;
    write_big(big, NAN);
    QUANTIZE(CLI_FILE, "tensor a.weight has a NaN in row 4095, column 4095", big, out, "Q4_0");
    expect_nothing_left();
    assert_int_equal(truncate(big, 96 + 4096 * 4096 * 4 - 1), 0);
    QUANTIZE(CLI_FILE, "truncated: tensor a.weight", big, out, "Q4_0");
    expect_nothing_left();
}

static void file_limit(void **state)
{
    (void)state;
    expect((const char *const[]){"quantize", source, out, "Q8_0", NULL}, 1000000, CLI_FILE,
        "out.gguf: no room for its 3.5 MiB: File too large");
    expect_nothing_left();
}

/* A disk of one megabyte, where this may be mounted. */
static void full_disk(void **state)
{
    (void)state;
    char command[4 * TEST_PATH];
    if (system("unshare -m sh -c 'mount -t tmpfs none /mnt' >/dev/null 2>&1") != 0) {
        printf("skipped: a small disk cannot be mounted here\n");
        skip();
    }
    snprintf(command, sizeof(command),
        "unshare -m sh -c 'mount -t tmpfs -o size=1m none /mnt && "
        "\"%s\" quantize \"%s\" /mnt/out.gguf Q8_0 2>\"%s\"; echo $? $(ls -A /mnt | wc -l)'",
        HEKLA_BINARY, source, errors);
    FILE *pipe = popen(command, "r");
    int code = -1, left = -1;
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d %d", &code, &left), 2);
    pclose(pipe);
    char *text = read_file(errors, NULL);
    assert_non_null(
        strstr(text, "/mnt/out.gguf: no room for its 3.5 MiB: No space left on device"));
    free(text);
    assert_int_equal(code, CLI_FILE);
    assert_int_equal(left, 0);
}

/* Starts on the big matrix and signals it once it is at work. */
static int signalled(int number)
{
    write_big(big, 0.25f);
    pid_t pid = start((const char *const[]){"quantize", "-t", "1", big, out, "Q6_K", NULL}, 0);
    struct stat st;
    while (stat(temporary, &st) != 0 || st.st_blocks == 0)
        assert_int_equal(waitpid(pid, &(int){0}, WNOHANG), 0); /* it has not ended */
    assert_int_equal(kill(pid, number), 0);
    return finish(pid);
}

static void interrupted(void **state)
{
    (void)state;
    assert_int_equal(signalled(SIGINT), CLI_STOPPED);
    expect_nothing_left();
}

/* What a killed run leaves is in nobody's way. */
static void killed(void **state)
{
    (void)state;
    assert_int_equal(signalled(SIGKILL), -1);
    assert_false(exists(out));
    assert_true(exists(temporary));
    QUANTIZE(0, "", source, out, "Q4_0");
    assert_false(exists(temporary));
    gguf_close(open_file(out));
}

static int remove_results(void **state)
{
    (void)state;
    const char *const paths[] = {out, temporary, big, errors};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        unlink(paths[i]);
    return 0;
}

static int make_folder(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%.900s/hekla-quantize-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    snprintf(source, sizeof(source), "%s/source.gguf", folder);
    snprintf(big, sizeof(big), "%s/big.gguf", folder);
    snprintf(out, sizeof(out), "%s/out.gguf", folder);
    snprintf(temporary, sizeof(temporary), "%s.tmp", out);
    snprintf(errors, sizeof(errors), "%s/stderr", folder);
    struct gguf *builtin = open_file(builtin_path);
    write_widened(builtin, source);
    gguf_close(builtin);
    return 0;
}

static int remove_folder(void **state)
{
    remove_results(state);
    unlink(source);
    return rmdir(folder); /* fails if anything else was left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(same_as_others, remove_results),
        cmocka_unit_test_teardown(there_and_back, remove_results),
        cmocka_unit_test_teardown(results_run, remove_results),
        cmocka_unit_test_teardown(thread_counts, remove_results),
        cmocka_unit_test_teardown(usage, remove_results),
        cmocka_unit_test_teardown(bad_weights, remove_results),
        cmocka_unit_test_teardown(file_limit, remove_results),
        cmocka_unit_test_teardown(full_disk, remove_results),
        cmocka_unit_test_teardown(interrupted, remove_results),
        cmocka_unit_test_teardown(killed, remove_results),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
