/* conv: gated or not, at the start of a text and later, steps shorter and longer than the state. */
#include "selftest/case.h"

static void run(struct test *t, uint32_t n, uint32_t taps, uint32_t flags, uint32_t pos,
    uint32_t tokens, enum fill fill)
{
    struct state_cache state = {.slots = 3, .slot_size = (taps - 1) * n + 11};
    test_begin(t, tokens, pos, 100, "n=%u taps=%u flags=%u pos=%u tokens=%u fill=%d", n, taps,
        flags, pos, tokens, (int)fill);
    t->list.n_tokens = tokens == 1 ? 1 : tokens + 1;
    struct rows x = test_rows(t, tokens, flags & CONV_GATED ? 3 * n : n, fill);
    state.view = test_input(t, state.slots * state.slot_size, fill);
    op_conv(&t->list, test_output_rows(t, tokens, n), x, test_exact_input(t, n * taps, fill), taps,
        &state, flags);
    for (uint32_t size = 1; size <= 128; size = 5 * size + 3)
        test_vary(t, &(struct variation){.spec = {size}, .groups = {(n + size - 1) / size}});
    test_run(t);
}

void selftest_cases_conv(struct test *t)
{
    run(t, 96, 3, CONV_GATED, 7, 1, FILL_NORMAL);
    run(t, 130, 4, CONV_SILU, 5, 6, FILL_NORMAL); /* the slot that is read is written, too */
    for (uint32_t pos = 0; pos < 5; pos++)
        for (uint32_t tokens = 1; tokens < 6; tokens++) {
            run(t, 33, 4, CONV_SILU, pos, tokens, FILL_NORMAL);
            run(t, 40, 3, CONV_GATED, pos, tokens, FILL_NORMAL);
        }
    run(t, 64, 2, 0, 100, 70, FILL_NORMAL);
    run(t, 64, 8, CONV_GATED, 9, 3, FILL_OUTLIERS);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++) {
        run(t, 70, 4, CONV_SILU, 17, 4, (enum fill)fill);
        run(t, 70, 3, CONV_GATED, 18, 1, (enum fill)fill);
    }
}
