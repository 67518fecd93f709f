/* delta: at the start of a text and later, heads that share queries, steps of more than a dispatch.
 */
#include "selftest/case.h"

static void run(
    struct test *t, const struct delta *shape, uint32_t pos, uint32_t tokens, enum fill fill)
{
    struct delta p = *shape;
    uint32_t inner = p.n_head * p.dim, matrices = inner * p.dim;
    struct state_cache state = {.slots = 3, .slot_size = matrices + 8};
    test_begin(t, tokens, pos, 100, "heads=%u/%u dim=%u pos=%u tokens=%u fill=%d", p.n_head,
        p.n_group, p.dim, pos, tokens, (int)fill);
    t->list.n_tokens = tokens == 1 ? 1 : tokens + 1;
    p.state_first = 4;
    p.beta_first = p.n_head + 3;
    struct rows x = test_rows(t, tokens, inner + 2 * p.n_group * p.dim, fill);
    struct rows gates = test_rows(t, tokens, p.beta_first + p.n_head, fill);
    state.view = test_input(t, state.slots * state.slot_size, fill);
    p.dt = test_exact_input(t, p.n_head, FILL_NORMAL);
    p.a = test_exact_input(t, p.n_head, fill);
    op_delta(&t->list, test_output_rows(t, tokens, inner), x, gates, &state, &p);
    for (uint32_t columns = 1; columns <= 4; columns *= 2) {
        uint32_t groups = columns == 2 ? 5 : 4 * columns, all = columns * groups;
        struct variation v = {.groups = {(p.dim + all - 1) / all}};
        v.spec[SPEC_SIZE_Y] = groups;
        v.spec[SPEC_COLS] = columns;
        test_vary(t, &v);
    }
    test_run(t);
}

void selftest_cases_delta(struct test *t)
{
    static const struct delta shapes[] = {{.n_head = 4, .n_group = 2, .dim = 32},
        {.n_head = 3, .n_group = 1, .dim = 32}, {.n_head = 2, .n_group = 2, .dim = 96},
        {.n_head = 2, .n_group = 1, .dim = 128}};
    run(t, &shapes[0], 7, 1, FILL_NORMAL);
    run(t, &shapes[1], 0, 3, FILL_NORMAL);
    run(t, &shapes[0], 5, 40, FILL_NORMAL);
    run(t, &shapes[2], 4, 4, FILL_NORMAL);
    run(t, &shapes[3], 3, 6, FILL_NORMAL);
    run(t, &shapes[1], 2, 401, FILL_NORMAL); /* one dispatch after the other */
    run(t, &shapes[1], 0, 335, FILL_NORMAL);
    run(t, &(struct delta){.n_head = 1, .n_group = 1, .dim = 256}, 9, 2, FILL_NORMAL);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++) {
        run(t, &shapes[1], 11, 4, (enum fill)fill);
        run(t, &shapes[0], 12, 1, (enum fill)fill);
    }
}
