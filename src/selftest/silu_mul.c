/* silu_mul: every kind of input for gate and up, lengths around a workgroup. */
#include "selftest/case.h"

static void run(struct test *t, uint32_t n, uint32_t tokens, enum fill gate, enum fill up)
{
    test_begin(t, tokens, 0, 100, "n=%u tokens=%u gate=%d up=%d", n, tokens, (int)gate, (int)up);
    t->list.n_tokens = tokens + 1;
    struct rows x = test_rows(t, tokens, n + 5 + n, gate);
    struct gpu_view other = test_input(t, n, up);
    uint32_t *values = test_data(t, x.view), *ups = test_data(t, other);
    for (uint32_t i = 0; i < other.size / 4; i++)
        values[n + 5 + i] = ups[i];
    op_silu_mul(&t->list, test_output_rows(t, tokens, n), x, n + 5);
    for (uint32_t size = 1; size <= 128; size = 5 * size + 3)
        test_vary(t, &(struct variation){.spec = {size}, .groups = {(n + size - 1) / size}});
    test_run(t);
}

/* Gates from -48 to 88 in small steps: both ends where exp is cut off, and many values between,
 * since a slightly wrong coefficient changes few of them. */
static void run_sweep(struct test *t)
{
    const uint32_t n = 1u << 18;
    test_begin(t, 1, 0, 100, "gates from -48 to 88");
    struct rows x = test_rows(t, 1, 2 * n, FILL_NORMAL);
    float *gate = test_data(t, x.view);
    for (uint32_t i = 0; i < n && x.view.size >= n * 8ull; i++)
        gate[i] = ((float)i + test_uniform(t)) * (136.0f / (float)n) - 48.0f;
    op_silu_mul(&t->list, test_output_rows(t, 1, n), x, n);
    test_run(t);
}

void selftest_cases_silu_mul(struct test *t)
{
    static const uint32_t sizes[] = {1, 7, 32, 63, 64, 65, 344, 2048};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        run(t, sizes[i], 1 + i % 3, FILL_NORMAL, FILL_NORMAL);
    for (uint32_t i = 0; i < FILL_COUNT * FILL_COUNT; i++)
        run(t, 200, 1, (enum fill)(i / FILL_COUNT), (enum fill)(i % FILL_COUNT));
    run_sweep(t);
    if (t->slow)
        run(t, 8192, 64, FILL_OUTLIERS, FILL_NORMAL);
}
