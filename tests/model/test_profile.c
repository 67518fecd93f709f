/*
 * A session with `profile`: what it counts agrees with the counters and with the model's size, the
 * times are within the time that passed, and neither tokens nor logits change.
 */
#include "model_test.h"

enum { N_PROMPT = 20, N_GENERATED = 12, N_CTX = 128 };

struct outcome {
    struct token_list tokens;
    uint64_t logits;
    struct hekla_stats stats;
};

static void run(hekla_session *session, uint32_t n_vocab, struct outcome *out)
{
    hekla_token prompt[N_PROMPT];
    *out = (struct outcome){0};
    make_prompt(prompt, N_PROMPT, n_vocab);
    eval(session, prompt, N_PROMPT);
    out->logits = hash_row(CLI_HASH_START, hekla_session_logits(session), n_vocab);
    generate(session, NULL, N_GENERATED, true, &out->tokens);
    out->logits = hash_row(out->logits, hekla_session_logits(session), n_vocab);
    hekla_session_get_stats(session, &out->stats);
}

/* Of all kernels that multiply matrices. */
static void sum_matrices(const struct hekla_profile *p, double *bytes, double *operations)
{
    *bytes = *operations = 0;
    for (size_t i = 0; i < p->n_rows; i++)
        if (strncmp(p->rows[i].kernel, "mat", 3) == 0) {
            *bytes += (double)p->rows[i].bytes;
            *operations += (double)p->rows[i].operations;
        }
}

static void check_times(const struct hekla_profile *p, const struct hekla_phase_stats *stats)
{
    double sum = 0;
    uint64_t copies = 0, dispatches = 0;
    for (size_t i = 0; i < p->n_rows; i++) {
        assert_true(p->rows[i].seconds >= 0 && p->rows[i].bytes > 0);
        assert_true(i == 0 || p->rows[i].seconds <= p->rows[i - 1].seconds);
        sum += p->rows[i].seconds;
        *(strcmp(p->rows[i].kernel, "copy") ? &dispatches : &copies) += p->rows[i].dispatches;
    }
    assert_int_equal(dispatches, stats->dispatches);
    assert_true(sum > 0 && sum <= stats->seconds);
    assert_true(p->layer_least > 0 && p->layer_least <= p->layer_median);
    assert_true(p->layer_median <= p->layer_most && p->layer_most * (double)p->steps <= sum);
    assert_true(p->peak_bytes_per_second > 1e6);
}

static void counts_agree(void **state)
{
    hekla_model *model = *state;
    struct hekla_model_info info;
    struct hekla_profile p;
    struct outcome timed;
    hekla_model_get_info(model, &info);
    hekla_session *session =
        open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX, .profile = true});
    run(session, info.n_vocab, &timed);
    hekla_session_get_profile(session, HEKLA_GENERATION, &p);
    if (!p.n_rows) {
        printf("%s has no timestamps: no times to check\n", info.device);
        hekla_session_close(session);
        skip();
    }
    assert_int_equal(p.steps, N_GENERATED - 1);
    assert_int_equal(timed.stats.generation.tokens, N_GENERATED);
    check_times(&p, &timed.stats.generation);
    /* Every weight once a token, and little else: activations are small beside them. */
    double bytes, operations, ideal = (double)info.decode_bytes * (double)p.steps;
    sum_matrices(&p, &bytes, &operations);
    assert_true(bytes >= ideal && bytes < 1.1 * ideal);
    /* Each prompt token meets all layers' weights, and the newest one the output's. */
    double output = (double)info.n_vocab * info.n_embd, per_token = operations / (double)p.steps;
    hekla_session_get_profile(session, HEKLA_PROMPT, &p);
    assert_true(p.steps >= 1 && p.steps <= N_PROMPT);
    check_times(&p, &timed.stats.prompt);
    sum_matrices(&p, &bytes, &operations);
    assert_true(operations == N_PROMPT * (per_token - 2 * output) + 2 * output);
    hekla_session_close(session);
}

static void nothing_changes(void **state)
{
    hekla_model *model = *state;
    struct outcome plain, timed;
    struct hekla_profile p;
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    run(session, vocab_of(model), &plain);
    hekla_session_get_profile(session, HEKLA_GENERATION, &p);
    assert_int_equal(p.n_rows, 0); /* not asked for */
    hekla_session_close(session);
    session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX, .profile = true});
    run(session, vocab_of(model), &timed);
    hekla_session_close(session);
    assert_memory_equal(plain.tokens.ids, timed.tokens.ids, N_GENERATED * sizeof(hekla_token));
    assert_true(plain.logits == timed.logits);
    assert_int_equal(plain.stats.generation.dispatches, timed.stats.generation.dispatches);
    assert_int_equal(plain.stats.generation.barriers, timed.stats.generation.barriers);
    assert_int_equal(timed.stats.generation.submits, N_GENERATED); /* each is looked at */
}

/* The reference has no clock of its own, but runs. */
static void reference(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, "ref");
    struct hekla_profile p;
    struct hekla_error err;
    hekla_session *session =
        open_session(model, &(struct hekla_session_options){.n_ctx = 32, .profile = true});
    if (hekla_session_eval(session, (hekla_token[]){0, 1}, 2, &err))
        fail_msg("%s", err.text);
    hekla_session_get_profile(session, HEKLA_PROMPT, &p);
    assert_int_equal(p.n_rows, 0);
    hekla_session_close(session);
    hekla_model_close(model);
}

static int open_all(void **state)
{
    *state = open_model(NULL, NULL);
    return 0;
}

static int close_all(void **state)
{
    hekla_model_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_agree),
        cmocka_unit_test(nothing_changes),
        cmocka_unit_test(reference),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
