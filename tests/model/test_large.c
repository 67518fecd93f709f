/*
 * Matrices larger than a binding: the same bits however they are cut, and a model with the
 * vocabulary and width of Llama 3.2 1B (two layers; the embedding alone has 205 MiB) that is read
 * once and takes little more memory than its file.
 *
 * The large one is written to TMPDIR by mkmodel. It takes half a minute on a processor, so it runs
 * on the system's driver only: neither in gpulab nor under validation layers.
 */
#include "model_test.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { N_PROMPT = 20 };

static char large_path[TEST_PATH];

/* The built-in model's embedding has 1024 rows of 272 bytes: 2, 5 and 9 parts. */
static void shards_change_nothing(void **state)
{
    static const char *const caps[] = {"max_range=163840", "max_range=65536", "max_range=32768"};
    (void)state;
    uint64_t whole = hash_model(NULL, NULL, 64, N_PROMPT, N_PROMPT);
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        uint64_t hash = hash_model(NULL, caps[i], 64, N_PROMPT, N_PROMPT);
        if (hash != whole)
            fail_msg("%s: logits %016" PRIx64 ", expected %016" PRIx64, caps[i], hash, whole);
    }
    /* The limit is heeded: less than a row cannot be bound. */
    hekla_model *model = NULL;
    struct hekla_error err;
    hekla_status status = hekla_model_open(&model,
        &(struct hekla_model_options){
            .device = getenv("HEKLA_TEST_DEVICE"), .caps = "max_range=256"},
        &err);
    assert_int_equal(status, HEKLA_UNSUPPORTED);
    assert_null(model);
    assert_non_null(strstr(err.text, "too many for"));
}

/* ---- the large one ----------------------------------------------------------------------------
 */

static uint64_t peak_bytes(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (uint64_t)usage.ru_maxrss * 1024;
}

/* Bytes this process has asked read() for; 0 where the system does not tell. */
static uint64_t bytes_read(void)
{
    unsigned long long n = 0;
    FILE *file = fopen("/proc/self/io", "r");
    if (!file)
        return 0;
    if (fscanf(file, "rchar: %llu", &n) != 1)
        n = 0;
    fclose(file);
    return n;
}

static bool write_model(const char *shape, const char *name)
{
    char program[TEST_PATH], command[3 * TEST_PATH];
    const char *tmp = getenv("TMPDIR");
    snprintf(program, sizeof(program), "%s", HEKLA_BINARY);
    *(strrchr(program, '/') + 1) = 0;
    snprintf(large_path, sizeof(large_path), "%s/hekla-%s-%ld.gguf", tmp && *tmp ? tmp : "/tmp",
        name, (long)getpid());
    snprintf(command, sizeof(command), "'%s/mkmodel' --shape %s --type q4_0 --layers 2 '%s'",
        program, shape, large_path);
    int status = system(command);
    return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool run_program(const char *path)
{
    char command[3 * TEST_PATH];
    snprintf(command, sizeof(command),
        "'%s' run -m '%s' -c 64 -ub 2 --prompt-ids 1,2,3,4,5 -n 2 --temp 0 --ignore-eos >/dev/null",
        HEKLA_BINARY, path);
    return system(command) == 0;
}

static void measure_large(const char *path, uint64_t file_bytes)
{
    uint64_t peak = peak_bytes(), read = bytes_read();
    double start = test_seconds();
    uint64_t hash = hash_model(path, NULL, 64, N_PROMPT, 2);
    /* /proc itself is read, too. */
    uint64_t more = peak_bytes() - peak, read_more = bytes_read() - read;
    printf("file %.1f MB, peak memory %+.1f MB (%.1f %%), read %.1f MB, %.1f s\n",
        (double)file_bytes / 1e6, (double)more / 1e6, 100 * (double)more / (double)file_bytes,
        (double)read_more / 1e6, test_seconds() - start);
    assert_true(more <= file_bytes + file_bytes * 15 / 100);
    if (read) {
        assert_true(read_more <= file_bytes + (1 << 20));
        assert_true(read_more >= file_bytes / 2); /* that the number means something */
    }
    uint64_t cut = hash_model(path, "max_range=33554432", 64, N_PROMPT, 2);
    assert_true(cut == hash);
}

static void a_large_model_is_read_once(void **state)
{
    struct stat st;
    (void)state;
    if (getenv("GPULAB_DEVICE") || getenv("VK_INSTANCE_LAYERS")) {
        printf("skipped: the large model runs on the system's driver without layers\n");
        skip();
    }
    /* The driver's own memory is not the model's: the program meets the model first, so that what
     * is compiled for it, and its self-test, are kept on disk; a small model makes this process
     * load the driver. */
    assert_true(write_model("tiny", "small"));
    hash_model(large_path, NULL, 64, N_PROMPT, 2);
    unlink(large_path);
    assert_true(write_model("llama3.2-1b", "large"));
    assert_int_equal(stat(large_path, &st), 0);
    assert_true(st.st_size > 280000000);
    assert_true(run_program(large_path));
    measure_large(large_path, (uint64_t)st.st_size);
}

static int remove_large(void **state)
{
    (void)state;
    if (*large_path)
        unlink(large_path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_change_nothing),
        cmocka_unit_test_teardown(a_large_model_is_read_once, remove_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
