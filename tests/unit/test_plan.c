/* Hazards between ops: which need a barrier, and that ops which share nothing written do not. */
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct gpu_buffer buffers[3];

static struct gpu_view at(uint32_t buffer, uint64_t offset, uint64_t size)
{
    return (struct gpu_view){&buffers[buffer], offset, size};
}

/* Reads the first view, writes the second. */
static struct op from_to(struct gpu_view from, struct gpu_view to)
{
    return (struct op){
        .kernel = K_copy, .views = {from, to}, .n_views = 2, .reads = 1, .writes = 2};
}

static void expect(const struct op *ops, uint32_t n, const char *barriers)
{
    bool before[16];
    memset(before, 0xff, sizeof(before));
    plan_find_barriers(ops, n, before);
    for (uint32_t i = 0; i < n; i++)
        if (before[i] != (barriers[i] == '|'))
            fail_msg("op %u of \"%s\": barrier %d", i, barriers, before[i]);
}

static void hazards(void **state)
{
    (void)state;
    struct gpu_view a = at(0, 0, 64), b = at(0, 64, 64), c = at(0, 128, 64), d = at(1, 0, 64);
    expect((struct op[]){from_to(a, b), from_to(b, c)}, 2, ".|"); /* read after write */
    expect((struct op[]){from_to(a, b), from_to(c, a)}, 2, ".|"); /* write after read */
    expect((struct op[]){from_to(a, c), from_to(b, c)}, 2, ".|"); /* write after write */
    expect((struct op[]){from_to(a, b), from_to(a, c)}, 2, ".."); /* both read */
    expect((struct op[]){from_to(a, b), from_to(c, d)}, 2, ".."); /* nothing shared */
    expect((struct op[]){from_to(a, b), from_to(d, at(1, 64, 64))}, 2, ".."); /* other buffers */
    expect(NULL, 0, "");
}

static void ranges(void **state)
{
    (void)state;
    struct gpu_view x = at(1, 0, 4), y = at(2, 0, 4);
    /* One byte more or less at either end. */
    struct op first = from_to(x, at(0, 100, 50));
    expect((struct op[]){first, from_to(at(0, 50, 50), y)}, 2, "..");
    expect((struct op[]){first, from_to(at(0, 50, 51), y)}, 2, ".|");
    expect((struct op[]){first, from_to(at(0, 150, 10), y)}, 2, "..");
    expect((struct op[]){first, from_to(at(0, 149, 10), y)}, 2, ".|");
    expect((struct op[]){first, from_to(at(0, 110, 5), y)}, 2, ".|");  /* inside */
    expect((struct op[]){first, from_to(at(0, 0, 1000), y)}, 2, ".|"); /* around */
    expect((struct op[]){first, from_to(at(1, 100, 50), y)}, 2, ".."); /* same range elsewhere */
}

/* A barrier covers all that came before it, and only that. */
static void sequences(void **state)
{
    (void)state;
    struct gpu_view v[6];
    for (uint32_t i = 0; i < 6; i++)
        v[i] = at(0, i * 16, 16);
    expect((struct op[]){from_to(v[0], v[1]), from_to(v[1], v[2]), from_to(v[2], v[3])}, 3, ".||");
    /* The second barrier is not needed again for what the first one ordered. */
    expect((struct op[]){from_to(v[0], v[1]), from_to(v[0], v[2]), from_to(v[1], v[3]),
               from_to(v[2], v[4]), from_to(v[1], v[5])},
        5, "..|..");
    /* A conflict with an op that is not the last one. */
    expect((struct op[]){from_to(v[0], v[1]), from_to(v[2], v[3]), from_to(v[2], v[4]),
               from_to(v[1], v[5])},
        4, "...|");
    /* In place: reads and writes the same view, twice. */
    struct op in_place = {.views = {v[0]}, .n_views = 1, .reads = 1, .writes = 1};
    expect((struct op[]){in_place, in_place}, 2, ".|");
}

static void indirect(void **state)
{
    (void)state;
    struct gpu_view counts = at(2, 8, 12);
    struct op dispatch = from_to(at(0, 0, 4), at(0, 64, 4));
    dispatch.indirect = counts;
    expect((struct op[]){from_to(at(1, 0, 4), at(2, 16, 4)), dispatch}, 2, ".|");
    expect((struct op[]){from_to(at(1, 0, 4), at(2, 20, 4)), dispatch}, 2, "..");
    expect((struct op[]){from_to(counts, at(1, 0, 4)), dispatch}, 2, ".."); /* both read */
    expect((struct op[]){dispatch, from_to(at(1, 0, 4), counts)}, 2, ".|"); /* write after read */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hazards), cmocka_unit_test(ranges),
        cmocka_unit_test(sequences), cmocka_unit_test(indirect)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
