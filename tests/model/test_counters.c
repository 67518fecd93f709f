/*
 * What a session costs once it runs: a generated token makes no allocation, pipeline, descriptor
 * write or recording. And that sessions keep their state apart: rewinding, reusing a prefix, other
 * cache types, and two sessions on one model in two threads.
 */
#include "model_test.h"

#include <pthread.h>

enum { N_PROMPT = 40, N_GENERATED = 64, N_CTX = 256 };

static void get_prompt(const hekla_model *model, hekla_token prompt[N_PROMPT])
{
    make_prompt(prompt, N_PROMPT, vocab_of(model));
}

/* ---- counters ---------------------------------------------------------------------------------
 */

static void expect_quiet(const struct hekla_stats *before, const struct hekla_stats *after)
{
    assert_int_equal(after->allocations - before->allocations, 0);
    assert_int_equal(after->pipelines - before->pipelines, 0);
    assert_int_equal(after->descriptor_writes - before->descriptor_writes, 0);
    assert_int_equal(after->recordings - before->recordings, 0);
}

/* The same prompt, a few tokens, then one more prompt token as when a conversation goes on. */
static void warm_up(hekla_session *session, const hekla_token *prompt,
    const struct hekla_sampling *sampling, struct token_list *list)
{
    struct hekla_error err;
    hekla_token all[N_PROMPT + 4];
    eval(session, prompt, N_PROMPT);
    generate(session, sampling, 4, true, list);
    memcpy(all, prompt, N_PROMPT * sizeof(*all));
    memcpy(all + N_PROMPT, list->ids, 4 * sizeof(*all));
    if (hekla_session_sync(session, all, N_PROMPT + 4, NULL, &err))
        fail_msg("%s", err.text);
}

struct watch {
    hekla_session *session;
    uint64_t start, dispatches[N_GENERATED]; /* [i]: when token i was reported */
    size_t n;
};

static bool watch_token(void *user, hekla_token token)
{
    struct watch *w = user;
    struct hekla_stats now;
    (void)token;
    hekla_session_get_stats(w->session, &now);
    w->dispatches[w->n++] = now.dispatches - w->start;
    return w->n < N_GENERATED;
}

/* What one more token takes, from the same logits. */
static uint64_t dispatches_to_sample(hekla_session *session, const struct hekla_sampling *sampling)
{
    struct token_list list = {.n = 0};
    struct hekla_stats before, after;
    hekla_session_get_stats(session, &before);
    generate(session, sampling, 1, true, &list);
    hekla_session_get_stats(session, &after);
    return after.dispatches - before.dispatches;
}

static void check_quiet(hekla_model *model, const char *name, const struct hekla_sampling *sampling)
{
    hekla_token prompt[N_PROMPT];
    struct token_list list = {.n = 0};
    struct hekla_stats before, after;
    struct hekla_error err;
    get_prompt(model, prompt);
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    warm_up(session, prompt, sampling, &list);
    uint64_t first = dispatches_to_sample(session, sampling);
    hekla_session_get_stats(session, &before);
    assert_true(before.allocations > 0 && before.descriptor_writes > 0 && before.recordings > 0);
    struct watch watch = {.session = session, .start = before.dispatches};
    if (hekla_session_generate(
            session, sampling, N_GENERATED, true, watch_token, &watch, NULL, &err))
        fail_msg("%s", err.text);
    hekla_session_get_stats(session, &after);
    expect_quiet(&before, &after);
    assert_int_equal(after.generation.tokens - before.generation.tokens, N_GENERATED);
    uint64_t submits = after.submits - before.submits;
    uint64_t all = after.dispatches - before.dispatches, each = (all - first) / (N_GENERATED - 1);
    assert_int_equal(all, first + each * (N_GENERATED - 1));
    assert_true(first > 0 && each > first);
    /* When a token is reported, the next one is under way. */
    for (uint64_t i = 0; i + 1 < N_GENERATED; i++)
        assert_true(watch.dispatches[i] >= first + (i + 1) * each);
    printf("%s: %d tokens in %" PRIu64 " submits, %" PRIu64 " dispatches each, nothing else made\n",
        name, N_GENERATED, submits, each);
    assert_true(submits > 0 && submits <= N_GENERATED);
    hekla_session_close(session);
}

static void generating_makes_nothing(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, NULL);
    struct hekla_sampling sampling = hekla_sampling_default();
    sampling.repeat_penalty = 1.1f;
    struct hekla_session_options small = {.n_ctx = 64};
    struct hekla_stats stats;
    hekla_session *first = open_session(model, &small);
    eval(first, (hekla_token[]){0}, 1);
    hekla_session_get_stats(first, &stats);
    assert_true(stats.pipelines > 0); /* the counter counts; further sessions share them */
    hekla_session_close(first);
    check_quiet(model, "greedy", &(struct hekla_sampling){0});
    check_quiet(model, "sampled", &sampling);
    hekla_model_close(model);
}

/* A second prompt of the same length makes nothing either. */
static void prompts_are_recorded_once(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, NULL);
    hekla_token prompt[N_PROMPT];
    struct hekla_stats before, after;
    get_prompt(model, prompt);
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    eval(session, prompt, N_PROMPT);
    hekla_session_get_stats(session, &before);
    assert_int_equal(before.prompt.tokens, N_PROMPT);
    hekla_session_rewind(session, 0);
    prompt[0]++;
    eval(session, prompt, N_PROMPT);
    hekla_session_get_stats(session, &after);
    expect_quiet(&before, &after);
    assert_int_equal(after.submits - before.submits, 1);
    hekla_session_close(session);
    hekla_model_close(model);
}

/* ---- timelines --------------------------------------------------------------------------------
 */

/* A hash of the newest logits and of 16 greedy tokens after them. */
static uint64_t hash_of_state(hekla_session *session, uint32_t n_vocab)
{
    struct token_list list = {.n = 0};
    const float *logits = hekla_session_logits(session);
    assert_non_null(logits);
    uint64_t hash = hash_row(CLI_HASH_START, logits, n_vocab);
    generate(session, NULL, 16, true, &list);
    return cli_hash_bytes(hash, (const unsigned char *)list.ids, list.n * sizeof(list.ids[0]));
}

static uint64_t hash_of_fresh(hekla_model *model, const hekla_token *tokens, size_t n)
{
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    eval(session, tokens, n);
    uint64_t hash = hash_of_state(session, vocab_of(model));
    hekla_session_close(session);
    return hash;
}

static void sync_to(hekla_session *session, const hekla_token *tokens, size_t n, size_t reused)
{
    struct hekla_error err;
    size_t kept = SIZE_MAX;
    if (hekla_session_sync(session, tokens, n, &kept, &err))
        fail_msg("%s", err.text);
    assert_int_equal(kept, reused);
    assert_int_equal(hekla_session_pos(session), n);
}

static void reused_prefixes_change_nothing(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, NULL);
    hekla_token a[N_PROMPT], b[N_PROMPT];
    uint32_t n_vocab = vocab_of(model);
    get_prompt(model, a);
    memcpy(b, a, sizeof(b));
    b[25] = (b[25] + 1) % (hekla_token)n_vocab;
    uint64_t hash_a = hash_of_fresh(model, a, N_PROMPT), hash_b = hash_of_fresh(model, b, N_PROMPT);
    assert_true(hash_a != hash_b);
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = N_CTX});
    sync_to(session, a, N_PROMPT, 0);
    assert_true(hash_of_state(session, n_vocab) == hash_a);
    sync_to(session, b, N_PROMPT, 25);
    assert_true(hash_of_state(session, n_vocab) == hash_b);
    sync_to(session, a, N_PROMPT, 25);
    sync_to(session, a, N_PROMPT, N_PROMPT - 1); /* the last is evaluated again for its logits */
    assert_true(hash_of_state(session, n_vocab) == hash_a);
    hekla_session_rewind(session, 7);
    assert_null(hekla_session_logits(session));
    assert_int_equal(hekla_session_pos(session), 7);
    eval(session, a + 7, N_PROMPT - 7);
    assert_true(hash_of_state(session, n_vocab) == hash_a);
    hekla_session_close(session);
    hekla_model_close(model);
}

static void all_cache_types_run(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, NULL);
    hekla_token prompt[N_PROMPT];
    uint32_t n_vocab = vocab_of(model);
    uint64_t hashes[5];
    struct hekla_stats stats[5];
    get_prompt(model, prompt);
    for (int kv = HEKLA_KV_AUTO; kv <= HEKLA_KV_Q4_0; kv++) {
        hekla_session *session = open_session(model,
            &(struct hekla_session_options){.n_ctx = N_CTX, .kv_type = (enum hekla_kv_type)kv});
        eval(session, prompt, N_PROMPT);
        hashes[kv] = hash_row(CLI_HASH_START, hekla_session_logits(session), n_vocab);
        hekla_session_get_stats(session, &stats[kv]);
        hekla_session_close(session);
    }
    assert_true(hashes[HEKLA_KV_AUTO] == hashes[HEKLA_KV_F16]); /* its weights are not F32 */
    for (int kv = HEKLA_KV_F32; kv < HEKLA_KV_Q4_0; kv++) {
        assert_true(hashes[kv] != hashes[kv + 1]);
        assert_true(stats[kv].device_bytes > stats[kv + 1].device_bytes);
    }
    hekla_model_close(model);
}

/* ---- threads ----------------------------------------------------------------------------------
 */

struct worker {
    hekla_model *model;
    hekla_token prompt[N_PROMPT];
    struct hekla_sampling sampling;
    struct hekla_error err; /* cmocka's checks belong to the main thread */
    struct token_list list;
    uint64_t hash;
};

static bool collect(void *user, hekla_token token)
{
    struct token_list *list = user;
    list->ids[list->n++] = token;
    return true;
}

static void *work(void *user)
{
    struct worker *w = user;
    hekla_session *session = NULL;
    w->list.n = 0;
    hekla_status status = hekla_session_open(
        &session, w->model, &(struct hekla_session_options){.n_ctx = N_CTX}, &w->err);
    if (status == HEKLA_OK)
        status = hekla_session_eval(session, w->prompt, N_PROMPT, &w->err);
    if (status == HEKLA_OK)
        w->hash = hash_row(CLI_HASH_START, hekla_session_logits(session), vocab_of(w->model));
    if (status == HEKLA_OK)
        hekla_session_generate(
            session, &w->sampling, N_GENERATED, true, collect, &w->list, NULL, &w->err);
    hekla_session_close(session);
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    struct worker alone[2] = {{0}}, together[2];
    pthread_t threads[2];
    alone[0].model = alone[1].model = open_model(NULL, NULL);
    alone[1].sampling = hekla_sampling_default();
    for (int i = 0; i < 2; i++) {
        get_prompt(alone[i].model, alone[i].prompt);
        alone[i].prompt[3] += i;
        together[i] = alone[i];
        work(&alone[i]);
        assert_int_equal(alone[i].err.code, HEKLA_OK);
        assert_int_equal(alone[i].list.n, N_GENERATED);
    }
    assert_true(alone[0].hash != alone[1].hash);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, work, &together[i]), 0);
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        for (int i = 0; i < 2; i++) {
            if (together[i].err.code != HEKLA_OK)
                fail_msg("%s", together[i].err.text);
            assert_true(together[i].hash == alone[i].hash);
            assert_int_equal(together[i].list.n, N_GENERATED);
            assert_memory_equal(together[i].list.ids, alone[i].list.ids,
                N_GENERATED * sizeof(alone[i].list.ids[0]));
        }
    }
    hekla_model_close(alone[0].model);
}

/* ---- limits -----------------------------------------------------------------------------------
 */

static void bad_requests_leave_a_session_as_it_was(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, NULL);
    hekla_token prompt[N_PROMPT];
    struct hekla_error err;
    struct token_list list = {.n = 0};
    get_prompt(model, prompt);
    uint64_t expected = hash_of_fresh(model, prompt, 10);
    hekla_session *session = open_session(model, &(struct hekla_session_options){.n_ctx = 32});
    assert_int_equal(hekla_session_n_ctx(session), 32);
    assert_int_equal(
        hekla_session_generate(session, NULL, 1, true, token_list_add, &list, NULL, &err),
        HEKLA_ARGUMENT); /* nothing to go on from */
    eval(session, prompt, 10);
    assert_int_equal(hekla_session_eval(session, prompt, 23, &err), HEKLA_ARGUMENT);
    assert_non_null(strstr(err.text, "do not fit"));
    hekla_token bad[] = {0, 1, 1024}, negative[] = {-1};
    assert_int_equal(hekla_session_eval(session, bad, 3, &err), HEKLA_ARGUMENT);
    assert_non_null(strstr(err.text, "token 2 is 1024"));
    assert_int_equal(hekla_session_eval(session, negative, 1, &err), HEKLA_ARGUMENT);
    assert_int_equal(hekla_session_sync(session, prompt, 33, NULL, &err), HEKLA_ARGUMENT);
    assert_int_equal(hekla_session_pos(session), 10);
    assert_true(hash_of_state(session, vocab_of(model)) == expected);
    /* Until the context is full: 32 positions, and one token that is not evaluated. */
    list.n = 0;
    hekla_session_rewind(session, 0);
    eval(session, prompt, 10);
    generate(session, NULL, -1, true, &list);
    assert_int_equal(list.n, 32 - 10 + 1);
    hekla_session_close(session);
    hekla_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generating_makes_nothing),
        cmocka_unit_test(prompts_are_recorded_once),
        cmocka_unit_test(reused_prefixes_change_nothing),
        cmocka_unit_test(all_cache_types_run),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test(bad_requests_leave_a_session_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
