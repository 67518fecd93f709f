/* matvec_id: one token's experts and those of many, rows by token or by pair, biases, shards; and
 * all experts for every token. */
#include "selftest/case.h"

struct shape {
    uint32_t n, rows, experts, used, tokens, shards;
    bool bias, by_pair;
};

/* Ids that differ within a token, as route gives them, and the lists of pairs. */
static struct expert_pairs make_pairs(struct test *t, const struct shape *s)
{
    uint32_t n = s->tokens * s->used, capacity = s->tokens + 2;
    struct expert_pairs p = {.n_used = s->used,
        .capacity = capacity,
        .ids = test_output(t, n * 4ull),
        .weights = test_exact_input(t, n, FILL_NORMAL),
        .list = test_output(t, (uint64_t)s->experts * capacity * 4),
        .count = test_output(t, s->experts * 4ull)};
    if (p.count.offset <= p.list.offset)
        return p; /* out of memory */
    uint32_t *ids = test_data(t, p.ids), *list = test_data(t, p.list);
    uint32_t *count = test_data(t, p.count);
    for (uint32_t e = 0; e < s->experts; e++)
        count[e] = 0;
    for (uint32_t i = 0, first = 0; i < n; i++) {
        first = i % s->used ? first : test_random(t);
        ids[i] = (first + i % s->used) % s->experts;
        list[ids[i] * capacity + count[ids[i]]++] = i;
    }
    return p;
}

static void run(struct test *t, const struct shape *s, enum fill fill, bool varied)
{
    if (s->n % quant_types[t->quant].block_elements)
        return;
    test_begin(t, s->tokens, 0, 100, "n=%u rows=%u experts=%u/%u tokens=%u shards=%u%s%s fill=%d",
        s->n, s->rows, s->used, s->experts, s->tokens, s->shards, s->bias ? " bias" : "",
        s->by_pair ? " by pair" : "", (int)fill);
    t->list.n_tokens = s->tokens == 1 ? 1 : s->tokens + 1;
    uint32_t x_rows = s->by_pair ? s->tokens * s->used : s->tokens;
    struct matvec_input x = {.f32 = test_rows(t, x_rows, s->n, fill)};
    if (quant_types[t->quant].class == QUANT_CLASS_INT)
        x.q8 = test_rows_q8(t, x_rows, x.f32);
    struct matrix w = test_matrix(t, s->n, s->rows * s->experts, s->shards);
    if (s->bias)
        w.bias = test_exact_input(t, s->rows * s->experts, FILL_NORMAL);
    struct expert_pairs pairs = make_pairs(t, s);
    struct rows y = test_output_rows(t, s->tokens * s->used, s->rows);
    op_matvec_id(&t->list, y, &w, s->experts, &x, s->by_pair, &pairs);
    if (varied) {
        test_vary(t, &(struct variation){.spec = {2, 3, s->tokens == 1 ? 1 : 2}, .groups = {1, 1}});
        test_vary(
            t, &(struct variation){.spec = {16, 1, s->tokens == 1 ? 1 : 4}, .groups = {2, 3}});
    }
    test_run(t);
}

/* All experts for every token. */
static void run_each(struct test *t, const struct shape *s, enum fill fill)
{
    if (s->n % quant_types[t->quant].block_elements)
        return;
    test_begin(t, s->tokens, 0, 100, "n=%u rows=%u experts=%u tokens=%u shards=%u%s fill=%d", s->n,
        s->rows, s->experts, s->tokens, s->shards, s->by_pair ? " by expert" : "", (int)fill);
    t->flavour = 1;
    t->list.n_tokens = s->tokens == 1 ? 1 : s->tokens + 1;
    uint32_t x_rows = s->by_pair ? s->experts : 1, y_first = 12, y_step = s->rows + 8;
    struct matvec_input x = {.f32 = test_rows(t, s->tokens * x_rows, s->n, fill)};
    if (quant_types[t->quant].class == QUANT_CLASS_INT)
        x.q8 = test_rows_q8(t, s->tokens * x_rows, x.f32);
    x.f32.stride *= x_rows;
    struct matrix w = test_matrix(t, s->n, s->rows * s->experts, s->shards);
    struct rows y = test_output_rows(t, s->tokens, y_first + y_step * s->experts);
    op_matvec_each(&t->list, y, y_first, y_step, &w, s->experts, &x, s->by_pair);
    test_run(t);
}

void selftest_cases_matvec_id(struct test *t)
{
    static const struct shape every[] = {{256, 20, 6, 0, 1, 1, false, true},
        {256, 20, 6, 0, 7, 3, false, true}, {512, 64, 4, 0, 1, 2, false, false},
        {512, 32, 4, 0, 9, 1, false, false}, {64, 32, 4, 0, 3, 1, false, true},
        {32, 64, 5, 0, 5, 1, false, true}};
    static const struct shape shapes[] = {
        {256, 64, 4, 2, 1, 1, false, false},
        {256, 64, 4, 2, 13, 1, false, false},
        {512, 20, 8, 3, 1, 1, true, true},
        {512, 20, 8, 3, 9, 1, true, true},
        {2048, 32, 6, 2, 5, 3, true, false},
        {768, 64, 6, 2, 1, 2, false, true},
    };
    /* As in matvec.c: formats differ in how a block is loaded, no more. */
    bool swept = t->slow || t->quant == QT_q4_0 || t->quant == QT_q4_k || t->quant == QT_f32;
    if (!swept && t->other_shapes)
        return;
    for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        run(t, &shapes[i], FILL_NORMAL, swept && i < 2 && !t->other_shapes);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, &shapes[fill % 4], (enum fill)fill, false);
    for (uint32_t i = 0; i < sizeof(every) / sizeof(every[0]); i++)
        run_each(t, &every[i], FILL_NORMAL);
    run(t, &(struct shape){64, 4, 3, 1, 2, 1, true, false}, FILL_NORMAL, false);
    run(t, &(struct shape){96, 8, 2, 2, 1, 1, false, false}, FILL_NORMAL, false);
    if (t->n_embd) {
        run(t, &(struct shape){t->n_embd, 32, 4, 2, 1, 1, false, false}, FILL_NORMAL, false);
        run(t, &(struct shape){t->n_embd, 32, 4, 2, 6, 1, false, false}, FILL_NORMAL, false);
    }
}
