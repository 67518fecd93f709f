/*
 * Attention over a latent beyond what test_arch_files compares: contexts of several chunks, weights
 * and caches of other formats, sessions that are saved or shift, what it takes, and files that are
 * not as they should be. The bits must not depend on the device nor on how tokens come.
 */
#include "model_test.h"

#include "latent_files.h"

enum { N_VOCAB = 258, N_CTX = 256, N = 160, HALF = 140 };

static char folder[TEST_PATH], path[TEST_PATH + 20], quantised[TEST_PATH + 20],
    saved[TEST_PATH + 20];

static void write_model(const struct latent_spec *spec)
{
    arch_file_write(make_latent(spec), path);
}

static void quantise(const char *type)
{
    char command[4 * TEST_PATH];
    snprintf(command, sizeof(command), "'%s' quantize '%s' '%s' %s >/dev/null 2>&1", HEKLA_BINARY,
        path, quantised, type);
    assert_int_equal(system(command), 0);
}

/* Of all logits, the prompt in batches and what follows token by token. */
static uint64_t hash_of(hekla_model *model, const struct hekla_session_options *options)
{
    static struct row_hashes hashes;
    hekla_token tokens[N];
    struct hekla_session_options all = *options;
    hashes = (struct row_hashes){.n_vocab = N_VOCAB};
    all.all_logits = true;
    make_prompt(tokens, N, N_VOCAB);
    hekla_session *session = open_session(model, &all);
    hekla_session_on_logits(session, row_hashes_add, &hashes);
    eval(session, tokens, HALF);
    for (int i = HALF; i < N; i++)
        eval(session, tokens + i, 1);
    hekla_session_close(session);
    assert_int_equal(hashes.n, N);
    return hashes.upto[N - 1];
}

static void check_bits(const char *file, enum hekla_kv_type type)
{
    struct hekla_session_options options = {.n_ctx = N_CTX, .n_batch = 16, .kv_type = type};
    hekla_model *ref = open_model(file, "ref"), *model = open_model(file, NULL);
    uint64_t expected = hash_of(ref, &options);
    for (options.n_batch = 7; options.n_batch <= HALF; options.n_batch *= 20)
        if (hash_of(model, &options) != expected)
            fail_msg("other bits in batches of %u, caches of type %d", options.n_batch, (int)type);
    hekla_model_close(ref);
    hekla_model_close(model);
}

static void formats(void **state)
{
    static const char *const types[] = {"Q8_0", "F16", "Q4_0", "Q5_1", "IQ4_NL"};
    (void)state;
    write_model(&latent_v3);
    for (int type = HEKLA_KV_F32; type <= HEKLA_KV_Q4_0; type++)
        check_bits(path, (enum hekla_kv_type)type);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        quantise(types[i]);
        check_bits(quantised, HEKLA_KV_AUTO);
    }
    write_model(&(struct latent_spec){.seed = 3, .n_layer = 2, .n_shared = 2});
    quantise("Q8_0");
    check_bits(quantised, HEKLA_KV_Q8_0);
}

static uint64_t hash_rest(hekla_session *session, const hekla_token *tokens)
{
    eval(session, tokens + HALF, N - HALF);
    return hash_row(CLI_HASH_START, hekla_session_logits(session), N_VOCAB);
}

/* In the middle, and restored by the reference; what was never saved goes on the same. */
static void saved_sessions(void **state)
{
    hekla_token tokens[N];
    struct hekla_error err;
    (void)state;
    write_model(&latent_v3);
    make_prompt(tokens, N, N_VOCAB);
    hekla_model *model = open_model(path, NULL), *ref = open_model(path, "ref");
    for (int type = HEKLA_KV_F32; type <= HEKLA_KV_Q4_0; type++) {
        struct hekla_session_options options = {
            .n_ctx = N_CTX, .n_batch = 64, .kv_type = (enum hekla_kv_type)type};
        hekla_session *session = open_session(model, &options);
        eval(session, tokens, HALF);
        if (hekla_session_save(session, saved, NULL, 0, &err))
            fail_msg("%s", err.text);
        uint64_t hash = hash_rest(session, tokens);
        hekla_session_rewind(session, HALF);
        assert_true(hash_rest(session, tokens) == hash);
        hekla_session_close(session);
        options.n_ctx = 190;
        options.n_batch = 9;
        session = open_session(ref, &options);
        if (hekla_session_restore(session, saved, NULL, NULL, &err))
            fail_msg("%s", err.text);
        if (hash_rest(session, tokens) != hash)
            fail_msg("a restored session gives other bits, with caches of type %d", type);
        hekla_session_close(session);
    }
    hekla_model_close(model);
    hekla_model_close(ref);
}

static void shifts(void **state)
{
    struct token_list lists[2] = {{.n = 0}};
    hekla_token tokens[N];
    struct hekla_error err;
    (void)state;
    write_model(&latent_v3);
    make_prompt(tokens, N, N_VOCAB);
    for (int i = 0; i < 2; i++) {
        hekla_model *model = open_model(path, i ? "ref" : NULL);
        hekla_session *session =
            open_session(model, &(struct hekla_session_options){.n_ctx = 64, .n_batch = 16});
        if (hekla_session_set_shift(session, true, 5, &err))
            fail_msg("%s", err.text);
        eval(session, tokens, 50);
        generate(session, NULL, 100, true, &lists[i]);
        hekla_session_close(session);
        hekla_model_close(model);
    }
    assert_int_equal(lists[0].n, 100);
    assert_memory_equal(lists[0].ids, lists[1].ids, 100 * sizeof(lists[0].ids[0]));
}

/* One row of rank + n_rot elements a position and layer, in place of K and V. */
static void what_it_takes(void **state)
{
    struct hekla_fit fit;
    struct hekla_error err;
    struct hekla_stats stats;
    (void)state;
    write_model(&latent_v3);
    hekla_model *model = open_model(path, "ref");
    hekla_session *session = open_session(
        model, &(struct hekla_session_options){.n_ctx = N_CTX, .kv_type = HEKLA_KV_F16});
    hekla_session_get_stats(session, &stats);
    if (hekla_fit(
            &(struct hekla_fit_options){
                .path = path, .device = "ref", .n_ctx = N_CTX, .kv_type = HEKLA_KV_F16},
            &fit, &err))
        fail_msg("%s", err.text);
    assert_true(fit.kv == 4ull * N_CTX * (LATENT_RANK + LATENT_ROTATED) * 2);
    assert_true(fit.kv + fit.scratch == stats.device_bytes);
    hekla_session_close(session);
    hekla_model_close(model);
    struct hekla_prediction prediction;
    assert_int_equal(hekla_predict(&(struct hekla_model_options){.path = path, .device = "ref"},
                         &prediction, &err),
        HEKLA_UNSUPPORTED);
    assert_non_null(strstr(err.text, "attention over a latent cannot be predicted"));
}

static void expect_refused(const struct latent_spec *spec, hekla_status status, const char *words)
{
    hekla_model *model = NULL;
    struct hekla_error err;
    write_model(spec);
    hekla_status got = hekla_model_open(
        &model, &(struct hekla_model_options){.path = path, .device = "ref"}, &err);
    if (got != status || model || !strstr(err.text, words))
        fail_msg("%s %u: \"%s\" (%d), expected \"%s\" (%d)", spec->key ? spec->key : "",
            spec->value, got ? err.text : "", (int)got, words, (int)status);
}

static void bad_files(void **state)
{
    static const struct {
        const char *key;
        uint32_t value;
        hekla_status status;
        const char *words;
    } cases[] = {
        {"attention.kv_lora_rank", 0, HEKLA_FORMAT, "kv_lora_rank is 0, expected 1 to 576"},
        {"attention.kv_lora_rank", 96, HEKLA_FORMAT,
            "keys of 96 and values of 64 elements, expected 128 and 96"},
        {"attention.value_length", 32, HEKLA_FORMAT, "values of 32 elements, expected 96 and 64"},
        {"attention.key_length", 1000, HEKLA_FORMAT, "key_length is 1000, expected 4 to 576"},
        {"attention.key_length_mla", 32, HEKLA_FORMAT, "key_length_mla is 32, expected 33"},
        {"attention.key_length_mla", 70, HEKLA_UNSUPPORTED, "heads of 38 plain, 32 rotated and 32"},
        {"attention.value_length_mla", 20, HEKLA_UNSUPPORTED, "only multiples of 32"},
        {"attention.value_length_mla", 64, HEKLA_FORMAT, "attn_v_b.weight is 64 x 32 x 4"},
        {"attention.q_lora_rank", 64, HEKLA_FORMAT, "attn_q_a.weight is 64 x 32"},
        {"attention.q_lora_rank", 0, HEKLA_FORMAT, "attn_q.weight is missing"},
        {"rope.dimension_count", 64, HEKLA_FORMAT, "key_length_mla is 64, expected 65"},
        {"rope.dimension_count", 0, HEKLA_FORMAT, "rope.dimension_count is 0"},
        {"leading_dense_block_count", 0, HEKLA_FORMAT, "blk.0.ffn_gate_inp.weight is missing"},
        {"leading_dense_block_count", 2, HEKLA_FORMAT, "blk.1.ffn_gate.weight is missing"},
        {"leading_dense_block_count", 4, HEKLA_FORMAT, "is 4, expected 0 to 3"},
        {"expert_gating_func", 3, HEKLA_UNSUPPORTED, "only 1 (softmax) and 2 (sigmoid)"},
        {"expert_group_count", 3, HEKLA_UNSUPPORTED, "16 experts in 3 groups"},
        {"expert_group_count", 16, HEKLA_UNSUPPORTED, "only equal groups of two or more"},
        {"expert_group_used_count", 0, HEKLA_FORMAT, "expert_group_used_count is 0"},
        {"expert_group_used_count", 5, HEKLA_FORMAT, "expected 1 to 4"},
        {"expert_shared_count", 2, HEKLA_FORMAT, "ffn_gate_shexp.weight is 64 x 32"},
        {"expert_used_count", 9, HEKLA_UNSUPPORTED, "as many as are chosen"},
        {"expert_feed_forward_length", 16, HEKLA_UNSUPPORTED, "only for multiples of 32"},
    };
    (void)state;
    struct latent_spec spec = latent_v3;
    spec.whole_kv = true;
    expect_refused(&spec, HEKLA_UNSUPPORTED, "only attn_k_b and attn_v_b");
    spec = latent_v3;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        spec.key = cases[i].key;
        spec.value = cases[i].value;
        expect_refused(&spec, cases[i].status, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(saved_sessions),
        cmocka_unit_test(shifts),
        cmocka_unit_test(what_it_takes),
        cmocka_unit_test(bad_files),
    };
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/hekla-latent-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/model.gguf", folder);
    snprintf(quantised, sizeof(quantised), "%s/small.gguf", folder);
    snprintf(saved, sizeof(saved), "%s/session", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    unlink(quantised);
    unlink(saved);
    rmdir(folder);
    return failed;
}
