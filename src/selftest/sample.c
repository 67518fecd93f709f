/* penalize and sample: every sampler alone and together, ties, small and large vocabularies. */
#include "selftest/case.h"

struct sampling {
    float temperature; /* 0: greedy */
    uint32_t top_k;
    float top_p, min_p, repeat, presence, frequency;
    uint32_t last_n;
};

static void set(struct test *t, const struct sampling *s)
{
    struct step_args *step = test_step(t);
    step->inv_temp = s->temperature > 0 ? 1.0f / s->temperature : 0.0f;
    step->top_k = s->top_k;
    step->top_p = s->top_p;
    step->min_p = s->min_p;
    step->repeat = s->repeat;
    step->repeat_inv = 1.0f / s->repeat;
    step->presence = s->presence;
    step->frequency = s->frequency;
    step->last_n = s->last_n;
    step->seed_lo = test_random(t);
    step->seed_hi = test_random(t);
    step->count = test_random(t) % (3 * RING_SIZE);
}

/* levels: 0: logits as filled; else so many different values, so that most are equal. */
static void run(struct test *t, uint32_t vocab, uint32_t pos, struct sampling s, enum fill fill,
    uint32_t levels)
{
    test_begin(t, 1, pos, vocab,
        "vocab=%u pos=%u temp=%g k=%u p=%g min=%g penalties=%g,%g,%g/%u fill=%d levels=%u", vocab,
        pos, (double)s.temperature, s.top_k, (double)s.top_p, (double)s.min_p, (double)s.repeat,
        (double)s.presence, (double)s.frequency, s.last_n, (int)fill, levels);
    set(t, &s);
    struct gpu_view logits = test_input(t, vocab, fill);
    float *x = test_data(t, logits);
    for (uint32_t i = 0; i < logits.size / 4; i++) {
        if (fill == FILL_NORMAL)
            x[i] = x[i] * 4.0f;
        if (levels)
            x[i] = (float)(test_random(t) % levels) * 0.5f - 1.0f;
    }
    struct gpu_view scores = test_output(t, vocab * 4ull), ring = test_output(t, RING_SIZE * 4);
    op_sample(&t->list, logits, scores, ring, vocab);
    test_run(t);
    uint32_t *history = test_data(t, t->list.history);
    test_expect(t, history[pos + 1] < vocab, "the reference chose a token outside the vocabulary");
}

static const struct sampling plans[] = {{0, 0, 1, 0, 1, 0, 0, 0}, {1, 0, 1, 0, 1, 0, 0, 0},
    {1, 1, 1, 0, 1, 0, 0, 0}, {0.7f, 40, 1, 0, 1, 0, 0, 0}, {1, 0, 0.9f, 0, 1, 0, 0, 0},
    {1, 0, 0.001f, 0, 1, 0, 0, 0}, {1, 0, 1e-30f, 0, 1, 0, 0, 0}, {1, 0, 0.99999f, 0, 1, 0, 0, 0},
    {1, 0, 1, 0.05f, 1, 0, 0, 0}, {1, 0, 1, 1, 1, 0, 0, 0},
    {1.5f, 40, 0.95f, 0.05f, 1.1f, 0.5f, 0.3f, 64}, {0.01f, 0, 1, 0, 1, 0, 0, 0},
    {100, 0, 1, 0, 1, 0, 0, 0}, {0, 0, 1, 0, 1.3f, 0, 0, 1000},
    {0.8f, 5, 0.5f, 0.1f, 0.8f, -0.5f, 1, 3}, {1, 7, 1, 0, 1, 0, 0, 0}};
enum { PLANS = sizeof(plans) / sizeof(plans[0]) };

static void run_all(struct test *t)
{
    static const uint32_t vocabs[] = {1, 7, 127, 128, 129, 1000};
    for (uint32_t i = 0; i < PLANS; i++) {
        for (uint32_t v = 0; v < sizeof(vocabs) / sizeof(vocabs[0]); v++)
            run(t, vocabs[v], 10 * v, plans[i], FILL_NORMAL, 0);
        run(t, 300, 50, plans[i], FILL_NORMAL, 1); /* all equal */
        run(t, 1000, 200, plans[i], FILL_NORMAL, 3);
        run(t, 500, 20, plans[i], (enum fill)(i % FILL_COUNT), 0);
    }
    for (uint32_t pos = 300; pos < 316; pos++) /* as many seeds */
        run(t, 32000, pos, plans[pos % PLANS], FILL_NORMAL, pos % 4 ? 0 : 5);
    if (t->slow)
        run(t, 128256, 5000, plans[10], FILL_NORMAL, 0);
}

void selftest_cases_sample(struct test *t)
{
    run_all(t);
}

void selftest_cases_penalize(struct test *t)
{
    static const uint32_t vocabs[] = {1, 7, 63, 64, 65, 1000, 32000};
    for (uint32_t v = 0; v < sizeof(vocabs) / sizeof(vocabs[0]); v++)
        for (uint32_t i = 0; i < 4; i++)
            run(t, vocabs[v], 40 * i,
                plans[i == 0   ? 0
                      : i == 1 ? 10
                      : i == 2 ? 13
                               : 14],
                FILL_NORMAL, 0);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        for (uint32_t i = 10; i < 15; i += 2)
            run(t, 200, 150, plans[i], (enum fill)fill, 0);
}
