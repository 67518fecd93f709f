/* Copies between buffers, and the barriers that order them: a chain of three. */
#include "selftest/case.h"

static void run(struct test *t, uint32_t words)
{
    test_begin(t, 1, 0, 100, "words=%u", words);
    struct gpu_view from = test_input(t, words, FILL_BITS), to[3];
    for (uint32_t i = 0; i < 3; i++) {
        to[i] = test_output(t, words * 4ull);
        op_copy(&t->list, i ? to[i - 1] : from, to[i]);
    }
    test_run(t);
    test_expect_equal(t, from, to[2], words * 4ull, "the last copy is not the first");
}

void selftest_cases_copy(struct test *t)
{
    static const uint32_t sizes[] = {1, 3, 64, 1000, 100000};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        run(t, sizes[i]);
}
