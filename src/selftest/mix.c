/* mix: one expert and many, every kind of input. */
#include "selftest/case.h"

static void run(struct test *t, uint32_t n, uint32_t used, uint32_t tokens, enum fill fill)
{
    test_begin(t, tokens, 0, 100, "n=%u used=%u tokens=%u fill=%d", n, used, tokens, (int)fill);
    t->list.n_tokens = tokens + 1;
    struct rows x = test_rows(t, tokens, n, fill), y = test_rows(t, tokens * used, n, fill);
    struct expert_pairs pairs = {.n_used = used, .weights = test_input(t, tokens * used, fill)};
    op_mix(&t->list, x, y, &pairs);
    for (uint32_t size = 1; size <= 128; size = 5 * size + 3)
        test_vary(t, &(struct variation){.spec = {size}, .groups = {(n + size - 1) / size}});
    test_run(t);
}

void selftest_cases_mix(struct test *t)
{
    run(t, 256, 2, 3, FILL_NORMAL);
    run(t, 65, 1, 1, FILL_NORMAL);
    run(t, 2048, 8, 2, FILL_OUTLIERS);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, 96, 3, 2, (enum fill)fill);
}
