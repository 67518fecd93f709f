/* rmsnorm: row lengths around blocks and lanes, all tokens or the newest one. */
#include "selftest/case.h"

static void run(struct test *t, uint32_t n, uint32_t tokens, bool last, enum fill fill)
{
    test_begin(t, tokens, 3, 100, "n=%u tokens=%u last=%d fill=%d", n, tokens, last, (int)fill);
    t->list.n_tokens = tokens + 2;
    struct rows x = test_rows(t, tokens, n, fill);
    struct gpu_view g = test_exact_input(t, n, fill == FILL_EXTREME ? fill : FILL_NORMAL);
    op_rmsnorm(&t->list, test_output_rows(t, last ? 1 : tokens, n), x, g, 1e-5f, last);
    for (uint32_t size = 1; size <= 128; size *= 2)
        test_vary(t, &(struct variation){.spec = {size}});
    test_run(t);
}

void selftest_cases_rmsnorm(struct test *t)
{
    static const uint32_t sizes[] = {1, 4, 31, 32, 33, 100, 344, 1056, 1312, 2048, 2304, 4096};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (uint32_t tokens = 1; tokens <= 5; tokens += 2)
            run(t, sizes[i], tokens, tokens == 3, (enum fill)((i + tokens) % FILL_COUNT));
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++) {
        run(t, 256, 2, false, (enum fill)fill);
        run(t, 1000, 2, true, (enum fill)fill);
    }
    if (t->slow)
        run(t, 2048, 300, false, FILL_OUTLIERS);
}
