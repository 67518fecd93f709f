/* embed: rows of every format, at any length; shards, and ids that another shard holds. */
#include "selftest/case.h"

static void run_with(
    struct test *t, uint32_t n, uint32_t vocab, uint32_t shards, uint32_t tokens, uint32_t flags)
{
    if (n % quant_types[t->quant].block_elements)
        return;
    test_begin(t, tokens, 5, vocab, "n=%u vocab=%u shards=%u tokens=%u flags=%u", n, vocab, shards,
        tokens, flags);
    t->flavour = flags;
    t->list.n_tokens = tokens + 1;
    struct matrix w = test_matrix(t, n, vocab, shards);
    uint32_t *history = test_data(t, t->list.history);
    history[5] = vocab - 1;
    history[5 + tokens - 1] = tokens > 3 ? 0 : vocab / 2;
    struct rows y = test_output_rows(t, tokens, n);
    if (flags & EMBED_ADD)
        op_embed(&t->list, y, &w, 0.5f, 0);
    op_embed(&t->list, y, &w, tokens % 2 ? 1.0f : 45.25f, flags);
    for (uint32_t size = 1; size <= 128; size = 5 * size + 3)
        test_vary(t, &(struct variation){.spec = {size}});
    test_run(t);
}

static void run(struct test *t, uint32_t n, uint32_t vocab, uint32_t shards, uint32_t tokens)
{
    run_with(t, n, vocab, shards, tokens, 0);
}

/* Ids that no shard has leave the row as it was. */
static void run_outside(struct test *t)
{
    test_begin(t, 4, 0, 3, "ids outside every shard");
    struct matrix w = test_matrix(t, 256, 3, 1);
    uint32_t *history = test_data(t, t->list.history);
    history[1] = 3;
    history[2] = UINT32_MAX;
    op_embed(&t->list, test_output_rows(t, 4, 256), &w, 1.0f, 0);
    test_run(t);
}

void selftest_cases_embed(struct test *t)
{
    static const uint32_t sizes[] = {1, 5, 32, 96, 100, 256, 352, 1056, 1280, 2048, 2304};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        run(t, sizes[i], 7 + 5 * i, 1 + i % 4, 1 + i % 6);
    run(t, 256, 1, 1, 1);
    run(t, 256, 1000, 5, 40);
    run_outside(t);
    run_with(t, 256, 30, 3, 20, EMBED_POSITION);
    run_with(t, 256, 30, 3, 20, EMBED_POSITION | EMBED_ADD);
    run_with(t, 512, 9, 2, 4, EMBED_FIRST | EMBED_ADD);
    run_with(t, 256, 30, 2, 7, EMBED_ADD);
    if (t->slow)
        run(t, 2048, 4000, 3, 300);
}
