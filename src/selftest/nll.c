/* nll: vocabularies around a workgroup, extreme logits, some and many tokens. */
#include "selftest/case.h"

static void run(struct test *t, uint32_t vocab, uint32_t tokens, uint32_t pos, enum fill fill)
{
    test_begin(
        t, tokens, pos, vocab, "vocab=%u tokens=%u pos=%u fill=%d", vocab, tokens, pos, (int)fill);
    t->list.n_tokens = tokens + 1;
    struct rows logits = test_rows(t, tokens, vocab, fill);
    op_nll(&t->list, test_output(t, tokens * 4ull), logits);
    test_run(t);
}

void selftest_cases_nll(struct test *t)
{
    static const uint32_t sizes[] = {1, 2, 127, 128, 129, 1000, 1024};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        run(t, sizes[i], 1 + i % 3, i * 100, FILL_NORMAL);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, 300, 2, 5, (enum fill)fill);
    run(t, 32000, 5, 0, FILL_OUTLIERS);
}
