/* stream: less than one load an invocation, whole rounds of four, and what is left over. */
#include "selftest/case.h"

static void run(struct test *t, uint32_t n_u4)
{
    test_begin(t, 1, 0, 100, "n=%u", n_u4);
    struct gpu_view x = test_input(t, n_u4 * 4, FILL_BITS);
    op_stream(&t->list, test_output(t, op_stream_threads(t->list.caps) * 4ull), x);
    test_run(t);
}

void selftest_cases_stream(struct test *t)
{
    uint32_t all = op_stream_threads(t->list.caps);
    run(t, 1);
    run(t, all - 1);
    run(t, 4 * all);
    if (all < 100000 || t->slow)
        run(t, 9 * all + 5);
}
