/* matvec and its variants: row lengths around lanes and blocks, tokens around the columns of a
 * workgroup, shards, bias, addition. */
#include "selftest/case.h"

struct shape {
    uint32_t n, rows, tokens, shards;
    bool bias, add;
    uint32_t n_cols; /* 0: as many as the step has */
};

static void begin(struct test *t, const struct shape *s, enum fill fill)
{
    /* The grid may be larger than the step, as when the last part of a prompt is evaluated. */
    test_begin(t, s->tokens, 0, 100, "n=%u rows=%u tokens=%u shards=%u%s%s cols=%u fill=%d", s->n,
        s->rows, s->tokens, s->shards, s->bias ? " bias" : "", s->add ? " add" : "", s->n_cols,
        (int)fill);
    t->list.n_tokens = (s->tokens + 2) / 3 * 3;
}

static void append(struct test *t, const struct shape *s, enum fill fill)
{
    const uint32_t y_first = 7;
    struct matvec_input x = {.f32 = test_rows(t, s->tokens, s->n, fill)};
    if (quant_types[t->quant].class == QUANT_CLASS_INT)
        x.q8 = test_rows_q8(t, s->tokens, x.f32);
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
    begin(t, &s, fill);
    append(t, &s, fill);
    test_run(t);
}

/* How many invocations and tokens work together must not show; nor fewer groups than rows need. */
static void vary(struct test *t, const struct shape *s)
{
    static const uint32_t few[][3] = {{2, 3, 1}, {8, 2, 4}, {16, 1, 2}, {32, 1, 1}};
    uint32_t count = t->slow ? 6 * 4 : sizeof(few) / sizeof(few[0]);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t x = 1u << i % 6, cols = 1u << i / 6, y = 1 + i % 4;
        if (!t->slow)
            x = few[i][0], y = few[i][1], cols = few[i][2];
        test_vary(t,
            &(struct variation){.spec = {[SPEC_SIZE_X] = x, [SPEC_SIZE_Y] = y, [SPEC_COLS] = cols},
                .groups = {1 + i % 3, (s->tokens + cols - 1) / cols, 1}});
    }
}

static void run_varied(struct test *t, uint32_t n)
{
    struct shape s = {.n = n, .rows = 19, .tokens = 11, .shards = 1, .bias = true, .add = true};
    if (n % quant_types[t->quant].block_elements)
        return;
    begin(t, &s, FILL_NORMAL);
    append(t, &s, FILL_NORMAL);
    vary(t, &s);
    test_run(t);
}

/* ---- one token: with its own norm, and more than rows made of the sums --------------------------
 */

static struct norm_input norm_of(struct test *t, uint32_t n, enum fill fill)
{
    return (struct norm_input){test_rows(t, 1, n, fill),
        test_exact_input(t, n, fill == FILL_EXTREME ? fill : FILL_NORMAL), 1e-5f};
}

/* Where a model has biases they are added to the sums before anything else. */
static void add_bias(struct test *t, struct matrix *w, bool wanted)
{
    if (wanted)
        w->bias = test_exact_input(t, w->n_rows, FILL_NORMAL);
}

static void run_norm(struct test *t, uint32_t n, uint32_t rows, uint32_t shards, enum fill fill)
{
    if (n % quant_types[t->quant].block_elements)
        return;
    test_begin(t, 1, 0, 100, "norm n=%u rows=%u shards=%u fill=%d", n, rows, shards, (int)fill);
    struct norm_input in = norm_of(t, n, fill);
    struct matrix w = test_matrix(t, n, rows, shards);
    add_bias(t, &w, shards == 1 && fill & 1);
    if (!op_can_norm(&t->list, &w))
        return;
    op_norm_matvec(&t->list, test_output_rows(t, 1, rows), 0, &w, &in);
    test_run(t);
}

/* parts: Q, K and V in one matrix, or Q and K, then V */
static void run_qkv(struct test *t, uint32_t n, struct head_shape shape, uint32_t parts,
    uint32_t pos, uint32_t kv_type, enum fill fill)
{
    const uint32_t n_ctx = 544;
    uint32_t qk = (shape.n_head + shape.n_head_kv) * shape.head_dim;
    uint32_t v = shape.n_head_kv * shape.head_dim;
    test_begin(t, 1, pos, 100, "qkv n=%u heads=%u/%u of %u rot=%u parts=%u pos=%u kv=%u fill=%d", n,
        shape.n_head, shape.n_head_kv, shape.head_dim, shape.n_rot, parts, pos, kv_type, (int)fill);
    struct norm_input in = norm_of(t, n, fill);
    struct kv_cache kv = test_kv(t, shape, n_ctx, kv_type, -1);
    struct gpu_view rope = test_exact_input(t, (ROPE_LOW + n_ctx / ROPE_LOW + 1) * shape.n_rot, 0);
    struct rows q = test_output_rows(t, 1, qk + v);
    /* An op keeps a matrix' views, not its shards, of which there is one array. */
    struct matrix w = test_matrix(t, n, parts == 1 ? qk + v : qk, 1);
    add_bias(t, &w, fill & 1 || kv_type != KV_TYPE_F16);
    if (!op_can_norm(&t->list, &w))
        return;
    op_norm_qkv(&t->list, q, &kv, &w, 0, &in, rope, shape);
    if (parts == 2) {
        w = test_matrix(t, n, v, 1);
        add_bias(t, &w, !(fill & 1));
        op_norm_qkv(&t->list, q, &kv, &w, qk, &in, rope, shape);
    }
    test_run(t);
}

static void run_swiglu(struct test *t, uint32_t n, uint32_t n_ff, uint32_t shards, enum fill fill)
{
    test_begin(t, 1, 0, 100, "swiglu n=%u ff=%u shards=%u fill=%d", n, n_ff, shards, (int)fill);
    struct norm_input in = norm_of(t, n, fill);
    struct matrix w = test_matrix(t, n, 2 * n_ff, shards);
    add_bias(t, &w, shards == 1 && (fill & 1 || n_ff == 96));
    if (!op_can_norm(&t->list, &w))
        return;
    op_norm_swiglu(&t->list, test_output_q8(t, 1, n_ff), &w, &in);
    test_run(t);
}

/* Rows as long as a model's: their length decides how much of a group's memory a norm takes. */
static void run_rows(struct test *t, uint32_t n)
{
    if (n % quant_types[t->quant].block_elements)
        return;
    run_norm(t, n, 70, 1, FILL_NORMAL);
    run_qkv(t, n, (struct head_shape){4, 2, 64, 64}, 1, 300, KV_TYPE_F16, FILL_NORMAL);
    run_qkv(t, n, (struct head_shape){4, 2, 64, 64}, 2, 300, KV_TYPE_F32, FILL_NORMAL);
    run_swiglu(t, n, 96, 1, FILL_NORMAL);
}

static void run_fused(struct test *t, bool sweep)
{
    if (quant_types[t->quant].class != QUANT_CLASS_INT)
        return;
    run_norm(t, 1024, 70, 1, FILL_NORMAL);
    for (uint32_t kv = KV_TYPE_F16; kv <= (sweep ? KV_TYPE_Q4_0 : KV_TYPE_F16); kv++)
        run_qkv(t, 256, (struct head_shape){4, 2, 64, 64}, 1, 300, kv, FILL_NORMAL);
    run_swiglu(t, 256, 96, 1, FILL_NORMAL);
    if (t->n_embd)
        run_rows(t, t->n_embd);
    for (uint32_t class = 0; t->slow && class < KERNEL_ROW_CLASSES; class ++)
        run_rows(t, 1024u << class);
    if (!sweep)
        return;
    static const uint32_t sizes[] = {32, 64, 352, 768, 1056, 2048};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        run_norm(t, sizes[i], 9 + i, 1, FILL_NORMAL);
    run_norm(t, 256, 192, 3, FILL_NORMAL);
    run_swiglu(t, 512, 128, 2, FILL_NORMAL);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++) {
        run_norm(t, 256, 6, 1, (enum fill)fill);
        run_qkv(t, 256, (struct head_shape){3, 1, 20 + 12 * (fill % 3), 16}, 1 + fill % 2, fill * 7,
            fill % 3 == 1 ? fill % 4 : fill & 1, (enum fill)fill);
        run_swiglu(t, 256, 32, 1, (enum fill)fill);
    }
    if (t->slow)
        run_norm(t, 8192, 1000, 1, FILL_OUTLIERS);
}

/* What a device may be found to be fastest with (kernels/shape.h). */
static void run_trials(struct test *t)
{
    for (uint32_t trial = 1; trial <= MATVEC_SHAPES; trial++) {
        t->list.trial = trial;
        run(t, (struct shape){1312, 147, 1, 1, 1, 1, 0}, FILL_NORMAL);
        run(t, (struct shape){256, 40, 2, 1, 0, 0, 0}, FILL_NORMAL);
        if (quant_types[t->quant].class != QUANT_CLASS_INT)
            continue;
        run_norm(t, 1056, 70, 1, FILL_NORMAL);
        for (uint32_t kv = KV_TYPE_F16; kv <= KV_TYPE_Q8_0; kv++)
            run_qkv(t, 256, (struct head_shape){4, 2, 64, 64}, 1, 300, kv, FILL_NORMAL);
        run_swiglu(t, 256, 96, 1, FILL_NORMAL);
    }
    t->list.trial = 0;
}

/* Formats differ in how a block is loaded and in its term, no more: where compiling is slow, shapes
 * are swept with the commonest, and the others are run one token and eight at a time. */
static bool is_swept(const struct test *t)
{
    return t->slow || t->quant == QT_q4_0 || t->quant == QT_q8_0 || t->quant == QT_q4_k ||
           t->quant == QT_q6_k || quant_types[t->quant].class == QUANT_CLASS_FLOAT;
}

static void run_format(struct test *t)
{
    static const struct shape shapes[] = {
        {256, 64, 13, 1, 1, 0, 0},
        {768, 9, 8, 1, 0, 1, 0},
        {1280, 9, 1, 1, 1, 1, 0},
        {2048, 33, 1, 1, 0, 1, 0},
        {256, 192, 1, 3, 1, 0, 0},
    };
    for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        run(t, shapes[i], FILL_NORMAL);
    for (uint32_t fill = 0; fill < FILL_COUNT; fill++)
        run(t, (struct shape){512, 21, 1, 1, 0, 0, 0}, (enum fill)fill);
}

void selftest_cases_matvec(struct test *t)
{
    if (!is_swept(t)) {
        if (!t->other_shapes) {
            run_format(t);
            run_fused(t, false);
        }
        return;
    }
    static const struct shape shapes[] = {
        {1, 1, 1, 1, 0, 0, 0},
        {32, 1, 1, 1, 0, 0, 0},
        {64, 3, 2, 1, 1, 0, 0},
        {96, 8, 3, 1, 0, 1, 0},
        {100, 33, 5, 1, 1, 1, 0},
        {352, 8, 5, 1, 0, 0, 0},
        {256, 64, 13, 1, 1, 0, 0},
        {768, 3, 8, 1, 0, 1, 0},
        {1056, 33, 2, 1, 0, 0, 0},
        {1280, 9, 3, 1, 1, 1, 0},
        {2048, 33, 1, 1, 0, 1, 0},
        {11008, 3, 1, 1, 0, 0, 0},
        /* Shards; a bias is bound at its shard's first row, so that has to be aligned */
        {256, 23, 2, 4, 0, 1, 0},
        {256, 200, 3, 3, 0, 0, 0},
        {256, 192, 2, 3, 1, 0, 0},
        /* The newest token only, as for logits */
        {256, 40, 6, 1, 0, 0, 1},
        {256, 5, 13, 1, 1, 0, 4},
    };
    static const struct shape slow[] = {/* Llama 3.2 1B: Q, K, down */
        {2048, 2048, 1, 1, 0, 0, 0}, {2048, 512, 16, 1, 0, 0, 0}, {8192, 2048, 2, 1, 0, 1, 0}};
    /* Where a processor plays the GPU, compiling is what takes time, most of all for 8 columns. */
    bool less = t->other_shapes && !t->slow;
    for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (!less || (i % 3 == 0 && shapes[i].tokens < 6))
            run(t, shapes[i], (enum fill)(i % FILL_COUNT));
    for (uint32_t fill = 0; fill < 2 * FILL_COUNT; fill++)
        run(t, (struct shape){256, 5, 2, 1, fill & 1, fill >> 1 & 1, 0}, (enum fill)(fill / 2));
    if (t->slow || (!less && t->quant == QT_q4_0 && t->list.variant == K_matvec))
        run_trials(t);
    if (!less || t->quant == QT_q4_0)
        run_fused(t, t->slow || (!less && t->quant == QT_q4_0));
    if (!less) {
        run_varied(t, 1312); /* 41 blocks: the last lane has one of its two */
        run_varied(t, 2304); /* 72 blocks on 24 lanes */
    }
    for (uint32_t i = 0; t->slow && i < sizeof(slow) / sizeof(slow[0]); i++)
        run(t, slow[i], FILL_NORMAL);
}
