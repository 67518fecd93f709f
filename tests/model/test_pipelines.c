/*
 * The file of compiled pipelines: what the driver gives is written once and read again; a file that
 * was cut, changed or written by another build does no harm. Drivers that give nothing (those of
 * processors) leave no file.
 *
 * HEKLA_TEST_DEVICE  what to compile for
 * HEKLA_TEST_KEEPS   set: the driver is known to give something
 */
#include "model_test.h"

#include "kernels/op.h"
#include "plan/plan.h"

enum { BUILD = 7 };
static char path[TEST_PATH];

/* Opens the device with the file of a build, compiles, closes. */
static void compile(uint64_t build)
{
    struct gpu_device *dev = NULL;
    struct plan_pipelines *pipelines = NULL;
    struct hekla_error err = {0};
    struct op op = {.kernel = K_stream, .quant = -1};
    op.spec[SPEC_SIZE_X] = 32;
    op.spec[SPEC_SIZE_Y] = op.spec[SPEC_COLS] = 1;
    if (gpu_device_open(&dev, getenv("HEKLA_TEST_DEVICE"), NULL, &err) != HEKLA_OK)
        fail_msg("%s", err.text);
    gpu_pipelines_remember(dev, path, build);
    if (plan_pipelines_create(&pipelines, dev, NULL, &err) != HEKLA_OK ||
        plan_pipelines_prepare(pipelines, &op, 1, &err) != HEKLA_OK)
        fail_msg("%s", err.text);
    assert_non_null(plan_pipelines_find(pipelines, &op));
    plan_pipelines_destroy(pipelines);
    gpu_device_close(dev);
}

static void write_file(const char *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    fclose(file);
}

static bool is_there(void)
{
    return access(path, R_OK) == 0;
}

static void kept_and_read(void **state)
{
    (void)state;
    size_t n = 0, again = 0;
    compile(BUILD);
    if (!is_there()) {
        assert_null(getenv("HEKLA_TEST_KEEPS"));
        print_message("the driver gives nothing to keep\n");
        return;
    }
    char *first = read_file(path, &n);
    print_message("%zu bytes kept\n", n);
    compile(BUILD); /* nothing new: not written */
    free(read_file(path, &again));
    assert_int_equal(again, n);
    for (size_t cut = 0; cut < n; cut += cut / 2 + 13) {
        write_file(first, cut);
        compile(BUILD);
        free(read_file(path, &again));
        assert_int_equal(again, n); /* made anew */
    }
    for (size_t at = 0; at < n; at += at / 3 + 7) {
        first[at] ^= 0x55;
        write_file(first, n);
        compile(BUILD);
        first[at] ^= 0x55;
        free(read_file(path, &again));
        assert_int_equal(again, n);
    }
    write_file(first, n);
    compile(BUILD + 1);
    char *other = read_file(path, &again);
    assert_int_equal(again, n);
    assert_memory_not_equal(other, first, 40); /* the header has the build */
    free(other);
    free(first);
}

static void nonsense_is_ignored(void **state)
{
    (void)state;
    static const char text[4096] = "hekla pipelines\n";
    write_file(text, sizeof(text));
    compile(BUILD);
    unlink(path);
    path[strlen(path) - 1] = '/'; /* a folder that is not there */
    compile(BUILD);
    assert_false(is_there());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_and_read), cmocka_unit_test(nonsense_is_ignored)};
    const char *folder = getenv("TMPDIR");
    snprintf(
        path, sizeof(path), "%s/hekla-pipelines-%ld", folder ? folder : "/tmp", (long)getpid());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
