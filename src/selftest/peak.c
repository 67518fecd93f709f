/* peak_f32, peak_dot: no round, one, and some. */
#include "selftest/case.h"

static void run(struct test *t, enum kernel which, uint32_t rounds, uint32_t first, uint32_t second)
{
    test_begin(t, 1, 0, 100, "rounds=%u x=%08x %08x", rounds, first, second);
    struct gpu_view x = test_input(t, 4, FILL_ZERO);
    uint32_t *words = test_data(t, x);
    words[0] = first;
    words[1] = second;
    op_peak(&t->list, which, test_output(t, 64 * 16 * 4), x, rounds);
    test_run(t);
}

void selftest_cases_peak_f32(struct test *t)
{
    run(t, K_peak_f32, 0, 1, 3);
    run(t, K_peak_f32, 1, UINT32_MAX, 3);
    run(t, K_peak_f32, 20, 1, 3);
}

void selftest_cases_peak_dot(struct test *t)
{
    run(t, K_peak_dot, 0, 0x01020304, 0);
    run(t, K_peak_dot, 1, 0x807f80ff, 0);
    run(t, K_peak_dot, 20, 0x01ff7f03, 0);
}
