/* What hekla_fit says: the example, limits, and that a session takes just that. */
#include "model_test.h"

static const struct hekla_fit_options big = {
    .shape = "llama3.1-8b:q4_k_m", .device = "ref", .memory = 8ull << 30, .n_ctx = 8192};

static void eight_billion_fit_eight_gigabytes(void **state)
{
    struct hekla_fit_options options = big;
    struct hekla_fit fit;
    struct hekla_error err;
    (void)state;
    options.kv_type = HEKLA_KV_Q8_0;
    assert_int_equal(hekla_fit(&options, &fit, &err), HEKLA_OK);
    assert_true(fit.fits && fit.most_ctx > 8192 && fit.n_ctx == 8192);
    /* 32 layers of 8 heads of 128, K and V, 36 bytes for 32 elements */
    assert_true(fit.kv == 32ull * 2 * 8 * 128 * 8192 * 36 / 32);
    assert_true(fit.weights + fit.kv + fit.scratch < options.memory);
    options.n_ctx = 0;
    options.kv_type = HEKLA_KV_F16;
    assert_int_equal(hekla_fit(&options, &fit, &err), HEKLA_OK);
    assert_true(!fit.fits && fit.n_ctx == 131072 && fit.most_ctx < 131072);
    /* What was said to be the longest is. */
    options.n_ctx = fit.most_ctx;
    assert_int_equal(hekla_fit(&options, &fit, &err), HEKLA_OK);
    assert_true(fit.fits);
    options.n_ctx = fit.most_ctx + 64;
    assert_int_equal(hekla_fit(&options, &fit, &err), HEKLA_OK);
    assert_false(fit.fits);
    options.memory = 1 << 20;
    assert_int_equal(hekla_fit(&options, &fit, &err), HEKLA_OK);
    assert_true(!fit.fits && fit.most_ctx == 0);
}

static void bad_questions(void **state)
{
    static const char *const shapes[] = {"", ":", "llama3.1-8b", "llama3.1-8b:", "x:q4_0",
        "llama3.1-8b:q4_k_mm", "llama3.1-8b:q4_k_m:"};
    struct hekla_fit_options options = big;
    struct hekla_fit fit;
    struct hekla_error err;
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        options.shape = shapes[i];
        assert_int_equal(hekla_fit(&options, &fit, &err), HEKLA_ARGUMENT);
        assert_non_null(strstr(err.text, "expected SHAPE:TYPE with SHAPE one of llama3.2-1b"));
    }
    options = big;
    options.n_ctx = 200000;
    assert_int_equal(hekla_fit(&options, &fit, &err), HEKLA_ARGUMENT);
    options.shape = NULL;
    options.path = "/nonexistent";
    assert_int_equal(hekla_fit(&options, &fit, NULL), HEKLA_IO);
}

static void a_session_takes_that(void **state)
{
    struct hekla_fit fit;
    struct hekla_error err;
    struct hekla_model_info info;
    struct hekla_stats stats;
    (void)state;
    hekla_model *model = open_model(NULL, "ref");
    hekla_model_get_info(model, &info);
    for (int kv = HEKLA_KV_AUTO; kv <= HEKLA_KV_Q4_0; kv++) {
        const struct hekla_session_options options = {
            .n_ctx = 300, .kv_type = (enum hekla_kv_type)kv};
        hekla_session *session = open_session(model, &options);
        hekla_session_get_stats(session, &stats);
        hekla_session_close(session);
        assert_int_equal(hekla_fit(
                             &(struct hekla_fit_options){
                                 .device = "ref", .n_ctx = 300, .kv_type = options.kv_type},
                             &fit, &err),
            HEKLA_OK);
        assert_true(fit.fits && fit.weights == info.device_bytes);
        assert_true(fit.kv + fit.scratch == stats.device_bytes);
    }
    hekla_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_billion_fit_eight_gigabytes),
        cmocka_unit_test(bad_questions),
        cmocka_unit_test(a_session_takes_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
