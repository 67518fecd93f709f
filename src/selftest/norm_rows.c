/* norm_rows: layer norms and RMS norms, of one row a token or of many, in place or added. */
#include "selftest/case.h"

struct shape {
    uint32_t n, rows, tokens;
    bool centred, bias, add, last, in_place, plain, shared, length;
};

static void run(struct test *t, const struct shape *s, enum fill fill)
{
    test_begin(t, s->tokens, 3, 100, "n=%u rows=%u tokens=%u%s%s%s%s%s%s%s%s fill=%d", s->n,
        s->rows, s->tokens, s->plain ? " plain" : "", s->shared ? " shared" : "",
        s->length ? " length" : "", s->centred ? " centred" : "", s->bias ? " bias" : "",
        s->add ? " add" : "", s->last ? " last" : "", s->in_place ? " in place" : "", (int)fill);
    t->list.n_tokens = s->tokens + 2;
    uint32_t all = s->n * s->rows;
    struct rows x = test_rows(t, s->tokens, all + 5, fill);
    struct rows y = s->in_place ? x
                    : s->add    ? test_rows(t, s->tokens, all, fill)
                                : test_output_rows(t, s->tokens, all);
    struct norm_rows p = {.g = test_exact_input(t, all, FILL_NORMAL),
        .n = s->n,
        .rows = s->rows,
        .eps = 1e-5f,
        .centred = s->centred,
        .add = s->add,
        .last = s->last,
        .shared = s->shared,
        .length = s->length};
    if (s->plain)
        p.g = (struct gpu_view){0};
    if (s->bias)
        p.bias = test_exact_input(t, all, FILL_NORMAL);
    op_norm_rows(&t->list, y, x, &p);
    for (uint32_t size = 1; size <= 32; size *= 2)
        test_vary(t, &(struct variation){.spec = {size}});
    test_run(t);
}

void selftest_cases_norm_rows(struct test *t)
{
    static const struct shape shapes[] = {
        {64, 6, 3, .in_place = true},
        {192, 1, 2, .centred = true, .bias = true},
        {256, 1, 3, .add = true},
        {1056, 1, 2, .centred = true, .last = true},
        {31, 3, 1, .centred = true, .bias = true, .add = true},
        {1, 1, 1, .centred = true, .bias = true},
        {2304, 1, 1, .bias = true},
        {128, 40, 1, .in_place = true},
        {4096, 1, 5, .centred = true, .bias = true, .last = true},
        {100, 2, 2, .add = true, .in_place = true},
        {64, 5, 3, .in_place = true, .shared = true},
        {128, 3, 2, .in_place = true, .plain = true, .length = true},
    };
    for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        run(t, &shapes[i], FILL_NORMAL);
    for (uint32_t i = 0; i < 3 * FILL_COUNT; i++)
        run(t, &shapes[i % 3], (enum fill)(i / 3));
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, &(struct shape){32, 2, 2, .plain = true, .length = true}, (enum fill)fill);
}
