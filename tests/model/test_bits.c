/*
 * The same bits everywhere: logits for prompts of 1, 7, 64 and 300 tokens, in one batch, in chunks
 * of 3 and token by token (but for the built-in model on the system's driver: the longest in one
 * batch only), on the device under test and, beside the system's driver, on the reference; and the
 * same tokens from every way of sampling.
 * vectors/hashes.txt holds a hash of the logits per model, cache type and length (64-bit FNV-1a
 * over the rows); since every driver is compared with it, all agree.
 *
 * HEKLA_WRITE_VECTORS=1 writes that file from the reference; all models must be there for it.
 */
#include "model_test.h"

#include <math.h>

enum { LONGEST = 300, N_LENGTHS = 4, N_SAMPLED = 40 };

static const size_t lengths[N_LENGTHS] = {1, 7, 64, LONGEST};
static const char vectors_path[] = HEKLA_SOURCE_DIR "/tests/model/vectors/hashes.txt";

struct file_case {
    const char *name;
    enum hekla_kv_type kv;
    bool shared;
    size_t in_parts; /* longest prompt for chunks and single tokens */
};

static const struct file_case files[] = {
    {"q8_0", HEKLA_KV_F16, false, LONGEST},
    {"q8_0", HEKLA_KV_F32, false, 64},
    {"q8_0", HEKLA_KV_Q8_0, false, 64},
    {"q8_0", HEKLA_KV_Q4_0, false, 64},
    {"f32", HEKLA_KV_F32, true, 64},
    {"q4_0", HEKLA_KV_F16, true, 64},
    {"q4_k_m", HEKLA_KV_F16, true, 64},
    {"q6_k", HEKLA_KV_F16, true, 64},
};
enum { N_FILES = sizeof(files) / sizeof(files[0]) };

/* q8_0 is the built-in model. false: not there. */
static bool find_model(const struct file_case *f, const char *shared, char path[TEST_PATH])
{
    if (f->shared && !shared)
        return false;
    snprintf(
        path, TEST_PATH, "%s/models/hekla-tiny/hekla-tiny-%s.gguf", shared ? shared : "", f->name);
    return true;
}

static hekla_model *open_case(const struct file_case *f, const char *path, const char *device)
{
    return open_model(f->shared ? path : NULL, device);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static const char *kv_name(const struct file_case *f)
{
    static const char *const names[] = {"auto", "f32", "f16", "q8_0", "q4_0"};
    return names[f->kv];
}

static bool find_vector(const char *table, const struct file_case *f, size_t n, uint64_t *hash)
{
    char key[64];
    int n_key = snprintf(key, sizeof(key), "%s %s %zu ", f->name, kv_name(f), n);
    for (const char *line = table; line && *line;) {
        if (!strncmp(line, key, (size_t)n_key)) {
            *hash = strtoull(line + n_key, NULL, 16);
            return true;
        }
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return false;
}

/* ---- logits -----------------------------------------------------------------------------------
 */

/* Evaluates n tokens of the prompt, at most `batch` at once, and hashes the rows. */
static void hash_prompt(
    hekla_model *model, const struct file_case *f, size_t n, uint32_t batch, struct row_hashes *out)
{
    hekla_token prompt[LONGEST];
    *out = (struct row_hashes){.n_vocab = vocab_of(model)};
    make_prompt(prompt, LONGEST, out->n_vocab);
    hekla_session *session = open_session(
        model, &(struct hekla_session_options){
                   .n_ctx = 384, .n_batch = batch, .kv_type = f->kv, .all_logits = true});
    hekla_session_on_logits(session, row_hashes_add, out);
    eval(session, prompt, n);
    hekla_session_close(session);
    assert_int_equal(out->n, n);
}

static void expect_hash(const struct file_case *f, size_t n, const char *how,
    const struct row_hashes *hashes, uint64_t expected)
{
    if (hashes->upto[n - 1] != expected)
        fail_msg("%s, %s cache, %zu tokens, %s: logits %016" PRIx64 ", expected %016" PRIx64,
            f->name, kv_name(f), n, how, hashes->upto[n - 1], expected);
}

/* The shorter prompts are the beginning of the longest, so token by token one run has them all. */
static void check_all_ways(hekla_model *model, const struct file_case *f, size_t in_parts,
    const uint64_t expected[N_LENGTHS])
{
    struct row_hashes by_token, hashes;
    hash_prompt(model, f, in_parts, 1, &by_token);
    for (int i = 0; i < N_LENGTHS; i++) {
        size_t n = lengths[i];
        hash_prompt(model, f, n, 0, &hashes);
        expect_hash(f, n, "in one batch", &hashes, expected[i]);
        if (n > in_parts)
            continue;
        expect_hash(f, n, "token by token", &by_token, expected[i]);
        hash_prompt(model, f, n, 3, &hashes);
        expect_hash(f, n, "in chunks of 3", &hashes, expected[i]);
    }
}

static void check_reference(
    hekla_model *ref, const struct file_case *f, const uint64_t expected[N_LENGTHS])
{
    struct row_hashes hashes;
    hash_prompt(ref, f, LONGEST, 0, &hashes);
    for (int i = 0; i < N_LENGTHS; i++)
        expect_hash(f, lengths[i], "on the reference", &hashes, expected[i]);
    if (f == files)
        check_all_ways(ref, f, 64, expected);
}

static void check_file(const struct file_case *f, const char *path, const char *table)
{
    uint64_t expected[N_LENGTHS];
    double start = test_seconds();
    for (int i = 0; i < N_LENGTHS; i++)
        if (!find_vector(table, f, lengths[i], &expected[i]))
            fail_msg("%s has no line for %s %s %zu", vectors_path, f->name, kv_name(f), lengths[i]);
    hekla_model *model = open_case(f, path, NULL);
    bool whole = !getenv("GPULAB_DEVICE") && !getenv("VK_INSTANCE_LAYERS");
    if (whole) { /* the reference knows of no driver */
        hekla_model *ref = open_case(f, path, "ref");
        check_reference(ref, f, expected);
        hekla_model_close(ref);
    }
    double between = test_seconds();
    check_all_ways(model, f, whole ? f->in_parts : 64, expected);
    printf("%-7s %s cache: reference %.1f s, device %.1f s\n", f->name, kv_name(f), between - start,
        test_seconds() - between);
    hekla_model_close(model);
}

static void logits_have_the_same_bits(void **state)
{
    (void)state;
    const char *shared = find_shared();
    char path[TEST_PATH];
    char *table = read_file(vectors_path, NULL);
    for (size_t i = 0; i < N_FILES; i++)
        if (find_model(&files[i], shared, path))
            check_file(&files[i], path, table);
    free(table);
}

/* A session that keeps only the newest logits computes only those: the same row. */
static void newest_logits_are_the_last_row(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, NULL);
    struct row_hashes hashes = {.n_vocab = vocab_of(model)};
    hekla_token prompt[LONGEST];
    float *last = calloc(hashes.n_vocab, sizeof(float));
    make_prompt(prompt, LONGEST, hashes.n_vocab);
    for (int i = 0; i < N_LENGTHS; i++) {
        hekla_session *all = open_session(model,
            &(struct hekla_session_options){.n_ctx = 384, .n_batch = 37, .all_logits = true});
        hekla_session *newest =
            open_session(model, &(struct hekla_session_options){.n_ctx = 384, .n_batch = 50});
        eval(all, prompt, lengths[i]);
        eval(newest, prompt, lengths[i]);
        memcpy(last, hekla_session_logits(all), hashes.n_vocab * sizeof(float));
        assert_memory_equal(hekla_session_logits(newest), last, hashes.n_vocab * sizeof(float));
        hekla_session_close(all);
        hekla_session_close(newest);
    }
    free(last);
    hekla_model_close(model);
}

/* ---- sampling ---------------------------------------------------------------------------------
 */

static const hekla_token story[] = {1016, 381, 410, 256, 370}; /* "Once upon a time" */

static struct token_list sample(hekla_model *model, const struct hekla_sampling *sampling)
{
    struct token_list list = {.n = 0};
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = 256});
    eval(session, story, sizeof(story) / sizeof(story[0]));
    generate(session, sampling, N_SAMPLED, true, &list);
    hekla_session_close(session);
    assert_int_equal(list.n, N_SAMPLED);
    return list;
}

/* One token at a time, each after bringing the session up to date. */
static struct token_list sample_stepwise(hekla_model *model, const struct hekla_sampling *sampling)
{
    struct token_list list = {.n = 0};
    hekla_token all[N_SAMPLED + sizeof(story) / sizeof(story[0])];
    size_t n_prompt = sizeof(story) / sizeof(story[0]);
    struct hekla_error err;
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = 256});
    memcpy(all, story, sizeof(story));
    for (size_t i = 0; i < N_SAMPLED; i++) {
        if (hekla_session_sync(session, all, n_prompt + i, NULL, &err))
            fail_msg("%s", err.text);
        generate(session, sampling, 1, true, &list);
        all[n_prompt + i] = list.ids[i];
    }
    hekla_session_close(session);
    return list;
}

static const struct hekla_sampling samplings[] = {
    {.temperature = 0},
    {.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .seed = 42},
    {.temperature = 0.8f,
        .top_k = 40,
        .top_p = 0.95f,
        .min_p = 0.05f,
        .repeat_penalty = 1.1f,
        .presence_penalty = 0.3f,
        .frequency_penalty = 0.2f,
        .penalty_last_n = 64,
        .seed = 42},
    {.temperature = 1.5f, .seed = UINT64_C(0x123456789abcdef)},
    {.repeat_penalty = 1.5f, .penalty_last_n = 16},
};
enum { N_SAMPLINGS = sizeof(samplings) / sizeof(samplings[0]) };

static void tokens_are_the_same(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, NULL), *ref = open_model(NULL, "ref");
    for (int i = 0; i < N_SAMPLINGS; i++) {
        struct token_list on_device = sample(model, &samplings[i]);
        struct token_list on_ref = sample(ref, &samplings[i]);
        struct token_list stepwise = sample_stepwise(model, &samplings[i]);
        assert_memory_equal(on_device.ids, on_ref.ids, N_SAMPLED * sizeof(hekla_token));
        assert_memory_equal(on_device.ids, stepwise.ids, N_SAMPLED * sizeof(hekla_token));
    }
    hekla_model_close(model);
    hekla_model_close(ref);
}

static bool differ(const struct token_list *a, const struct token_list *b)
{
    return memcmp(a->ids, b->ids, N_SAMPLED * sizeof(hekla_token)) != 0;
}

static void sampling_does_what_it_says(void **state)
{
    (void)state;
    hekla_model *ref = open_model(NULL, "ref");
    struct hekla_sampling s = hekla_sampling_default();
    struct token_list greedy = sample(ref, &(struct hekla_sampling){0}), seed[8];
    int distinct = 0;
    for (int i = 0; i < 8; i++) {
        s.seed = (uint64_t)i;
        seed[i] = sample(ref, &s);
        bool is_new = differ(&seed[i], &greedy);
        for (int k = 0; k < i; k++)
            is_new &= differ(&seed[i], &seed[k]);
        distinct += is_new;
    }
    printf("8 seeds gave %d different texts\n", distinct);
    assert_true(distinct >= 6);
    /* Filters that leave one token are greedy, whatever the seed. */
    struct token_list one = sample(ref, &(struct hekla_sampling){.temperature = 2, .top_k = 1});
    assert_false(differ(&one, &greedy));
    one = sample(ref, &(struct hekla_sampling){.temperature = 2, .top_p = 1e-6f});
    assert_false(differ(&one, &greedy));
    one = sample(ref, &(struct hekla_sampling){.temperature = 2, .min_p = 1});
    assert_false(differ(&one, &greedy));
    one = sample(ref, &(struct hekla_sampling){.temperature = 0.01f, .seed = 7});
    assert_false(differ(&one, &greedy));
    hekla_model_close(ref);
}

/* The first token after a prompt, drawn with many seeds, is as frequent as its probability says. */
static void draws_follow_the_probabilities(void **state)
{
    enum { DRAWS = 2000 };
    (void)state;
    hekla_model *ref = open_model(NULL, "ref");
    hekla_session *session = open_session(ref, &(struct hekla_session_options){.n_ctx = 64});
    uint32_t n_vocab = vocab_of(ref), count[1024] = {0};
    hekla_token prompt[] = {1016, 381, 410, 256, 370, 11};
    double probability[1024], sum = 0;
    assert_true(n_vocab <= 1024);
    eval(session, prompt, sizeof(prompt) / sizeof(prompt[0]));
    const float *logits = hekla_session_logits(session);
    for (uint32_t i = 0; i < n_vocab; i++)
        sum += probability[i] = exp((double)logits[i]);
    for (int i = 0; i < DRAWS; i++) {
        struct token_list list = {.n = 0};
        generate(session, &(struct hekla_sampling){.temperature = 1, .seed = (uint64_t)i * 977}, 1,
            true, &list);
        count[list.ids[0]]++;
    }
    /* Five standard deviations: once in a million for one token, and the seeds are fixed. */
    for (uint32_t i = 0; i < n_vocab; i++) {
        double p = probability[i] / sum, expected = DRAWS * p;
        double allowed = 5 * sqrt(DRAWS * p * (1 - p)) + 5;
        if (fabs(count[i] - expected) > allowed)
            fail_msg("token %u was drawn %u times, expected %.1f (+- %.1f)", i, count[i], expected,
                allowed);
    }
    hekla_session_close(session);
    hekla_model_close(ref);
}

/* ---- writing the table ------------------------------------------------------------------------
 */

static int write_vectors(void)
{
    char path[TEST_PATH];
    const char *shared = find_shared();
    FILE *out = shared ? fopen(vectors_path, "w") : NULL;
    if (!out) {
        printf("%s is not written\n", shared ? vectors_path : "Without all models the table");
        return 1;
    }
    fprintf(out,
        "# Made by test_bits with HEKLA_WRITE_VECTORS=1 on the reference: model, type of the\n"
        "# key/value cache, tokens, hash of the logits of all positions.\n");
    for (size_t i = 0; i < N_FILES; i++) {
        find_model(&files[i], shared, path);
        hekla_model *ref = open_case(&files[i], path, "ref");
        struct row_hashes hashes;
        hash_prompt(ref, &files[i], LONGEST, 0, &hashes);
        for (int k = 0; k < N_LENGTHS; k++)
            fprintf(out, "%s %s %zu %016" PRIx64 "\n", files[i].name, kv_name(&files[i]),
                lengths[k], hashes.upto[lengths[k] - 1]);
        hekla_model_close(ref);
    }
    return fclose(out) ? 1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_have_the_same_bits),
        cmocka_unit_test(newest_logits_are_the_last_row),
        cmocka_unit_test(tokens_are_the_same),
        cmocka_unit_test(sampling_does_what_it_says),
        cmocka_unit_test(draws_follow_the_probabilities),
    };
    const char *write = getenv("HEKLA_WRITE_VECTORS");
    if (write && *write == '1')
        return write_vectors();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
