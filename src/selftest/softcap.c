/* softcap: every kind of input, and a sweep over the bounds of tanh. */
#include "selftest/case.h"

static void run(struct test *t, uint32_t n, uint32_t tokens, uint32_t n_cols, enum fill fill)
{
    test_begin(t, tokens, 0, 100, "n=%u tokens=%u cols=%u fill=%d", n, tokens, n_cols, (int)fill);
    t->list.n_tokens = tokens + 1;
    op_softcap(&t->list, test_rows(t, tokens, n, fill), 12.5f, n_cols);
    for (uint32_t size = 1; size <= 128; size = 5 * size + 3)
        test_vary(t, &(struct variation){.spec = {size}, .groups = {(n + size - 1) / size}});
    test_run(t);
}

static void run_sweep(struct test *t)
{
    const uint32_t n = 1u << 17;
    test_begin(t, 1, 0, 100, "from -30 to 30");
    struct rows x = test_rows(t, 1, n, FILL_NORMAL);
    float *v = test_data(t, x.view);
    for (uint32_t i = 0; i < n && x.view.size >= n * 4ull; i++)
        v[i] = ((float)i + test_uniform(t)) * (60.0f / (float)n) - 30.0f;
    op_softcap(&t->list, x, 1.25f, 1);
    test_run(t);
}

void selftest_cases_softcap(struct test *t)
{
    run(t, 512, 3, 0, FILL_NORMAL);
    run(t, 65, 3, 1, FILL_NORMAL);
    run_sweep(t);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, 100, 2, 0, (enum fill)fill);
}
