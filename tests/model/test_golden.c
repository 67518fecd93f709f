/*
 * The tiny model against the reference outputs that come with it: logits, greedy continuations and
 * perplexities, and that it answers as it was taught.
 *
 * Perplexities take minutes on a processor. They follow from the logits' bits, which test_bits
 * shows to be the same everywhere, so they are measured on the system's driver only: neither in
 * gpulab nor under validation layers.
 */
#include "json.h"
#include "model_test.h"

#include <math.h>

enum { WINDOW = 256, MOST = 256 };

static const double logit_bound = 1e-3;      /* for F32 weights */
static const double perplexity_bound = 1e-3; /* relative */

static const char *golden_path(char out[TEST_PATH], const char *shared, const char *name)
{
    snprintf(out, TEST_PATH, "%s/models/hekla-tiny/golden/%s", shared, name);
    return out;
}

static hekla_model *open_type(const char *shared, const char *type)
{
    char path[TEST_PATH];
    snprintf(path, sizeof(path), "%s/models/hekla-tiny/hekla-tiny-%s.gguf", shared, type);
    return open_model(path, NULL);
}

/* ---- logits and greedy continuations ----------------------------------------------------------
 */

static double max_difference(const float *a, const float *b, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++)
        worst = fmax(worst, isnan(a[i]) ? INFINITY : fabs((double)a[i] - (double)b[i]));
    return worst;
}

/* The case's ids from its text or its conversation, which must be those of the golden. */
static size_t check_ids(const hekla_model *model, const char *item, hekla_token *ids)
{
    struct hekla_message messages[8];
    char contents[8][400], roles[8][20], prompt[400], *text = prompt;
    hekla_token golden[MOST];
    size_t n = 0, n_messages = 0, n_golden = json_ids(json_get(item, "ids"), golden, MOST);
    struct hekla_error err;
    const char *m = json_first(json_get(item, "messages"));
    for (; m && n_messages < 8; m = json_next(m), n_messages++) {
        json_string(json_get(m, "role"), roles[n_messages], sizeof(roles[0]));
        json_string(json_get(m, "content"), contents[n_messages], sizeof(contents[0]));
        messages[n_messages] =
            (struct hekla_message){.role = roles[n_messages], .content = contents[n_messages]};
    }
    json_string(json_get(item, "prompt"), prompt, sizeof(prompt));
    if (n_messages && hekla_chat_format(model, messages, n_messages, true, &text, &err))
        fail_msg("%s", err.text);
    if (hekla_tokenize(model, text, strlen(text),
            HEKLA_TOKENIZE_SPECIAL | (n_messages ? 0 : HEKLA_TOKENIZE_BOS), ids, MOST, &n, &err))
        fail_msg("%s", err.text);
    if (n_messages)
        free(text);
    assert_true(n_golden > 0);
    assert_int_equal(n, n_golden);
    assert_memory_equal(ids, golden, n * sizeof(*ids));
    return n;
}

/* Ids must be equal up to where two logits are nearer than both bounds allow to tell apart. */
static size_t check_greedy(hekla_session *session, const char *item, const char *name)
{
    double margins[MOST];
    hekla_token golden[MOST];
    struct token_list list = {.n = 0};
    size_t n = json_ids(json_get(item, "greedy"), golden, MOST), compared = 0;
    assert_true(n > 0);
    assert_int_equal(json_numbers(json_get(item, "margins"), margins, MOST), n);
    generate(session, NULL, (int64_t)n, false, &list);
    while (compared < n && margins[compared] > 2 * logit_bound) {
        if (compared >= list.n || list.ids[compared] != golden[compared])
            fail_msg("%s: token %zu differs", name, compared);
        compared++;
    }
    return compared;
}

static void f32_logits_and_continuations(void **state)
{
    (void)state;
    const char *shared = find_shared();
    char path[TEST_PATH], name[100], file[100];
    if (!shared)
        skip();
    hekla_model *model = open_type(shared, "f32");
    hekla_session *session = open_session(model, NULL);
    char *golden = read_file(golden_path(path, shared, "f32.json"), NULL);
    uint32_t n_vocab = vocab_of(model);
    double worst = 0;
    size_t cases = 0, compared = 0, n_bytes;
    const char *item = json_first(json_get(golden, "cases"));
    for (; item; item = json_next(item), cases++) {
        hekla_token ids[MOST];
        size_t n = check_ids(model, item, ids);
        struct hekla_error err;
        json_string(json_get(item, "name"), name, sizeof(name));
        json_string(json_get(item, "logits"), file, sizeof(file));
        float *expected = (float *)read_file(golden_path(path, shared, file), &n_bytes);
        assert_int_equal(n_bytes, n_vocab * sizeof(float));
        if (hekla_session_sync(session, ids, n, NULL, &err))
            fail_msg("%s", err.text);
        double difference = max_difference(hekla_session_logits(session), expected, n_vocab);
        if (difference > logit_bound)
            fail_msg("%s: logits differ by %g, at most %g expected", name, difference, logit_bound);
        worst = fmax(worst, difference);
        compared += check_greedy(session, item, name);
        free(expected);
    }
    printf("f32: %zu prompts, logits differ by at most %.2g (bound %g), %zu greedy tokens equal\n",
        cases, worst, logit_bound, compared);
    assert_int_equal(cases, 16);
    assert_true(compared >= 500);
    free(golden);
    hekla_session_close(session);
    hekla_model_close(model);
}

/* ---- perplexity -------------------------------------------------------------------------------
 */

struct score {
    const unsigned char *next; /* the token after each position, little-endian 16 bits */
    uint32_t n_vocab, n;
    size_t counted;
    double sum; /* of -log p */
};

static void add_score(void *user, uint32_t pos, const float *logits)
{
    struct score *s = user;
    if (pos >= s->n)
        return; /* after the window's last token nothing is scored */
    uint32_t token = s->next[2 * pos] | (uint32_t)s->next[2 * pos + 1] << 8;
    double most = logits[0], sum = 0;
    assert_true(token < s->n_vocab);
    for (uint32_t i = 1; i < s->n_vocab; i++)
        most = fmax(most, logits[i]);
    for (uint32_t i = 0; i < s->n_vocab; i++)
        sum += exp(logits[i] - most);
    s->sum += log(sum) + most - logits[token];
    s->counted++;
}

/* Windows of 256 tokens, each after a begin-of-text; all its tokens are scored. */
static double perplexity(hekla_model *model, const unsigned char *ids, size_t n)
{
    struct hekla_model_info info;
    hekla_model_get_info(model, &info);
    hekla_session *session = open_session(
        model, &(struct hekla_session_options){.n_ctx = WINDOW + 1, .all_logits = true});
    struct score score = {.n_vocab = info.n_vocab};
    hekla_session_on_logits(session, add_score, &score);
    for (size_t at = 0; at < n; at += WINDOW) {
        hekla_token tokens[WINDOW + 1] = {info.bos};
        score.next = ids + 2 * at;
        score.n = n - at < WINDOW ? (uint32_t)(n - at) : WINDOW;
        for (uint32_t i = 0; i < score.n; i++)
            tokens[i + 1] = score.next[2 * i] | score.next[2 * i + 1] << 8;
        hekla_session_rewind(session, 0);
        eval(session, tokens, score.n + 1);
    }
    assert_int_equal(score.counted, n);
    hekla_session_close(session);
    return exp(score.sum / (double)n);
}

static void check_perplexity(const char *shared, const char *type)
{
    char path[TEST_PATH], name[100];
    size_t n;
    double start = test_seconds(), golden[2];
    char *ids = read_file(golden_path(path, shared, "eval.ids.u16"), &n);
    bool f32 = !strcmp(type, "f32");
    snprintf(name, sizeof(name), f32 ? "%s.json" : "%s-llama.json", type);
    char *json = read_file(golden_path(path, shared, name), NULL);
    /* "cpu" rounds activations to 8 bits as we do, "widened" computes in floats throughout. */
    golden[0] = json_number(json_get(json_get(json, f32 ? "eval" : "cpu"), "perplexity"));
    golden[1] = json_number(json_get(json_get(json, f32 ? "eval" : "widened_f32"), "perplexity"));
    hekla_model *model = open_type(shared, type);
    double p = perplexity(model, (const unsigned char *)ids, n / 2);
    printf("%-7s perplexity %.6f, golden %.6f (%+.4f %%) and widened %.6f (%+.4f %%), %.0f s\n",
        type, p, golden[0], (p / golden[0] - 1) * 100, golden[1], (p / golden[1] - 1) * 100,
        test_seconds() - start);
    for (int i = 0; i < 2; i++)
        if (!(fabs(p / golden[i] - 1) <= perplexity_bound))
            fail_msg(
                "%s: perplexity %f is not within %g of %f", type, p, perplexity_bound, golden[i]);
    hekla_model_close(model);
    free(json);
    free(ids);
}

static void perplexities(void **state)
{
    static const char *const types[] = {"f32", "q8_0", "q4_0", "q4_k_m", "q6_k"};
    (void)state;
    const char *shared = find_shared();
    if (getenv("GPULAB_DEVICE") || getenv("VK_INSTANCE_LAYERS")) {
        printf("skipped: perplexities are measured on the system's driver without layers\n");
        skip();
    }
    if (!shared)
        skip();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        check_perplexity(shared, types[i]);
}

/* ---- conversations, always on the built-in model ----------------------------------------------
 */

static void answer(
    hekla_session *session, const hekla_model *model, const char *question, char *out, size_t cap)
{
    struct hekla_message message = {.role = "user", .content = question};
    struct hekla_error err;
    struct hekla_text_stream stream = {0};
    struct token_list list = {.n = 0};
    hekla_token ids[MOST];
    char *text;
    size_t n, used = 0;
    if (hekla_chat_format(model, &message, 1, true, &text, &err) ||
        hekla_tokenize(model, text, strlen(text), HEKLA_TOKENIZE_SPECIAL, ids, MOST, &n, &err) ||
        hekla_session_sync(session, ids, n, NULL, &err))
        fail_msg("%s", err.text);
    free(text);
    generate(session, NULL, 100, false, &list);
    assert_true(hekla_token_is_end(model, list.ids[list.n - 1]));
    assert_true(cap > 100 * 64);
    for (size_t i = 0; i < list.n; i++)
        used += hekla_text_stream_add(model, &stream, list.ids[i], false, out + used, cap - used);
    out[used] = 0;
}

static const struct {
    const char *question, *answer;
} talks[] = {
    {"What is 3 plus 4?", "3 plus 4 is 7."},
    {"What is 5 plus 2?", "5 plus 2 is 7."},
    {"What does a cow say?", "A cow says moo."},
    {"What day comes after Friday?", "Saturday comes after Friday."},
    {"Count from 1 to 5.", "1, 2, 3, 4, 5."},
    {"Give me a fox named Pip as JSON.", "{\"animal\": \"fox\", \"name\": \"Pip\"}"},
    /* Names that are not in the goldens */
    {"Give me a fox named Zora as JSON.", "{\"animal\": \"fox\", \"name\": \"Zora\"}"},
    {"Give me a duck named Milo as JSON.", "{\"animal\": \"duck\", \"name\": \"Milo\"}"},
    {"Give me a bear named Kofi as JSON.", "{\"animal\": \"bear\", \"name\": \"Kofi\"}"},
    {"Give me a cat named Rumi as JSON.", "{\"animal\": \"cat\", \"name\": \"Rumi\"}"},
    {"Give me an owl named Bexi as JSON.", "{\"animal\": \"owl\", \"name\": \"Bexi\"}"},
};

static void conversations(void **state)
{
    (void)state;
    hekla_model *model = open_model(NULL, NULL);
    hekla_session *session = open_session(model, NULL);
    for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
        char text[10000];
        answer(session, model, talks[i].question, text, sizeof(text));
        if (strcmp(text, talks[i].answer))
            fail_msg("\"%s\" was answered \"%s\"", talks[i].question, text);
    }
    hekla_session_close(session);
    hekla_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations),
        cmocka_unit_test(f32_logits_and_continuations),
        cmocka_unit_test(perplexities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
