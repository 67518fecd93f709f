/* matmul and its variants: row lengths around lanes and blocks, rows and tokens around the tiles,
 * shards, bias, addition, silu(gate) * up. */
#include "selftest/case.h"

struct shape {
    uint32_t n, rows, tokens, shards;
    bool bias, add;
    uint32_t n_cols; /* 0: as many as the step has */
};

static struct matvec_input input_of(struct test *t, uint32_t tokens, uint32_t n, enum fill fill)
{
    struct matvec_input x = {.f32 = test_rows(t, tokens, n, fill)};
    if (quant_types[t->quant].class == QUANT_CLASS_INT)
        x.q8 = test_rows_q8(t, tokens, x.f32);
    return x;
}

/* The grid may be larger than the step, as when the last part of a prompt is evaluated. */
static void append(struct test *t, const struct shape *s, enum fill fill)
{
    const uint32_t y_first = 7;
    test_begin(t, s->tokens, 0, 100, "n=%u rows=%u tokens=%u shards=%u%s%s cols=%u fill=%d", s->n,
        s->rows, s->tokens, s->shards, s->bias ? " bias" : "", s->add ? " add" : "", s->n_cols,
        (int)fill);
    t->list.n_tokens = s->tokens + 1;
    struct matvec_input x = input_of(t, s->tokens, s->n, fill);
    struct matrix w = test_matrix(t, s->n, s->rows, s->shards);
    struct gpu_view bias = {0};
    if (s->bias)
        bias = test_exact_input(t, s->rows, FILL_NORMAL);
    struct rows y = s->add ? test_rows(t, s->tokens, y_first + s->rows + 3, fill)
                           : test_output_rows(t, s->tokens, y_first + s->rows + 3);
    op_matvec(&t->list, y, y_first, &w, &x, bias, s->add, s->n_cols);
}

static void run(struct test *t, struct shape s, enum fill fill)
{
    if (s.n % quant_types[t->quant].block_elements)
        return;
    append(t, &s, fill);
    test_run(t);
}

static void run_swiglu(
    struct test *t, uint32_t n, uint32_t n_ff, uint32_t tokens, uint32_t shards, enum fill fill)
{
    if (n % quant_types[t->quant].block_elements)
        return;
    test_begin(t, tokens, 0, 100, "swiglu n=%u ff=%u tokens=%u shards=%u fill=%d", n, n_ff, tokens,
        shards, (int)fill);
    t->list.n_tokens = tokens + 1;
    struct matvec_input x = input_of(t, tokens, n, fill);
    struct matrix w = test_matrix(t, n, 2 * n_ff, shards);
    op_swiglu(&t->list, test_output_rows(t, tokens, n_ff), &w, &x);
    test_run(t);
}

/* Formats differ in how a block is loaded and in its term, no more: where compiling is slow, shapes
 * are swept with the commonest. */
static bool is_swept(const struct test *t)
{
    return t->slow || t->quant == QT_q4_0 || t->quant == QT_q4_k || t->quant == QT_q6_k ||
           t->quant == QT_f16;
}

static void sweep(struct test *t)
{
    static const struct shape shapes[] = {
        {1, 1, 2, 1, 0, 0, 0}, {32, 5, 9, 1, 1, 0, 0}, {64, 3, 17, 1, 0, 1, 0},
        {100, 67, 3, 1, 1, 1, 0}, {352, 33, 33, 1, 0, 0, 0}, {768, 65, 8, 1, 0, 1, 0},
        {1056, 31, 2, 1, 0, 0, 0},
        {1312, 19, 11, 1, 1, 1, 0}, /* 41 blocks: the last lane has one of its two */
        {2304, 9, 5, 1, 0, 0, 0},   /* 72 blocks on 24 lanes */
        {11008, 3, 2, 1, 0, 0, 0}, {256, 200, 35, 3, 0, 1, 0}, {256, 192, 2, 3, 1, 0, 0},
        {256, 40, 6, 1, 0, 0, 1}, /* the newest token only, as for logits */
    };
    for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        run(t, shapes[i], (enum fill)(i % FILL_COUNT));
    run_swiglu(t, 512, 68, 35, 1, FILL_OUTLIERS);
    run_swiglu(t, 256, 96, 5, 3, FILL_NORMAL);
}

/* What a device may be found to be fastest with (kernels/shape.h). Compiling all takes long where a
 * processor plays the GPU. */
static void run_trials(struct test *t)
{
    uint32_t most = t->quick ? 1 : MATMUL_SHAPES;
    for (uint32_t trial = 1; trial <= most; trial++) {
        t->list.trial = trial;
        run(t, (struct shape){1312, 147, 70, 1, 1, 1, 0}, FILL_NORMAL);
        run_swiglu(t, 256, 68, 35, 1, FILL_NORMAL);
    }
    t->list.trial = 0;
}

/* What halves do not change by much, and nothing depends on the kind of device. */
static void run_inexact(struct test *t)
{
    if (t->other_shapes)
        return;
    run(t, (struct shape){1312, 147, 70, 1, 0, 0, 0}, FILL_NORMAL);
    run(t, (struct shape){1280, 200, 35, 3, 0, 1, 0}, FILL_NORMAL);
    run_swiglu(t, 256, 36, 9, 1, FILL_NORMAL);
    run_swiglu(t, 512, 96, 70, 3, FILL_NORMAL);
    if (t->slow || t->quant == QT_q4_0)
        run_trials(t);
}

void selftest_cases_matmul(struct test *t)
{
    run(t, (struct shape){512, 70, 35, 1, 1, 0, 0}, FILL_NORMAL);
    if (t->inexact) {
        run_inexact(t);
        return;
    }
    run(t, (struct shape){1280, 9, 3, 1, 0, 1, 0}, FILL_OUTLIERS);
    run_swiglu(t, 256, 36, 9, 1, FILL_NORMAL);
    if (t->n_embd && t->n_embd % 32 == 0)
        run(t, (struct shape){t->n_embd, 70, 9, 1, 0, 0, 0}, FILL_NORMAL);
    if (t->other_shapes && !t->slow)
        return; /* the same kernel: what differs is in the variants' own rows */
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++) {
        run(t, (struct shape){512, 21, 5, 1, fill & 1, fill >> 1 & 1, 0}, (enum fill)fill);
        run_swiglu(t, 256, 8, 3, 1, (enum fill)fill);
    }
    if (is_swept(t))
        sweep(t);
    if (t->list.variant != K_matmul_sub && (t->slow || t->quant == QT_q4_0 || t->quant == QT_f16))
        run_trials(t);
    if (t->slow)
        run(t, (struct shape){2048, 512, 70, 1, 0, 0, 0}, FILL_NORMAL);
}
