/*
 * Embeddings: the bits do not depend on the device nor on batches, pooling and norms are what they
 * are called, and `hekla embed` says what is wrong. That the hidden states are right is shown by
 * test_arch_files.
 */
#include "model_test.h"

#include "arch_files.h"

#include <math.h>

enum { N = 37, MOST_EMBD = 1024 };

static hekla_session *open_for_embeddings(hekla_model *model, uint32_t n_batch)
{
    return open_session(model,
        &(struct hekla_session_options){.n_ctx = 64, .n_batch = n_batch, .embeddings = true});
}

static uint32_t width_of(const hekla_model *model)
{
    struct hekla_model_info info;
    hekla_model_get_info(model, &info);
    assert_true(info.n_embd <= MOST_EMBD);
    return info.n_embd;
}

static void embed(hekla_session *session, enum hekla_pooling pooling, size_t n, float *out)
{
    hekla_token tokens[N];
    struct hekla_error err;
    make_prompt(tokens, N, 250);
    if (hekla_session_embed(session, tokens, n, pooling, out, &err))
        fail_msg("%s", err.text);
}

static void same_bits_everywhere(void **state)
{
    (void)state;
    const struct {
        const char *device;
        uint32_t n_batch;
    } ways[] = {{NULL, 64}, {NULL, 5}, {NULL, 1}, {"ref", 16}};
    float *rows[4];
    for (int i = 0; i < 4; i++) {
        hekla_model *model = open_model(builtin_path, ways[i].device);
        uint32_t n_embd = width_of(model);
        hekla_session *session = open_for_embeddings(model, ways[i].n_batch);
        rows[i] = calloc((size_t)N * n_embd, sizeof(float));
        assert_non_null(rows[i]);
        embed(session, HEKLA_POOLING_NONE, N, rows[i]);
        if (memcmp(rows[0], rows[i], (size_t)N * n_embd * sizeof(float)))
            fail_msg("other bits in batches of %u on %s", ways[i].n_batch,
                ways[i].device ? ways[i].device : "the device");
        hekla_session_close(session);
        hekla_model_close(model);
    }
    for (int i = 0; i < 4; i++)
        free(rows[i]);
}

static void pooling(void **state)
{
    (void)state;
    hekla_model *model = open_model(builtin_path, NULL);
    hekla_session *session = open_for_embeddings(model, 16);
    uint32_t n_embd = width_of(model);
    float *rows = calloc((size_t)N * n_embd, sizeof(float)), one[MOST_EMBD];
    assert_non_null(rows);
    embed(session, HEKLA_POOLING_NONE, N, rows);
    embed(session, HEKLA_POOLING_CLS, N, one);
    assert_memory_equal(one, rows, n_embd * sizeof(float));
    embed(session, HEKLA_POOLING_LAST, N, one);
    assert_memory_equal(one, rows + (size_t)(N - 1) * n_embd, n_embd * sizeof(float));
    embed(session, HEKLA_POOLING_MEAN, N, one);
    for (uint32_t i = 0; i < n_embd; i++) {
        double sum = 0;
        for (uint32_t t = 0; t < N; t++)
            sum += (double)rows[(size_t)t * n_embd + i];
        assert_true(fabs(sum / N - (double)one[i]) < 1e-6);
    }
    float again[MOST_EMBD]; /* the file says nothing: the mean */
    embed(session, HEKLA_POOLING_AUTO, N, again);
    assert_memory_equal(one, again, n_embd * sizeof(float));
    /* What the session held before does not matter. */
    embed(session, HEKLA_POOLING_LAST, 3, one);
    assert_memory_equal(one, rows + 2 * (size_t)n_embd, n_embd * sizeof(float));
    free(rows);
    hekla_session_close(session);
    hekla_model_close(model);
}

static void norms(void **state)
{
    (void)state;
    const struct {
        int p;
        float expected[3];
    } cases[] = {{-1, {3, -4, 0}}, {0, {24570, -32760, 0}}, {1, {3.0f / 7, -4.0f / 7, 0}},
        {2, {0.6f, -0.8f, 0}}, {3, {3 / 4.4979414f, -4 / 4.4979414f, 0}}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        float x[] = {3, -4, 0}, zeros[] = {0, 0};
        hekla_embedding_normalize(x, 3, cases[i].p);
        for (int k = 0; k < 3; k++)
            if (!(fabsf(x[k] - cases[i].expected[k]) <= 1e-6f * fabsf(cases[i].expected[k])))
                fail_msg("norm %d: %g, expected %g", cases[i].p, (double)x[k],
                    (double)cases[i].expected[k]);
        hekla_embedding_normalize(zeros, 2, cases[i].p);
        assert_true(zeros[0] == 0 && zeros[1] == 0);
    }
}

static void refusals(void **state)
{
    (void)state;
    hekla_model *model = open_model(builtin_path, NULL);
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = 16}),
                  *embeddings = open_for_embeddings(model, 16);
    hekla_token tokens[100] = {1, 2, 3};
    float out[MOST_EMBD];
    size_t n;
    struct hekla_error err;
    assert_int_equal(
        hekla_session_embed(session, tokens, 3, HEKLA_POOLING_MEAN, out, &err), HEKLA_ARGUMENT);
    assert_non_null(strstr(err.text, "not opened for embeddings"));
    assert_int_equal(
        hekla_session_embed(embeddings, tokens, 0, HEKLA_POOLING_MEAN, out, &err), HEKLA_ARGUMENT);
    assert_int_equal(hekla_session_embed(embeddings, tokens, 100, HEKLA_POOLING_MEAN, out, &err),
        HEKLA_ARGUMENT);
    assert_non_null(strstr(err.text, "do not fit"));
    eval(embeddings, tokens, 3);
    assert_null(hekla_session_logits(embeddings));
    assert_int_equal(hekla_session_generate(embeddings, &(struct hekla_sampling){0}, 1, true,
                         token_list_add, NULL, &n, &err),
        HEKLA_ARGUMENT);
    assert_int_equal(hekla_session_score(embeddings, tokens, 3, out, &err), HEKLA_ARGUMENT);
    hekla_session_close(session);
    hekla_session_close(embeddings);
    hekla_model_close(model);
}

/* One layer, the same weights each time, and what the caller adds to the keys. */
static struct arch_file begin_file(const char *arch)
{
    struct arch_file f = {.arch = arch,
        .random = 9,
        .n_layer = 1,
        .n_embd = 64,
        .n_head = 4,
        .n_head_kv = 2,
        .head_dim = 16,
        .n_ff = 96};
    arch_file_begin(&f, false, false, false);
    arch_file_norm(&f, 0, "attn_norm", f.n_embd, false);
    arch_file_attention(&f, 0, false);
    arch_file_norm(&f, 0, "ffn_norm", f.n_embd, false);
    arch_file_ffn(&f, 0, true, false);
    return f;
}

static hekla_status open_file(struct arch_file *f, hekla_model **out, struct hekla_error *err)
{
    char path[] = "/tmp/hekla-embed-XXXXXX";
    struct build image = arch_file_end(f);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, image.data, image.n), image.n);
    close(fd);
    build_free(&image);
    hekla_status status = hekla_model_open(out,
        &(struct hekla_model_options){.path = path, .device = "ref", .proof = test_proof()}, err);
    remove(path);
    return status;
}

/* A multiplier of the logits is not one of embeddings. */
static void logit_scale(void **state)
{
    (void)state;
    float rows[2][N * 64], mean[2][64];
    for (int i = 0; i < 2; i++) {
        struct arch_file f = begin_file("granite");
        hekla_model *model = NULL;
        struct hekla_error err;
        if (i)
            arch_file_f32(&f, "logit_scale", 6);
        if (open_file(&f, &model, &err))
            fail_msg("%s", err.text);
        hekla_session *session = open_for_embeddings(model, 16);
        embed(session, HEKLA_POOLING_NONE, N, rows[i]);
        embed(session, HEKLA_POOLING_MEAN, N, mean[i]);
        hekla_session_close(session);
        hekla_model_close(model);
    }
    for (int i = 0; i < N * 64; i++)
        assert_true(fabsf(rows[0][i] - rows[1][i]) <= 1e-5f);
    for (int i = 0; i < 64; i++)
        assert_true(fabsf(mean[0][i] - mean[1][i]) <= 1e-5f);
}

static void what_files_ask_for(void **state)
{
    (void)state;
    static const enum hekla_pooling expected[] = {HEKLA_POOLING_NONE, HEKLA_POOLING_MEAN,
        HEKLA_POOLING_CLS, HEKLA_POOLING_LAST, HEKLA_POOLING_OTHER, HEKLA_POOLING_OTHER};
    hekla_token token = 1;
    float out[64];
    struct hekla_error err;
    for (uint32_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct arch_file f = begin_file("llama");
        struct hekla_model_info info;
        hekla_model *model = NULL;
        arch_file_u32(&f, "pooling_type", i);
        if (open_file(&f, &model, &err))
            fail_msg("%s", err.text);
        hekla_model_get_info(model, &info);
        assert_int_equal(info.pooling, expected[i]);
        hekla_session *session = open_for_embeddings(model, 16);
        assert_int_equal(hekla_session_embed(session, &token, 1, HEKLA_POOLING_AUTO, out, &err),
            expected[i] == HEKLA_POOLING_OTHER ? HEKLA_UNSUPPORTED : HEKLA_OK);
        assert_int_equal(
            hekla_session_embed(session, &token, 1, HEKLA_POOLING_LAST, out, &err), HEKLA_OK);
        assert_int_equal(hekla_session_embed(session, &token, 1, (enum hekla_pooling)99, out, &err),
            HEKLA_ARGUMENT);
        hekla_session_close(session);
        hekla_model_close(model);
    }
    struct arch_file f = begin_file("llama");
    hekla_model *model = NULL;
    build_key_int(&f.keys, arch_file_key(&f, "attention.causal"), GGUF_BOOL, 0, 1);
    assert_int_equal(open_file(&f, &model, &err), HEKLA_UNSUPPORTED);
    assert_non_null(strstr(err.text, "llama.attention.causal is false"));
}

static void program(void **state)
{
    (void)state;
    static const struct {
        const char *arguments;
        int code;
        const char *words;
    } cases[] = {
        {"-p 'A cat\\nA dog'", 0, "cosine similarity matrix:"},
        {"-p 'A cat\\nA dog' --embd-output-format json+", 0, "\"cosineSimilarity\": ["},
        {"-p 'A cat|A dog' --embd-separator '|' --embd-output-format array", 0, "],["},
        {"-p 'A cat' --pooling none", 0, "embedding 1: "},
        {"-p 'A cat\\n\\nA dog'", 2, "text 2 of 3 is empty"},
        {"-p ''", 2, "text 1 of 1 is empty"},
        {"-p a -f b", 2, "only one of -p and -f"},
        {"-p a --pooling rank", 2, "--pooling"},
        {"-p a --embd-normalize 1000", 2, "--embd-normalize"},
        {"-f /nowhere", 1, "/nowhere"},
        {"-p \"$(yes word | head -3000 | tr '\\n' ' ')\"", 2, "was trained for"},
    };
    static char out[1 << 20];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int code = run_command("embed", cases[i].arguments, out, sizeof(out));
        if (code != cases[i].code || !strstr(out, cases[i].words))
            fail_msg("embed %s: exit %d, expected %d, and \"%s\" in: %.300s", cases[i].arguments,
                code, cases[i].code, cases[i].words, out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits_everywhere),
        cmocka_unit_test(pooling), cmocka_unit_test(norms), cmocka_unit_test(refusals),
        cmocka_unit_test(logit_scale), cmocka_unit_test(what_files_ask_for),
        cmocka_unit_test(program)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
