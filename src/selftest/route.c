/* route: both ways to rate, with and without a bias for the choice and scales of weights, in
 * groups, ties, and every kind of input. */
#include "selftest/case.h"

static void run_groups(struct test *t, uint32_t n_expert, uint32_t n_used, uint32_t n_group,
    uint32_t n_group_used, uint32_t tokens, uint32_t how, enum fill fill)
{
    test_begin(t, tokens, 0, 100, "experts=%u used=%u groups=%u/%u tokens=%u how=%u fill=%d",
        n_expert, n_used, n_group, n_group_used, tokens, how, (int)fill);
    t->flavour = (how & 8) | (n_group ? 1 : 0);
    t->list.n_tokens = tokens + 1;
    struct rows x = test_rows(t, tokens, n_expert, fill);
    struct gpu_view bias = {0}, scales = {0};
    if (how & 4)
        bias = test_exact_input(t, n_expert, FILL_NORMAL);
    if (how & 8)
        scales = test_exact_input(t, n_expert, FILL_NORMAL);
    float *v = test_data(t, x.view);
    if (t->list.n_tokens == 3 && n_expert > 2)
        v[n_expert - 1] = v[0]; /* of equal ones the first */
    struct expert_pairs to = {.n_used = n_used,
        .capacity = tokens + 1,
        .ids = test_output(t, tokens * n_used * 4ull),
        .weights = test_output(t, tokens * n_used * 4ull)};
    to.list = test_output(t, (tokens + 1ull) * n_expert * 4);
    to.count = test_output(t, n_expert * 4ull);
    op_route(&t->list, &to, x,
        &(struct routing){.sigmoid = how & 1,
            .renormed = how & 2,
            .scale = how & 4 ? 2.5f : 1.0f,
            .n_group = n_group,
            .n_group_used = n_group_used},
        bias, scales);
    for (uint32_t size = 1; size <= 128; size = 5 * size + 3)
        test_vary(t, &(struct variation){.spec = {size}});
    test_run(t);
}

static void run(struct test *t, uint32_t n_expert, uint32_t n_used, uint32_t tokens, uint32_t how,
    enum fill fill)
{
    run_groups(t, n_expert, n_used, 0, 0, tokens, how, fill);
}

static void run_all(struct test *t)
{
    for (uint32_t how = 0; how < 10; how++) {
        run(t, 8, 2, 2, how, FILL_NORMAL);
        run(t, 128, 8, 3, how, FILL_NORMAL);
    }
    for (uint32_t how = 0; how < 8; how++)
        run_groups(t, 24, 3, 4, 2, 3, how, FILL_NORMAL);
    run_groups(t, 256, 8, 8, 4, 2, 7, FILL_NORMAL);
    run_groups(t, MAX_EXPERTS, 2, MAX_EXPERT_GROUPS, 1, 2, 4, FILL_NORMAL);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run_groups(t, 30, 4, 10, 3, 2, fill % 8, (enum fill)fill);
    run(t, 1, 1, 1, 2, FILL_NORMAL);
    run(t, MAX_EXPERTS, MAX_EXPERTS_USED, 2, 0, FILL_NORMAL);
    run(t, 4, 4, 40, 2, FILL_NORMAL);
    for (uint32_t fill = 0; fill < 2 * FILL_COUNT; fill++)
        run(t, 33, 5, 2, fill % 16, (enum fill)(fill / 2));
}

void selftest_cases_route(struct test *t)
{
    run_all(t);
}

void selftest_cases_pairs(struct test *t)
{
    run_all(t);
}
