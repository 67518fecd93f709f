/*
 * Drivers that fail: the program under tests/layer/fault.c. What computes wrongly, crashes or hangs
 * is found by the self-test and not used; nothing ever shows in the text.
 */
#include "model_test.h"

#include "base/hash.h"
#include "kernels/kernels.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { EXIT_SELFTEST = 5, EXIT_DEVICE = 6 };

/* The model is all Q8_0; int_dot=2: also where the instruction is slow. */
#define RUN "run -p 'Once upon a time' -n 24 --temp 0 --hash --no-perf"

#define PROMPT                                                                                     \
    "run -p 'One day a girl named Lily found a needle in her room. She knew it was hard to play '" \
    "'with it because it was sharp.' -n 12 --seed 3"

static char folder[64], device[80], *expected;
static bool has_dot;

struct outcome {
    int exit;
    char *out, *err; /* freed by outcome_free */
};

static char *read_output(const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return read_file(path, NULL);
}

static bool has_file(const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return access(path, R_OK) == 0;
}

/* Runs the program with faults (NULL: without the layer) and a mask; verdicts are in `cache`. */
static struct outcome run(
    const char *cache, const char *caps, const char *faults, const char *arguments)
{
    struct outcome o;
    char command[4000];
    const char *compiled = getenv("XDG_CACHE_HOME"); /* by other tests: drivers are slow at it */
    snprintf(command, sizeof(command),
        "cd %s && rm -f log && env XDG_CACHE_HOME=%s/%s HEKLA_CAPS='%s' %s HEKLA_FAULT='%s' "
        "HEKLA_FAULT_LOG=%s/log MESA_SHADER_CACHE_DIR='%s' timeout 300 " HEKLA_BINARY
        " %s %s >out 2>err </dev/null",
        folder, folder, cache, caps,
        faults ? "VK_LAYER_PATH=" HEKLA_LAYERS " VK_INSTANCE_LAYERS=VK_LAYER_HEKLA_fault"
               : "VK_INSTANCE_LAYERS=",
        faults ? faults : "", folder, compiled ? compiled : folder, arguments, device);
    int status = system(command);
    assert_true(WIFEXITED(status));
    o.exit = WEXITSTATUS(status);
    o.out = read_output("out");
    o.err = read_output("err");
    return o;
}

static void outcome_free(struct outcome *o)
{
    free(o->out);
    free(o->err);
}

static void expect_words(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("expected \"%s\" in:\n%s", words, text);
}

static void expect_log(const char *line)
{
    if (!has_file("log"))
        fail_msg("the layer did nothing, where \"%s\" was wanted", line);
    char *log = read_output("log");
    expect_words(log, line);
    free(log);
}

/* The run must end well, with the text and bits of a run without faults. */
static void expect_same(const struct outcome *o)
{
    if (o->exit != 0 || strcmp(o->out, expected) != 0)
        fail_msg("exit %d, expected\n%s\nbut got\n%s\n%s", o->exit, expected, o->out, o->err);
}

static uint32_t count_words(const char *text, const char *words)
{
    uint32_t n = 0;
    for (const char *at = text; (at = strstr(at, words)); at++)
        n++;
    return n;
}

static const char *fault_of(const char *kind, enum kernel kernel, int quant)
{
    static char text[80];
    const struct spirv *s = kernel_spirv(kernel, quant);
    assert_non_null(s);
    snprintf(text, sizeof(text), "%s=%016" PRIx64, kind, hash_bytes(s->words, s->bytes));
    return text;
}

#define DOT "int_dot=2"

static bool skip_dot(void)
{
    if (!has_dot)
        printf("skipped: no faster variant on this device or in this build\n");
    return !has_dot;
}

/* The doctor must find this verdict on matvec_dot, and no other fault; a run then does without. */
static void expect_avoided(const char *cache, const char *fault, const char *verdict)
{
    char words[200];
    struct outcome o = run(cache, DOT, fault, "doctor --json --patience 8 --only '_dot q8_0'");
    snprintf(words, sizeof(words),
        "{\"kernel\": \"matvec_dot\", \"format\": \"Q8_0\", \"verdict\": \"%s\"", verdict);
    assert_int_equal(o.exit, EXIT_SELFTEST);
    expect_words(o.out, words);
    uint32_t passed = count_words(o.out, "\"verdict\": \"passed\""),
             unavailable = count_words(o.out, "\"verdict\": \"not available\"");
    assert_true(passed >= 2); /* matmul_dot, matvec_id_dot */
    assert_int_equal(count_words(o.out, "\"verdict\":"), passed + unavailable + 1);
    outcome_free(&o);
    o = run(cache, DOT, fault, RUN);
    expect_same(&o);
    outcome_free(&o);
}

static void wrong_results(void **state)
{
    (void)state;
    if (skip_dot())
        return;
    const char *fault = fault_of("corrupt", K_matvec_dot, QT_q8_0);
    expect_avoided("wrong", fault, "failed");
    struct outcome o = run("wrong2", DOT, fault, RUN);
    expect_log("corrupt");
    expect_words(o.err, "kernel matvec_dot q8_0 failed");
    expect_words(o.err, "matvec is used instead");
    expect_same(&o);
    outcome_free(&o);
    /* Believed to have passed, it would have been used, and the fault would show. */
    o = run("trusting", DOT, NULL, RUN);
    expect_same(&o);
    outcome_free(&o);
    o = run("trusting", DOT, fault, RUN);
    assert_true(o.exit != 0 || strcmp(o.out, expected) != 0);
    outcome_free(&o);
}

static void crash(void **state)
{
    (void)state;
    if (skip_dot())
        return;
    const char *fault = fault_of("crash", K_matvec_dot, QT_q8_0);
    struct outcome o = run("crash", DOT, fault, RUN);
    expect_log("crash");
    expect_words(o.err, "kernel matvec_dot q8_0 crashed");
    expect_same(&o);
    outcome_free(&o);
    expect_avoided("crash", fault, "crashed");
}

static void hang(void **state)
{
    (void)state;
    if (skip_dot())
        return;
    expect_avoided("hang", fault_of("hang", K_matvec_dot, QT_q8_0), "hung");
}

/* Nothing stands in for a baseline. */
static void nothing_instead(void **state)
{
    (void)state;
    static const char *const kinds[] = {"corrupt", "crash"};
    for (int i = 0; i < 2; i++) {
        struct outcome o = run(kinds[i], "", fault_of(kinds[i], K_rmsnorm, -1), RUN);
        expect_log(kinds[i]);
        assert_int_equal(o.exit, EXIT_SELFTEST);
        assert_string_equal(o.out, "");
        expect_words(o.err, "kernel rmsnorm cannot be used on");
        expect_words(o.err, "\"hekla doctor\" tells more");
        outcome_free(&o);
    }
}

static void other_driver(void **state)
{
    (void)state;
    struct outcome o = run("clean", "", "driver=9.9.9", RUN);
    expect_log("driver");
    expect_words(o.err, "has changed from");
    expect_words(o.err, "9.9.9");
    expect_same(&o);
    outcome_free(&o);
    o = run("clean", "", "driver=9.9.9", RUN);
    assert_null(strstr(o.err, "has changed from"));
    outcome_free(&o);
}

/* The file of verdicts in a cache, at `path`. */
static void find_store(const char *cache, char path[400])
{
    char name[200];
    snprintf(name, sizeof(name), "%s/%s/hekla", folder, cache);
    DIR *dir = opendir(name);
    assert_non_null(dir);
    path[0] = 0;
    for (struct dirent *e; (e = readdir(dir));)
        if (strncmp(e->d_name, "selftest-", 9) == 0)
            snprintf(path, 400, "%s/%.150s", name, e->d_name);
    closedir(dir);
    assert_true(path[0] != 0);
}

/* Any change makes the file worthless: a verdict must not be believed by halves. */
static void broken_store(void **state)
{
    (void)state;
    char path[400];
    size_t n;
    struct outcome o = run("broken", "", NULL, RUN " --verbose");
    expect_words(o.err, "verdicts are kept in");
    outcome_free(&o);
    o = run("broken", "", NULL, RUN " --verbose");
    assert_null(strstr(o.err, "verdicts are kept in"));
    outcome_free(&o);
    find_store("broken", path);
    for (int kind = 0; kind < 4; kind++) {
        char *text = read_file(path, &n);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        if (kind == 0)
            n /= 2;
        else if (kind == 1)
            n = 0;
        else if (kind == 2)
            memcpy(strstr(text, "passed"), "failed", 6);
        else
            text[n / 3] = 0;
        assert_int_equal(fwrite(text, 1, n, file), n);
        fclose(file);
        free(text);
        o = run("broken", "", NULL, RUN " --verbose");
        expect_words(o.err, "verdicts are kept in");
        expect_same(&o);
        outcome_free(&o);
    }
}

/* A cache that cannot be written is no reason to stop, nor to speak. */
static void no_cache(void **state)
{
    (void)state;
    char path[200];
    snprintf(path, sizeof(path), "%s/file", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fclose(file);
    struct outcome o = run("file", "", NULL, RUN);
    expect_same(&o);
    assert_null(strstr(o.err, "kept"));
    outcome_free(&o);
    o = run("file", "", NULL, RUN " --verbose");
    expect_words(o.err, "verdicts are not kept");
    outcome_free(&o);
}

/* Submissions of a run without faults, from its closing lines. */
static uint32_t count_submits(const char *caps)
{
    uint32_t n = 0;
    struct outcome o = run("clean", caps, NULL, PROMPT " --verbose");
    const char *at = strstr(o.err, "submits: ");
    if (o.exit || !at || sscanf(at, "submits: %" SCNu32, &n) != 1)
        fail_msg("no count of submissions in %s", o.err);
    outcome_free(&o);
    return n;
}

/* The device is lost at its nth submission: nothing but a line tells. At the next one again: the
 * end, and all that was written is right. */
static void expect_resumed(const char *caps, const char *arguments, uint32_t n, bool twice)
{
    char fault[80];
    struct outcome whole = run("clean", caps, NULL, arguments);
    snprintf(fault, sizeof(fault), "lost=%" PRIu32, n);
    struct outcome o = run("clean", caps, fault, arguments);
    expect_log("lost");
    if (o.exit != 0 || strcmp(o.out, whole.out) != 0)
        fail_msg(
            "%s: exit %d, expected\n%s\nbut got\n%s\n%s", fault, o.exit, whole.out, o.out, o.err);
    assert_int_equal(count_words(o.err, "was lost"), 1);
    outcome_free(&o);
    for (uint32_t again = n + 1; twice && again < n + 4; again++) {
        snprintf(fault, sizeof(fault), "lost=%" PRIu32 " lost=%" PRIu32, n, again);
        o = run("clean", caps, fault, arguments);
        assert_int_equal(o.exit, EXIT_DEVICE);
        expect_words(o.err, "was lost a second time");
        assert_int_equal(strncmp(o.out, whole.out, strcspn(o.out, "\n")), 0);
        outcome_free(&o);
    }
    outcome_free(&whole);
}

/* Weights go through staging where host and device memory differ: one submission a piece. */
static void lost_while_loading(void **state)
{
    (void)state;
    expect_resumed("host_memory=0", PROMPT, 1, true);
    expect_resumed("host_memory=0", PROMPT, 5, false);
}

static void lost_in_prompt(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 4; n++)
        expect_resumed("", PROMPT " -ub 7", n, n == 3);
}

static void lost_in_generation(void **state)
{
    (void)state;
    /* The first clears the cache's rows, the second is the prompt. */
    expect_resumed("", PROMPT, 3, false);
    expect_resumed("", PROMPT, 4, true);
    expect_resumed("", PROMPT " --temp 0.9 --seed 5 --repeat-penalty 1.3", 5, false);
    expect_resumed("", PROMPT " --hash", 6, false);
}

static void lost_in_a_shift(void **state)
{
    (void)state;
    static const char shifted[] = "run -p 'One day a girl named Lily found a needle' -n 50 -c 24 "
                                  "-ub 7 --context-shift --keep 2 --ignore-eos --seed 3";
    for (uint32_t n = 14; n < 23; n += 2)
        expect_resumed("", shifted, n, false);
}

static void put_saved(const char *data, size_t n)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/saved", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* At any submission, those that restore and save included: the same text, and the same file. */
static void lost_with_a_saved_session(void **state)
{
    (void)state;
    static const char arguments[] = "run -p Once -n 2 --temp 0 --no-perf --session saved";
    char *files[3], path[200], fault[40];
    size_t sizes[3];
    snprintf(path, sizeof(path), "%s/saved", folder);
    for (int i = 0; i < 3; i++) { /* the third goes on from the second */
        struct outcome o = run("clean", "", NULL, arguments);
        assert_int_equal(o.exit, 0);
        outcome_free(&o);
        files[i] = read_file(path, &sizes[i]);
    }
    bool lost = true;
    for (uint32_t n = 1; lost; n += 2) {
        put_saved(files[1], sizes[1]);
        snprintf(fault, sizeof(fault), "lost=%" PRIu32, n);
        struct outcome o = run("clean", "", fault, arguments);
        lost = has_file("log");
        assert_int_equal(o.exit, 0);
        assert_int_equal(count_words(o.err, "was lost"), lost);
        size_t size;
        char *file = read_file(path, &size);
        assert_int_equal(size, sizes[2]);
        assert_memory_equal(file, files[2], size);
        free(file);
        outcome_free(&o);
        assert_true(!lost || n < 200);
    }
    for (int i = 0; i < 3; i++)
        free(files[i]);
    unlink(path);
}

static void stuck(void **state)
{
    (void)state;
    struct outcome o = run("clean", "wait_s=20", NULL, PROMPT); /* verdicts for these limits */
    assert_int_equal(o.exit, 0);
    outcome_free(&o);
    o = run("clean", "wait_s=20", "stuck=3", PROMPT);
    expect_log("stuck");
    assert_int_equal(o.exit, EXIT_DEVICE);
    expect_words(o.err, "did not finish its work within 20 s");
    outcome_free(&o);
}

/* Where a step takes longer than it should, the next ones are smaller; the bits stay. */
static void slow_device(void **state)
{
    (void)state;
    uint32_t usual = count_submits("submit_ms=0"), many = count_submits("submit_ms=1");
    printf("submissions: %" PRIu32 ", in small pieces %" PRIu32 "\n", usual, many);
    assert_true(many > usual + 4);
    struct outcome o = run("clean", "submit_ms=1", NULL, RUN);
    expect_same(&o);
    outcome_free(&o);
}

static bool has_device(void)
{
    struct hekla_device_info list[16];
    struct hekla_error err;
    size_t n = 0;
    bool any = false;
    hekla_device_list(list, 16, &n, &err);
    for (size_t i = 0; i < n && i < 16; i++) {
        any |= list[i].usable && strcmp(list[i].id, "ref") != 0;
        has_dot |= strstr(list[i].paths, "int dot") && kernel_spirv(K_matvec_dot, QT_q8_0);
    }
    return any;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_results),
        cmocka_unit_test(crash),
        cmocka_unit_test(hang),
        cmocka_unit_test(nothing_instead),
        cmocka_unit_test(other_driver),
        cmocka_unit_test(broken_store),
        cmocka_unit_test(no_cache),
        cmocka_unit_test(lost_while_loading),
        cmocka_unit_test(lost_in_prompt),
        cmocka_unit_test(lost_in_generation),
        cmocka_unit_test(lost_in_a_shift),
        cmocka_unit_test(lost_with_a_saved_session),
        cmocka_unit_test(stuck),
        cmocka_unit_test(slow_device),
    };
    const char *which = getenv("HEKLA_TEST_DEVICE");
    if (!has_device() || (which && strcmp(which, "ref") == 0)) {
        printf("skipped: no device whose driver could fail\n");
        return TEST_SKIPPED;
    }
    snprintf(folder, sizeof(folder), "/tmp/hekla-faults-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    if (which)
        snprintf(device, sizeof(device), "--device '%.60s'", which);
    struct outcome o = run("clean", "", NULL, RUN);
    expected = o.out;
    free(o.err);
    int failed = o.exit ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
    char command[100];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (system(command) != 0)
        failed = 1;
    free(expected);
    return failed;
}
