/* mix: one expert and many, every kind of input. */
#include "selftest/case.h"

static void run(
    struct test *t, uint32_t n, uint32_t used, uint32_t tokens, bool add, enum fill fill)
{
    test_begin(t, tokens, 0, 100, "n=%u used=%u tokens=%u%s fill=%d", n, used, tokens,
        add ? " add" : "", (int)fill);
    t->list.n_tokens = tokens + 1;
    struct rows x = add ? test_rows(t, tokens, n, fill) : test_output_rows(t, tokens, n),
                y = test_rows(t, tokens * used, n, fill);
    struct expert_pairs pairs = {.n_used = used, .weights = test_input(t, tokens * used, fill)};
    op_mix(&t->list, x, y, &pairs, add);
    for (uint32_t size = 1; size <= 128; size = 5 * size + 3)
        test_vary(t, &(struct variation){.spec = {size}, .groups = {(n + size - 1) / size}});
    test_run(t);
}

void selftest_cases_mix(struct test *t)
{
    run(t, 256, 2, 3, true, FILL_NORMAL);
    run(t, 256, 2, 3, false, FILL_NORMAL);
    run(t, 65, 1, 1, true, FILL_NORMAL);
    run(t, 2048, 8, 2, true, FILL_OUTLIERS);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, 96, 3, 2, fill % 2, (enum fill)fill);
}
