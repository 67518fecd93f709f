/*
 * Encoders: tokens see those after them, so a text is one step, whatever batch was asked for; they
 * make embeddings, and whatever wants text of them says so. That their hidden states are right is
 * shown by test_arch_files.
 */
#include "model_test.h"

#include "../unit/vocab_examples.h"
#include "arch_files.h"

#include <math.h>

enum { N = 150, N_EMBD = 64, EXIT_FILE = 1, N_PIECES = BERT_I_DOT + 1 };

static char path[TEST_PATH];

/* Of example_bert's tokens; the caller adds to it. */
static struct arch_file begin_with(const char *arch, uint32_t n_layer, bool fused)
{
    struct arch_file f = {.arch = arch,
        .random = 5,
        .n_layer = n_layer,
        .n_embd = N_EMBD,
        .n_head = 4,
        .n_head_kv = 4,
        .head_dim = 16,
        .n_ff = 96};
    struct build vocab = build_pieces(&example_bert);
    arch_file_bert(&f, &vocab, N_PIECES, fused);
    return f;
}

static struct arch_file begin_file(void)
{
    return begin_with("bert", 2, false);
}

static hekla_session *open_embeddings(hekla_model *model, uint32_t n_ctx, uint32_t n_batch)
{
    return open_session(model,
        &(struct hekla_session_options){.n_ctx = n_ctx, .n_batch = n_batch, .embeddings = true});
}

static void embed(hekla_session *session, const hekla_token *tokens, size_t n, float *rows)
{
    struct hekla_error err;
    if (hekla_session_embed(session, tokens, n, HEKLA_POOLING_NONE, rows, &err))
        fail_msg("%s", err.text);
}

/* A text longer than the batch and than a chunk of attention; short ones after it. */
static void whole_texts(void **state)
{
    (void)state;
    static float all[N * N_EMBD], again[N * N_EMBD], ref[N * N_EMBD];
    hekla_token tokens[N];
    make_prompt(tokens, N, N_PIECES);
    hekla_model *model = open_model(path, NULL), *reference = open_model(path, "ref");
    hekla_session *session = open_embeddings(model, 256, 7),
                  *other = open_embeddings(reference, N, 512);
    embed(session, tokens, N, all);
    embed(other, tokens, N, ref);
    assert_memory_equal(all, ref, sizeof(all));
    for (size_t n = 1; n <= 9; n += 4) {
        embed(session, tokens, n, again);
        embed(other, tokens, n, ref);
        assert_memory_equal(again, ref, n * N_EMBD * sizeof(float));
        assert_memory_not_equal(again, all, N_EMBD * sizeof(float)); /* it saw what followed */
    }
    embed(session, tokens, N, again);
    assert_memory_equal(all, again, sizeof(all));
    hekla_session_close(session);
    hekla_session_close(other);
    hekla_model_close(model);
    hekla_model_close(reference);
}

static void sessions(void **state)
{
    (void)state;
    hekla_model *model = open_model(path, NULL);
    hekla_session *session = NULL;
    struct hekla_model_info info;
    struct hekla_error err;
    hekla_token tokens[4] = {BERT_CLS, BERT_A, BERT_AB, BERT_SEP};
    float out[N_EMBD], rows[4 * N_EMBD], again[4 * N_EMBD];
    hekla_model_get_info(model, &info);
    assert_true(info.embeds_only);
    assert_int_equal(info.pooling, HEKLA_POOLING_CLS);
    assert_int_equal(hekla_session_open(&session, model, NULL, &err), HEKLA_UNSUPPORTED);
    assert_non_null(strstr(err.text, "is an embedding model"));
    session = open_embeddings(model, 0, 0);
    assert_int_equal(hekla_session_n_ctx(session), 256);
    embed(session, tokens, 4, rows);
    assert_int_equal(hekla_session_eval(session, tokens, 4, &err), HEKLA_ARGUMENT);
    assert_non_null(strstr(err.text, "a text is evaluated at once"));
    assert_int_equal(hekla_session_sync(session, tokens, 4, NULL, &err), HEKLA_OK);
    assert_int_equal(hekla_session_pos(session), 4);
    assert_int_equal(hekla_session_set_shift(session, true, 0, &err), HEKLA_UNSUPPORTED);
    assert_int_equal(
        hekla_session_save(session, "/tmp/hekla-never", NULL, 0, &err), HEKLA_UNSUPPORTED);
    assert_int_equal(
        hekla_session_restore(session, "/tmp/hekla-never", NULL, NULL, &err), HEKLA_UNSUPPORTED);
    embed(session, tokens, 4, again); /* it still works */
    assert_memory_equal(rows, again, sizeof(rows));
    assert_int_equal(
        hekla_session_embed(session, tokens, 4, HEKLA_POOLING_CLS, out, &err), HEKLA_OK);
    assert_memory_equal(out, rows, sizeof(out));
    hekla_session_close(session);
    hekla_model_close(model);
}

/* A head that ranks is left out; what is not known is refused. */
static void what_files_say(void **state)
{
    (void)state;
    struct hekla_error err;
    hekla_model *model = NULL;
    struct arch_file f = begin_file();
    arch_file_tensor(&f, "cls.weight", N_EMBD, N_EMBD, 0, 1);
    arch_file_tensor(&f, "cls.bias", N_EMBD, 1, 0, 1);
    arch_file_tensor(&f, "cls.output.weight", N_EMBD, 1, 0, 1);
    arch_file_tensor(&f, "cls.output.bias", 1, 1, 0, 1);
    arch_file_u32(&f, "pooling_type", 4);
    arch_file_write(arch_file_end(&f), path);
    model = open_model(path, "ref");
    hekla_session *session = open_embeddings(model, 0, 0);
    float out[N_EMBD];
    const hekla_token token = BERT_A;
    assert_int_equal(
        hekla_session_embed(session, &token, 1, HEKLA_POOLING_AUTO, out, &err), HEKLA_UNSUPPORTED);
    assert_non_null(strstr(err.text, "ranking"));
    assert_int_equal(
        hekla_session_embed(session, &token, 1, HEKLA_POOLING_CLS, out, &err), HEKLA_OK);
    hekla_session_close(session);
    hekla_model_close(model);
    static const struct {
        const char *arch, *tensor, *words; /* arch: with keys of it, and not of bert */
    } cases[] = {
        {"bert", "blk.0.attn_q_norm.weight", "blk.0.attn_q_norm.weight is not one"},
        {"nomic-bert", NULL, "missing"},
        {"nomic-bert-moe", NULL, "\"nomic-bert-moe\" is not supported"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arch_file bad = begin_with(cases[i].arch, 1, true);
        if (cases[i].tensor)
            arch_file_tensor(&bad, cases[i].tensor, 16, 1, 1, 0);
        arch_file_write(arch_file_end(&bad), path);
        hekla_status status = hekla_model_open(
            &model, &(struct hekla_model_options){.path = path, .device = "ref"}, &err);
        if (status == HEKLA_OK || !strstr(err.text, cases[i].words))
            fail_msg("%s: status %d, and \"%s\" in: %s", cases[i].arch, (int)status, cases[i].words,
                status == HEKLA_OK ? "" : err.text);
    }
}

/* The words of a text, with [CLS] before and [SEP] behind them. */
static void words(void **state)
{
    (void)state;
    static char out[1 << 16], arguments[2 * TEST_PATH];
    const hekla_token tokens[] = {BERT_CLS, BERT_A, BERT_AB, BERT_XX_B, BERT_SEP};
    float rows[5 * N_EMBD];
    hekla_model *model = open_model(path, NULL);
    hekla_session *session = open_embeddings(model, 0, 0);
    embed(session, tokens, 5, rows);
    snprintf(arguments, sizeof(arguments),
        "-m %s -p 'a abb' --pooling none --embd-normalize -1 --embd-output-format raw", path);
    assert_int_equal(run_command("embed", arguments, out, sizeof(out)), 0);
    char *at = strncmp(out, "warning", 7) == 0 ? strchr(out, '\n') + 1 : out; /* of no GPU */
    for (int i = 0; i < 5 * N_EMBD; i++)
        assert_true(fabs(strtod(at, &at) - (double)rows[i]) < 1e-6);
    assert_string_equal(at, "\n");
    hekla_session_close(session);
    hekla_model_close(model);
}

/* Every command either does something sensible or says what the model is. */
static void commands(void **state)
{
    (void)state;
    static const struct {
        const char *command, *arguments;
        int code;
        const char *words;
    } cases[] = {
        {"run", "-p a", EXIT_FILE, "is an embedding model, which writes no text"},
        {"run", "--session /tmp/hekla-never -p a", EXIT_FILE, "is an embedding model"},
        {"run", "--hash -p a", EXIT_FILE, "is an embedding model"},
        {"perplexity", "-f " HEKLA_SOURCE_DIR "/README.md", EXIT_FILE, "is an embedding model"},
        {"tune", "", EXIT_FILE, "is an embedding model"},
        {"bench", "", EXIT_FILE, "is an embedding model"},
        {"info", "--predict", EXIT_FILE, "embedding models cannot be predicted"},
        {"info", "--fit", 0, "f32          256"},
        {"embed", "-p 'a\\nab'", 0, "cosine similarity matrix:"},
        {"embed", "-ub 1 -p 'a ab a ab a'", 0, "embedding 0: "},
    };
    static char out[1 << 16], arguments[2 * TEST_PATH];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(arguments, sizeof(arguments), "-m %s %s", path, cases[i].arguments);
        int code = run_command(cases[i].command, arguments, out, sizeof(out));
        if (code != cases[i].code || !strstr(out, cases[i].words))
            fail_msg("%s %s: exit %d, expected %d, and \"%s\" in: %.300s", cases[i].command,
                cases[i].arguments, code, cases[i].code, cases[i].words, out);
    }
}

static int make_file(void **state)
{
    (void)state;
    struct arch_file f = begin_file();
    arch_file_u32(&f, "pooling_type", 2);
    arch_file_write(arch_file_end(&f), path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(whole_texts, make_file),
        cmocka_unit_test(sessions), cmocka_unit_test(words), cmocka_unit_test(commands),
        cmocka_unit_test(what_files_say)};
    snprintf(path, sizeof(path), "/tmp/hekla-encoder-%ld.gguf", (long)getpid());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove(path);
    return failed;
}
