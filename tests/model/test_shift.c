/*
 * Context shift: what a session generates past its context is what new sessions generate that are
 * given, at each shift, the tokens that are left; with every type of cache, with layers that see a
 * window, and with sampling on the device and on the host. And a prompt that shares a prefix with
 * what the session holds costs the rest of it only.
 */
#include "model_test.h"

enum { N_CTX = 40, N_PROMPT = 17, N_TOKENS = 90 };

static const struct hekla_sampling samplings[] = {
    {0},
    {.temperature = 1.5f, .top_k = 40, .seed = 7},
    {.temperature = 1.5f, .top_k = 40, .seed = 7, .typical_p = 0.9f},
};
enum { N_SAMPLINGS = sizeof(samplings) / sizeof(samplings[0]) };

/* One way of running a model past its context. */
struct shift_case {
    struct hekla_session_options options;
    struct hekla_sampling sampling;
    uint32_t n_keep;
    size_t n_prompt;
};

static void expect_same_row(const float *a, const float *b, uint32_t n_vocab)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_memory_equal(a, b, n_vocab * sizeof(*a));
}

/* What the header promises, with a new session for each stretch. `held` gets what is left. */
static void generate_in_stretches(
    hekla_model *model, struct shift_case c, struct token_list *held, struct token_list *out)
{
    size_t n_ctx = c.options.n_ctx;
    for (;;) {
        size_t left = N_TOKENS - out->n, room = n_ctx - held->n, before = out->n;
        hekla_session *session = open_session(model, &c.options);
        eval(session, held->ids, held->n);
        generate(session, &c.sampling, (int64_t)(left < room ? left : room), true, out);
        hekla_session_close(session);
        memcpy(held->ids + held->n, out->ids + before, (out->n - before) * sizeof(*out->ids));
        held->n += out->n - before;
        if (out->n == N_TOKENS)
            return;
        size_t n_drop = (n_ctx - c.n_keep) / 2, first = c.n_keep + n_drop;
        memmove(held->ids + c.n_keep, held->ids + first, (n_ctx - first) * sizeof(held->ids[0]));
        held->n = n_ctx - n_drop;
        c.sampling.seed++;
    }
}

static void check_case(hekla_model *model, const struct shift_case *c)
{
    struct token_list expected = {.n = 0}, tokens = {.n = 0}, held = {.n = c->n_prompt};
    struct hekla_error err;
    size_t reused;
    make_prompt(held.ids, held.n, vocab_of(model));
    hekla_session *session = open_session(model, &c->options);
    assert_int_equal(hekla_session_set_shift(session, true, c->n_keep, &err), HEKLA_OK);
    eval(session, held.ids, held.n);
    generate_in_stretches(model, *c, &held, &expected);
    generate(session, &c->sampling, N_TOKENS, true, &tokens);
    assert_int_equal(tokens.n, N_TOKENS);
    assert_memory_equal(tokens.ids, expected.ids, N_TOKENS * sizeof(hekla_token));
    /* The last token is not evaluated; all before it are, once. */
    assert_int_equal(hekla_session_pos(session), held.n - 1);
    assert_memory_equal(hekla_session_tokens(session), held.ids, (held.n - 1) * sizeof(*held.ids));
    assert_int_equal(hekla_session_sync(session, held.ids, held.n, &reused, &err), HEKLA_OK);
    assert_int_equal(reused, held.n - 1);
    hekla_session *fresh = open_session(model, &c->options);
    eval(fresh, held.ids, held.n);
    expect_same_row(hekla_session_logits(session), hekla_session_logits(fresh), vocab_of(model));
    hekla_session_close(fresh);
    hekla_session_close(session);
}

static void check_model(hekla_model *model, uint32_t n_ctx, size_t n_prompt)
{
    static const enum hekla_kv_type types[] = {HEKLA_KV_F32, HEKLA_KV_F16, HEKLA_KV_Q8_0};
    for (uint32_t i = 0; i < N_SAMPLINGS; i++)
        check_case(model, &(struct shift_case){{.n_ctx = n_ctx, .n_batch = 8, .kv_type = types[i]},
                              samplings[i], 5 * i, n_prompt});
}

static void goes_on_as_new_sessions_do(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, NULL), *ref = open_model(NULL, "ref");
    check_model(model, N_CTX, N_PROMPT);
    check_model(model, N_CTX, N_CTX); /* full before the first token */
    check_model(ref, N_CTX, N_PROMPT);
    hekla_model_close(model);
    hekla_model_close(ref);
}

static void windows_are_filled_again(void **state)
{
    (void)state;
    const char *shared = find_shared();
    char path[TEST_PATH];
    if (!shared)
        skip();
    snprintf(path, sizeof(path), "%s/archs/gemma2.q8_0.gguf", shared);
    hekla_model *model = open_model(path, NULL);
    check_model(model, 192, 150); /* its window is shorter */
    hekla_model_close(model);
}

/* The place in a grammar is kept: a text of one possible form goes on where it was. */
static void grammars_go_on(void **state)
{
    (void)state;
    static const char rules[] = "root ::= x\nx ::= \"abcdefghijklmnopqrs\" x";
    hekla_model *model = open_model(NULL, NULL);
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    hekla_grammar *grammar = NULL;
    struct token_list list = {.n = 0};
    struct hekla_error err;
    hekla_token prompt[N_PROMPT];
    size_t n_text = 0;
    make_prompt(prompt, N_PROMPT, vocab_of(model));
    assert_int_equal(
        hekla_grammar_open(&grammar, HEKLA_GBNF, rules, strlen(rules), &err), HEKLA_OK);
    assert_int_equal(hekla_session_set_shift(session, true, 3, &err), HEKLA_OK);
    eval(session, prompt, N_PROMPT);
    generate(session, &(struct hekla_sampling){.grammar = grammar}, N_TOKENS, true, &list);
    assert_int_equal(list.n, N_TOKENS);
    for (size_t i = 0; i < list.n; i++) {
        char bytes[HEKLA_PIECE_MAX];
        size_t n = hekla_token_bytes(model, list.ids[i], false, bytes, sizeof(bytes));
        for (size_t k = 0; k < n; k++)
            assert_int_equal(bytes[k], 'a' + (int)(n_text++ % 19));
    }
    hekla_grammar_close(grammar);
    hekla_session_close(session);
    hekla_model_close(model);
}

static bool stop_at_last(void *user, hekla_token token)
{
    (void)token;
    return --*(int *)user > 0;
}

/* A caller that stops with the token that fills the context finds all of it there. */
static void stopped_contexts_stay(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, NULL);
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    struct hekla_error err;
    hekla_token prompt[N_PROMPT];
    int left = N_CTX - N_PROMPT;
    size_t n;
    make_prompt(prompt, N_PROMPT, vocab_of(model));
    assert_int_equal(hekla_session_set_shift(session, true, 0, &err), HEKLA_OK);
    eval(session, prompt, N_PROMPT);
    assert_int_equal(hekla_session_generate(session, &(struct hekla_sampling){0}, -1, true,
                         stop_at_last, &left, &n, &err),
        HEKLA_OK);
    assert_int_equal(n, N_CTX - N_PROMPT);
    assert_int_equal(hekla_session_pos(session), N_CTX - 1);
    assert_memory_equal(hekla_session_tokens(session), prompt, sizeof(prompt));
    hekla_session_close(session);
    hekla_model_close(model);
}

static void bad_shifts_are_told(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, "ref");
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    struct hekla_error err;
    assert_int_equal(hekla_session_set_shift(session, true, N_CTX - 2, &err), HEKLA_OK);
    assert_int_equal(hekla_session_set_shift(session, true, N_CTX - 1, &err), HEKLA_ARGUMENT);
    assert_non_null(strstr(err.text, "39 tokens cannot be kept"));
    assert_int_equal(hekla_session_set_shift(session, true, UINT32_MAX, NULL), HEKLA_ARGUMENT);
    hekla_session_close(session);
    hekla_model_close(model);
}

static void shared_prefixes_are_kept(void **state)
{
    (void)state;
    enum { SHARED = 11 };
    hekla_model *model = open_model(NULL, NULL);
    const struct hekla_session_options options = {.n_ctx = N_CTX};
    hekla_session *session = open_session(model, &options), *fresh = open_session(model, &options);
    hekla_token prompt[N_PROMPT];
    struct hekla_stats stats;
    struct hekla_error err;
    size_t reused;
    make_prompt(prompt, N_PROMPT, vocab_of(model));
    eval(session, prompt, N_PROMPT);
    prompt[SHARED] ^= 1;
    assert_int_equal(hekla_session_sync(session, prompt, N_PROMPT, &reused, &err), HEKLA_OK);
    assert_int_equal(reused, SHARED);
    hekla_session_get_stats(session, &stats);
    assert_int_equal(stats.prompt.tokens, 2 * N_PROMPT - SHARED);
    eval(fresh, prompt, N_PROMPT);
    expect_same_row(hekla_session_logits(session), hekla_session_logits(fresh), vocab_of(model));
    hekla_session_close(fresh);
    hekla_session_close(session);
    hekla_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_as_new_sessions_do),
        cmocka_unit_test(windows_are_filled_again),
        cmocka_unit_test(grammars_go_on),
        cmocka_unit_test(stopped_contexts_stay),
        cmocka_unit_test(bad_shifts_are_told),
        cmocka_unit_test(shared_prefixes_are_kept),
    };
    return cmocka_run_group_tests_name("shift", tests, NULL, NULL);
}
