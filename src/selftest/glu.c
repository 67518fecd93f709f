/* glu: each activation with every kind of input, by turns or one after the other or without a gate,
 * as floats and as 8-bit blocks. */
#include "selftest/case.h"

static void run(struct test *t, uint32_t n, uint32_t tokens, uint32_t rows, const struct glu *p,
    bool q8, enum fill fill)
{
    test_begin(t, tokens, 0, 100, "n=%u tokens=%u rows=%u act=%u up=%d q8=%d fill=%d", n, tokens,
        rows, p->act, (int)p->up_first, q8, (int)fill);
    t->list.n_tokens = tokens + 1;
    struct glu g = {.n = n, .rows = rows, .up_first = p->up_first, .act = p->act};
    struct rows x = test_rows(t, tokens * rows, 2 * n + 7, fill);
    struct rows_q8 y8 = q8 ? test_output_q8(t, tokens * rows, n) : (struct rows_q8){0};
    struct rows y = q8 ? (struct rows){0} : test_output_rows(t, tokens * rows, n);
    op_glu(&t->list, y, q8 ? &y8 : NULL, x, &g);
    for (uint32_t size = 1; size <= 128; size = 5 * size + 3)
        test_vary(
            t, &(struct variation){.spec = {size}, .groups = {((n + 31) / 32 + size - 1) / size}});
    test_run(t);
}

/* Gates from -48 to 88 in small steps: bounds, and many values between. */
static void run_sweep(struct test *t, uint32_t act)
{
    const uint32_t n = 1u << 16;
    test_begin(t, 1, 0, 100, "gates from -48 to 88, act=%u", act);
    struct rows x = test_rows(t, 1, n, FILL_NORMAL);
    float *gate = test_data(t, x.view);
    for (uint32_t i = 0; i < n && x.view.size >= n * 4ull; i++)
        gate[i] = ((float)i + test_uniform(t)) * (136.0f / (float)n) - 48.0f;
    op_glu(&t->list, test_output_rows(t, 1, n), NULL, x,
        &(struct glu){.n = n, .rows = 1, .up_first = GLU_NO_GATE, .act = act});
    test_run(t);
}

void selftest_cases_glu(struct test *t)
{
    for (uint32_t act = GLU_SILU; act <= GLU_SIGMOID; act++) {
        run(t, 96, 2, 1, &(struct glu){.act = act, .up_first = 96}, false, FILL_NORMAL);
        run(t, 64, 3, 2, &(struct glu){.act = act}, true, FILL_NORMAL);
        run(t, 112, 1, 1, &(struct glu){.act = act, .up_first = 115}, true, FILL_OUTLIERS);
        run(t, 33, 2, 1, &(struct glu){.act = act, .up_first = GLU_NO_GATE}, false, FILL_NORMAL);
        run_sweep(t, act);
        for (uint32_t fill = 0; fill < FILL_COUNT; fill++) {
            run(t, 100, 1, 2, &(struct glu){.act = act, .up_first = 101}, false, (enum fill)fill);
            run(t, 64, 1, 1, &(struct glu){.act = act}, true, (enum fill)fill);
        }
    }
}
