/*
 * hekla bench, compare and info --predict as programs, on a model of a shape that takes no time:
 * what they print, llama-bench's keys and types, the same output everywhere, and bad conditions.
 */
#include "model_test.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char folder[64];

/* Runs the program in the test's folder with its own data; stdout and stderr in files there. */
static int run(const char *environment, const char *arguments)
{
    char command[2000];
    const char *device = getenv("HEKLA_TEST_DEVICE");
    snprintf(command, sizeof(command),
        "cd '%s' && XDG_DATA_HOME='%s/data' %s '%s' %s%s%s >out 2>err", folder, folder, environment,
        HEKLA_BINARY, arguments,
        device && !strstr(arguments, "--device") && !strncmp(arguments, "bench", 5) ? " --device "
                                                                                    : "",
        device && !strstr(arguments, "--device") && !strncmp(arguments, "bench", 5) ? device : "");
    int status = system(command);
    assert_true(status != -1 && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static char *output(const char *name)
{
    char path[100];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return read_file(path, NULL);
}

static void expect(const char *name, const char *what)
{
    char *text = output(name);
    if (!strstr(text, what))
        fail_msg("\"%s\" is not in %s:\n%s", what, name, text);
    free(text);
}

static void expect_run(const char *arguments)
{
    if (run("", arguments) != 0) {
        char *err = output("err");
        fail_msg("hekla %s: %s", arguments, err);
    }
}

#define SMALL "bench --synthetic tiny:q4_k_m -p 8 -n 4 -r 2"

/* llama-bench's keys in its order, and their types: i, s, b, f, a. */
static const struct {
    const char *key;
    char type;
} keys[] = {{"build_commit", 's'}, {"build_number", 'i'}, {"cpu_info", 's'}, {"gpu_info", 's'},
    {"backends", 's'}, {"model_filename", 's'}, {"model_type", 's'}, {"model_size", 'i'},
    {"model_n_params", 'i'}, {"n_batch", 'i'}, {"n_ubatch", 'i'}, {"n_threads", 'i'},
    {"cpu_mask", 's'}, {"cpu_strict", 'b'}, {"poll", 'i'}, {"type_k", 's'}, {"type_v", 's'},
    {"n_gpu_layers", 'i'}, {"n_cpu_moe", 'i'}, {"split_mode", 's'}, {"main_gpu", 'i'},
    {"no_kv_offload", 'b'}, {"flash_attn", 'b'}, {"devices", 's'}, {"tensor_split", 's'},
    {"tensor_buft_overrides", 's'}, {"load_mode", 's'}, {"lazy_mode", 's'}, {"embeddings", 'b'},
    {"no_op_offload", 'i'}, {"no_host", 'b'}, {"fit_target", 'i'}, {"fit_min_ctx", 'i'},
    {"n_prompt", 'i'}, {"n_gen", 'i'}, {"n_depth", 'i'}, {"test_time", 's'}, {"avg_ns", 'i'},
    {"stddev_ns", 'i'}, {"avg_ts", 'f'}, {"stddev_ts", 'f'}, {"samples_ns", 'a'},
    {"samples_ts", 'a'}};
enum { N_KEYS = sizeof(keys) / sizeof(keys[0]) };

static char type_of(const json_t *value)
{
    return json_is_integer(value)   ? 'i'
           : json_is_string(value)  ? 's'
           : json_is_boolean(value) ? 'b'
           : json_is_real(value)    ? 'f'
           : json_is_array(value)   ? 'a'
                                    : '?';
}

static void check_row(json_t *row)
{
    const char *key;
    json_t *value;
    int i = 0;
    json_object_foreach(row, key, value)
    {
        if (i == N_KEYS)
            break; /* ours follow */
        assert_string_equal(key, keys[i].key);
        if (type_of(value) != keys[i].type)
            fail_msg("%s has type %c, expected %c", key, type_of(value), keys[i].type);
        i++;
    }
    assert_int_equal(i, N_KEYS);
    assert_int_equal(json_array_size(json_object_get(row, "samples_ns")), 2);
}

/* Percentages that are there lie where percentages lie. */
static void check_shares(const json_t *row)
{
    static const char *const names[] = {"percent_of_read", "percent_of_compute"};
    for (int i = 0; i < 2; i++) {
        const json_t *share = json_object_get(row, names[i]);
        if (share)
            assert_true(json_number_value(share) > 0 && json_number_value(share) <= 100);
    }
}

static json_t *rows_of(const char *arguments)
{
    json_error_t error;
    expect_run(arguments);
    char *text = output("out");
    json_t *rows = json_loads(text, 0, &error);
    free(text);
    assert_true(json_is_array(rows) && json_array_size(rows) == 2);
    return rows;
}

/* What tests/model/vectors/hashes.txt is for logits. A prompt of 8 tokens; 4 tokens after one. */
static const char *const hashes[2] = {"40ac6c77db7f2f81", "2bb54676201702ac"};

static void same_everywhere(void **state)
{
    (void)state;
    json_t *here = rows_of(SMALL " --no-history -o json");
    json_t *ref = rows_of(SMALL " --no-history -o json --device ref");
    for (size_t i = 0; i < 2; i++) {
        json_t *row = json_array_get(here, i);
        check_row(row);
        check_shares(row);
        const char *hash = json_string_value(json_object_get(row, "output_hash"));
        const char *other =
            json_string_value(json_object_get(json_array_get(ref, i), "output_hash"));
        assert_string_equal(hash, other);
        assert_string_equal(hash, hashes[i]);
    }
    json_decref(here);
    json_decref(ref);
    /* The same weights from a file. */
    char command[400];
    snprintf(command, sizeof(command), "'%.*s/mkmodel' --shape tiny --type q4_k_m '%s/tiny.gguf'",
        (int)(strrchr(HEKLA_BINARY, '/') - HEKLA_BINARY), HEKLA_BINARY, folder);
    assert_int_equal(system(command), 0);
    json_t *file = rows_of("bench -m tiny.gguf -p 8 -n 4 -r 2 --no-history -o json --device ref");
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(file, i), "output_hash")), hashes[i]);
    json_decref(file);
}

static void results(void **state)
{
    (void)state;
    expect_run(SMALL " --save a");
    expect("out", "| model                          |       size |     params | backend    | ngl | "
                  "           test |                  t/s |");
    expect("out", "of the measured limit");
    expect("a.html", "<svg");
    expect_run(SMALL " --save b");
    expect_run("compare --html c.html a.json b.json");
    expect("out", "same output, [A] and [B]: yes");
    expect("c.html", "Same output, A and B: yes");
    expect_run("bench --history");
    expect("out", "2 runs");
    for (int i = 0; i < 3; i++) {
        static const char *const formats[] = {"csv", "jsonl", "sql"};
        static const char *const begins[] = {
            "build_commit,build_number", "{\"build_commit\":", "CREATE TABLE IF NOT EXISTS"};
        char arguments[200];
        snprintf(arguments, sizeof(arguments),
            "bench --synthetic tiny:q4_0 -p 4 -n 0 -r 1 --no-warmup --no-history -o %s --device "
            "ref",
            formats[i]);
        expect_run(arguments);
        expect("out", begins[i]);
    }
}

static void predictions(void **state)
{
    (void)state;
    expect_run("info --predict --synthetic tiny:q4_k_m");
    expect("out", ": fits");
    expect("out", "2048 tokens with a KV cache of f16 (2.0 MiB)");
    assert_int_equal(run("", "info --synthetic tiny:q4_k_m"), 2);
    assert_int_equal(run("", "info --predict --synthetic tiny:q9"), 2);
    expect("err", "expected SHAPE:TYPE, where the type is one of");
}

static void refusals(void **state)
{
    (void)state;
    assert_int_equal(run("", "bench --synthetic nothing:q4_0"), 2);
    expect("err", "the shape is one of llama3.2-1b");
    assert_int_equal(run("", "bench -p 1-"), 2);
    expect("err", "-p cannot be \"1-\"");
    assert_int_equal(run("", "bench -p 0 -n 0"), 2);
    assert_int_equal(run("", "bench --suite client -p 4"), 2);
    assert_int_equal(run("VK_DRIVER_FILES=/none VK_ICD_FILENAMES=/none", SMALL), 3);
    assert_int_equal(run("", SMALL " --save /none/a"), 1);
    expect("err", "/none/a.json: could not be created");
    assert_int_equal(run("", "bench --synthetic llama3.1-70b:f32 --device ref"), 4);
    expect("err", "not enough memory for the weights");
    /* A folder that cannot be written is no reason to lose the results. */
    assert_int_equal(run("XDG_DATA_HOME=/proc", "bench --synthetic tiny:q4_0 -p 4 -n 0 -r 1 "
                                                "--no-warmup --device ref"),
        0);
    expect("err", "note: the run is not kept: /proc/hekla/bench: ");
    expect("out", "pp4");
}

static void write_text(const char *name, const char *text)
{
    char path[100];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void mixed_schemas(void **state)
{
    (void)state;
    write_text("new.json", "{\"schema\": \"hekla-bench\", \"schema_version\": 9}");
    write_text("llama.json",
        "[{\"build_commit\": \"abc\", \"gpu_info\": \"G\", \"model_type\": \"llama 2M Q4_K - "
        "Medium\", \"n_batch\": 2048, \"n_ubatch\": 512, \"type_k\": \"f16\", \"n_prompt\": 8, "
        "\"n_gen\": 0, \"avg_ts\": 2.0, \"samples_ts\": [2.0, 2.0]}]");
    expect_run(SMALL " --no-history --save a");
    assert_int_equal(run("", "compare a.json new.json"), 1);
    expect("err", "new.json: its schema_version is not 1");
    assert_int_equal(run("", "compare a.json nothing.json"), 1);
    assert_int_equal(run("", "compare"), 2);
    expect_run("compare llama.json a.json");
    expect("out", "| pp8 ");
}

/* Ctrl-C: what is there is printed and saved, and marked. */
static void interrupted(void **state)
{
    char *argv[] = {(char *)HEKLA_BINARY, "bench", "--device", "ref", "--synthetic", "tiny:q4_0",
        "-p", "4", "-n", "1000", "-r", "50", "--no-history", "--save", "stopped", NULL};
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(folder) == 0 && freopen("out", "w", stdout) && freopen("err", "w", stderr))
            execv(HEKLA_BINARY, argv);
        _exit(99);
    }
    int status;
    sleep(4); /* the prompt's runs take less, the others far more */
    kill(pid, SIGINT);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 130);
    expect("err", "interrupted: the results so far are");
    char *err = output("err");
    if (strstr(err, "marked")) {
        expect("stopped.json", "\"complete\": false");
        expect("out", "INCOMPLETE  interrupted");
    }
    free(err);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/hekla-bench-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_everywhere),
        cmocka_unit_test(results),
        cmocka_unit_test(predictions),
        cmocka_unit_test(refusals),
        cmocka_unit_test(mixed_schemas),
        cmocka_unit_test(interrupted),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
