/* norm_rows: layer norms and RMS norms, of one row a token or of many, in place or added. */
#include "selftest/case.h"

struct shape {
    uint32_t n, rows, tokens, first;
    bool centred, bias, add, last, in_place, shared, plain, length;
    float scale;
};

static void run(struct test *t, const struct shape *s, enum fill fill)
{
    test_begin(t, s->tokens, 3, 100,
        "n=%u rows=%u tokens=%u first=%u%s%s%s%s%s%s%s%s scale=%g fill=%d", s->n, s->rows,
        s->tokens, s->first, s->plain ? " plain" : "", s->shared ? " shared" : "",
        s->length ? " length" : "", s->centred ? " centred" : "", s->bias ? " bias" : "",
        s->add ? " add" : "", s->last ? " last" : "", s->in_place ? " in place" : "",
        (double)s->scale, (int)fill);
    t->list.n_tokens = s->tokens + 2;
    uint32_t all = s->first + s->n * s->rows;
    struct rows x = test_rows(t, s->tokens, all + 5, fill);
    struct rows y = s->in_place ? x
                    : s->add    ? test_rows(t, s->tokens, all, fill)
                                : test_output_rows(t, s->tokens, all);
    uint32_t n_g = s->shared ? s->n : s->n * s->rows;
    struct norm_rows p = {.g = test_exact_input(t, n_g, FILL_NORMAL),
        .n = s->n,
        .rows = s->rows,
        .first = s->first,
        .eps = 1e-5f,
        .scale = s->scale,
        .centred = s->centred,
        .add = s->add,
        .last = s->last,
        .shared = s->shared,
        .length = s->length};
    if (s->plain)
        p.g = (struct gpu_view){0};
    if (s->bias)
        p.bias = test_exact_input(t, n_g, FILL_NORMAL);
    op_norm_rows(&t->list, y, x, &p);
    for (uint32_t size = 1; size <= 32; size *= 2)
        test_vary(t, &(struct variation){.spec = {size}});
    test_run(t);
}

void selftest_cases_norm_rows(struct test *t)
{
    static const struct shape shapes[] = {
        {.n = 64, .rows = 6, .tokens = 3, .in_place = true},
        {.n = 192, .rows = 1, .tokens = 2, .centred = true, .bias = true},
        {.n = 256, .rows = 1, .tokens = 3, .add = true, .scale = 0.7f},
        {.n = 1056, .rows = 1, .tokens = 2, .centred = true, .last = true},
        {.n = 31, .rows = 3, .tokens = 1, .centred = true, .bias = true, .add = true},
        {.n = 32,
            .rows = 5,
            .tokens = 3,
            .bias = true,
            .add = true,
            .shared = true,
            .scale = 0.7071f},
        {.n = 96, .rows = 4, .tokens = 2, .centred = true, .in_place = true, .shared = true},
        {.n = 64, .rows = 1, .tokens = 3, .first = 37, .in_place = true},
        {.n = 1, .rows = 1, .tokens = 1, .centred = true, .bias = true},
        {.n = 2304, .rows = 1, .tokens = 1, .bias = true},
        {.n = 128, .rows = 40, .tokens = 1, .in_place = true},
        {.n = 4096, .rows = 1, .tokens = 5, .centred = true, .bias = true, .last = true},
        {.n = 100, .rows = 2, .tokens = 2, .add = true, .in_place = true},
        {.n = 128, .rows = 3, .tokens = 2, .in_place = true, .plain = true, .length = true},
    };
    for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        run(t, &shapes[i], FILL_NORMAL);
    for (uint32_t i = 0; i < 3 * FILL_COUNT; i++)
        run(t, &shapes[i % 3], (enum fill)(i / 3));
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, &(struct shape){.n = 32, .rows = 2, .tokens = 2, .plain = true, .length = true},
            (enum fill)fill);
}
