/* quantize: blocks that do not fill a workgroup, rows that do not fill their last block, every kind
 * of input. */
#include "selftest/case.h"

static void run(struct test *t, uint32_t n, uint32_t tokens, uint32_t n_cols, enum fill fill)
{
    test_begin(t, tokens, 0, 100, "n=%u tokens=%u cols=%u fill=%d", n, tokens, n_cols, (int)fill);
    t->list.n_tokens = tokens + 1;
    struct rows x = test_rows(t, tokens, n, fill);
    op_quantize(&t->list, test_output_q8(t, tokens, n), x, n_cols);
    for (uint32_t size = 1; size <= 128; size = 5 * size + 3)
        test_vary(
            t, &(struct variation){.spec = {size}, .groups = {((n + 31) / 32 + size - 1) / size}});
    test_run(t);
}

/* Several rows a token. */
static void run_rows(struct test *t, uint32_t n, uint32_t rows, uint32_t tokens, enum fill fill)
{
    test_begin(t, tokens, 0, 100, "n=%u rows=%u tokens=%u fill=%d", n, rows, tokens, (int)fill);
    t->flavour = 1;
    t->list.n_tokens = tokens + 1;
    struct rows x = test_rows(t, tokens, n * rows, fill);
    op_quantize_rows(&t->list, test_output_q8(t, tokens * rows, n), x, rows, 0);
    test_run(t);
}

void selftest_cases_quantize(struct test *t)
{
    static const uint32_t sizes[] = {1, 31, 32, 33, 100, 256, 1056, 2048, 2304, 11008};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        run(t, sizes[i], 1, 0, (enum fill)(i % FILL_COUNT));
        run(t, sizes[i], 5, 2, FILL_NORMAL);
    }
    run_rows(t, 128, 3, 1, FILL_NORMAL);
    run_rows(t, 512, 5, 4, FILL_OUTLIERS);
    run_rows(t, 1056, 2, 3, FILL_BITS);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, 1312, 3, 0, (enum fill)fill);
    if (t->slow)
        run(t, 8192, 300, 0, FILL_OUTLIERS);
}
