/* The shapes: those of Llama 3.2 1B and 3.1 8B, one function per base kernel of kernels.def. A
 * kernel without one does not compile. */
#include "bench.h"

#include "ref/ref.h"

#include <stdio.h>
#include <string.h>

static const struct head_shape heads_1b = {32, 8, 64, 64}, heads_8b = {32, 8, 128, 128};
enum { EMBD_1B = 2048, FF_1B = 8192, EMBD_8B = 4096, FF_8B = 14336, VOCAB = 128256 };

static uint32_t batch(const struct bench *b)
{
    return b->small ? 32 : 512;
}

static void begin(struct bench *b, uint32_t tokens, uint32_t pos, uint32_t vocab)
{
    test_begin(b->test, tokens, pos, vocab, "%s", b->shape);
    test_step(b->test)->chunks_x = (pos + ATTN_CHUNK) / ATTN_CHUNK;
}

/* A matrix in as many parts as the device's bindings ask for. */
static struct matrix make_matrix(struct test *t, uint32_t n, uint32_t rows)
{
    struct quant_layout layout = quant_layout_of(&quant_types[t->quant], n);
    uint64_t bytes = quant_rows_bytes(&layout, rows);
    uint32_t shards = (uint32_t)(bytes / (t->own->caps.max_range / 8 * 7)) + 1;
    return test_matrix(t, n, rows, shards);
}

static void run_matvec(struct bench *b, uint32_t n, uint32_t rows, uint32_t tokens)
{
    struct test *t = b->test;
    snprintf(
        b->shape, sizeof(b->shape), "%ux%u, %u token%s", rows, n, tokens, tokens == 1 ? "" : "s");
    begin(b, tokens, 0, 100);
    struct matvec_input x = {.f32 = test_rows(t, tokens, n, FILL_NORMAL)};
    if (quant_types[t->quant].class == QUANT_CLASS_INT)
        x.q8 = test_rows_q8(t, tokens, x.f32);
    struct matrix w = make_matrix(t, n, rows);
    op_matvec(&t->list, test_output_rows(t, tokens, rows), 0, &w, &x, (struct gpu_view){0}, false,
        tokens);
    bench_run(b);
}

static void cases_matvec(struct bench *b)
{
    run_matvec(b, EMBD_1B, EMBD_1B, 1);
    run_matvec(b, EMBD_1B, FF_1B, 1);
    run_matvec(b, FF_1B, EMBD_1B, 1);
    run_matvec(b, EMBD_1B, VOCAB, 1);
    run_matvec(b, EMBD_8B, 1024, 1);
    run_matvec(b, EMBD_8B, EMBD_8B, 1);
    run_matvec(b, EMBD_8B, FF_8B, 1);
    run_matvec(b, FF_8B, EMBD_8B, 1);
    run_matvec(b, EMBD_1B, FF_1B, 8);
}

static void cases_matmul(struct bench *b)
{
    run_matvec(b, EMBD_1B, EMBD_1B, batch(b));
    run_matvec(b, EMBD_1B, FF_1B, batch(b));
    run_matvec(b, FF_1B, EMBD_1B, batch(b));
    if (!b->small)
        run_matvec(b, EMBD_8B, FF_8B, batch(b));
}

static void cases_embed(struct bench *b)
{
    for (uint32_t i = 0, tokens = 1; i < 2; i++, tokens = batch(b)) {
        snprintf(b->shape, sizeof(b->shape), "%u of %u rows, %u", tokens, 4096, EMBD_8B);
        begin(b, tokens, 0, 4096);
        struct matrix w = make_matrix(b->test, EMBD_8B, 4096);
        op_embed(&b->test->list, test_output_rows(b->test, tokens, EMBD_8B), &w, 1.0f, 0);
        bench_run(b);
    }
}

static void cases_rmsnorm(struct bench *b)
{
    for (uint32_t i = 0, tokens = 1; i < 2; i++, tokens = batch(b)) {
        snprintf(b->shape, sizeof(b->shape), "%u, %u tokens", EMBD_8B, tokens);
        begin(b, tokens, 0, 100);
        struct rows x = test_rows(b->test, tokens, EMBD_8B, FILL_NORMAL);
        struct gpu_view g = test_exact_input(b->test, EMBD_8B, FILL_NORMAL);
        op_rmsnorm(&b->test->list, test_output_rows(b->test, tokens, EMBD_8B), x, g, 1e-5f, false);
        bench_run(b);
    }
}

static void cases_quantize(struct bench *b)
{
    for (uint32_t i = 0, tokens = 1; i < 2; i++, tokens = batch(b)) {
        snprintf(b->shape, sizeof(b->shape), "%u, %u tokens", FF_8B, tokens);
        begin(b, tokens, 0, 100);
        struct rows x = test_rows(b->test, tokens, FF_8B, FILL_NORMAL);
        op_quantize(&b->test->list, test_output_q8(b->test, tokens, FF_8B), x, 0);
        bench_run(b);
    }
}

static void cases_silu_mul(struct bench *b)
{
    for (uint32_t i = 0, tokens = 1; i < 2; i++, tokens = batch(b)) {
        snprintf(b->shape, sizeof(b->shape), "%u, %u tokens", FF_8B, tokens);
        begin(b, tokens, 0, 100);
        struct rows x = test_rows(b->test, tokens, 2 * FF_8B, FILL_NORMAL);
        op_silu_mul(&b->test->list, test_output_rows(b->test, tokens, FF_8B), x, FF_8B);
        bench_run(b);
    }
}

static void run_attention(struct bench *b, struct head_shape s, uint32_t pos, uint32_t tokens)
{
    struct test *t = b->test;
    uint32_t n = s.n_head * s.head_dim, n_ctx = (pos + tokens + K_TILE) / K_TILE * K_TILE;
    snprintf(b->shape, sizeof(b->shape), "%u/%u heads of %u, %u token%s at %u", s.n_head,
        s.n_head_kv, s.head_dim, tokens, tokens == 1 ? "" : "s", pos);
    begin(b, tokens, pos, 100);
    test_step(t)->chunks_y = s.n_head;
    struct rows qkv = test_rows(t, tokens, n + 2 * s.n_head_kv * s.head_dim, FILL_NORMAL);
    struct kv_cache kv = test_kv(t, s, n_ctx, kernel_kv_type(t->quant), FILL_NORMAL);
    struct rows y = test_output_rows(t, tokens, n);
    struct gpu_view partials = test_output(t, op_attention_partial_bytes(s, n_ctx, tokens));
    memset(test_data(t, partials), 0, partials.size);
    op_attention(&t->list, y, qkv, &kv, partials, s);
    bench_run(b);
}

static void cases_attention(struct bench *b)
{
    for (uint32_t pos = 127; pos < (b->small ? 8192 : 65536); pos = 4 * pos + 3)
        run_attention(b, heads_8b, pos, 1);
    run_attention(b, heads_1b, 511, 1);
}

static void cases_attn_tile(struct bench *b)
{
    run_attention(b, heads_8b, 0, batch(b));
    run_attention(b, heads_8b, 4 * batch(b), batch(b));
}

static void cases_rope_kv(struct bench *b)
{
    const struct head_shape s = heads_8b;
    struct test *t = b->test;
    for (uint32_t i = 0, tokens = 1; i < 2; i++, tokens = batch(b)) {
        uint32_t n = s.n_head * s.head_dim, kv_n = s.n_head_kv * s.head_dim;
        snprintf(b->shape, sizeof(b->shape), "%u/%u heads of %u, %u tokens", s.n_head, s.n_head_kv,
            s.head_dim, tokens);
        begin(b, tokens, 0, 100);
        struct rows qkv = test_rows(t, tokens, n + 2 * kv_n, FILL_NORMAL);
        struct kv_cache kv =
            test_kv(t, s, (tokens + K_TILE) / K_TILE * K_TILE, kernel_kv_type(t->quant), -1);
        struct gpu_view rope =
            test_exact_input(t, (ROPE_LOW + (tokens + ROPE_LOW) / ROPE_LOW) * s.n_rot, FILL_NORMAL);
        op_rope_kv(&t->list, qkv, n, n + kv_n, &kv, rope, s);
        bench_run(b);
    }
}

static void cases_norm_rows(struct bench *b)
{
    for (uint32_t i = 0, tokens = 1; i < 2; i++, tokens = batch(b)) {
        snprintf(b->shape, sizeof(b->shape), "40 heads of 128, %u tokens", tokens);
        begin(b, tokens, 0, 100);
        struct rows x = test_rows(b->test, tokens, 5120, FILL_NORMAL);
        op_norm_rows(&b->test->list, x, x,
            &(struct norm_rows){.g = test_exact_input(b->test, 5120, FILL_NORMAL),
                .n = 128,
                .rows = 40,
                .eps = 1e-6f});
        bench_run(b);
    }
}

static void cases_glu(struct bench *b)
{
    for (uint32_t i = 0, tokens = 1; i < 2; i++, tokens = batch(b)) {
        snprintf(b->shape, sizeof(b->shape), "%u, %u tokens", FF_8B, tokens);
        begin(b, tokens, 0, 100);
        struct rows x = test_rows(b->test, tokens, 2 * FF_8B, FILL_NORMAL);
        struct rows_q8 y = test_output_q8(b->test, tokens, FF_8B);
        op_glu(&b->test->list, (struct rows){0}, &y, x,
            &(struct glu){.n = FF_8B, .rows = 1, .act = GLU_GELU});
        bench_run(b);
    }
}

/* A layer of Qwen 3.5 0.8B: 16 heads of 128. */
enum { STATE_HEADS = 16, STATE_DIM = 128, STATE_IN = 3 * STATE_HEADS * STATE_DIM };

static void cases_conv(struct bench *b)
{
    struct test *t = b->test;
    for (uint32_t i = 0, tokens = 1; i < 2; i++, tokens = batch(b)) {
        struct state_cache state = {.slots = 3, .slot_size = 3 * STATE_IN};
        snprintf(b->shape, sizeof(b->shape), "%u channels, 4 taps, %u tokens", STATE_IN, tokens);
        begin(b, tokens, 9, 100);
        struct rows x = test_rows(t, tokens, STATE_IN, FILL_NORMAL);
        state.view = test_exact_input(t, state.slots * state.slot_size, FILL_NORMAL);
        op_conv(&t->list, test_output_rows(t, tokens, STATE_IN), x,
            test_exact_input(t, 4 * STATE_IN, FILL_NORMAL), 4, &state, CONV_SILU);
        bench_run(b);
    }
}

static void cases_delta(struct bench *b)
{
    struct test *t = b->test;
    for (uint32_t i = 0, tokens = 1; i < 2; i++, tokens = batch(b)) {
        struct state_cache state = {.slots = 3, .slot_size = STATE_HEADS * STATE_DIM * STATE_DIM};
        struct delta p = {.n_head = STATE_HEADS,
            .n_group = STATE_HEADS,
            .dim = STATE_DIM,
            .beta_first = STATE_HEADS};
        snprintf(b->shape, sizeof(b->shape), "%u heads of %u, %u tokens", STATE_HEADS, STATE_DIM,
            tokens);
        begin(b, tokens, 9, 100);
        struct rows x = test_rows(t, tokens, STATE_IN, FILL_NORMAL);
        struct rows gates = test_rows(t, tokens, 2 * STATE_HEADS, FILL_NORMAL);
        state.view = test_exact_input(t, state.slots * state.slot_size, FILL_NORMAL);
        p.dt = test_exact_input(t, STATE_HEADS, FILL_NORMAL);
        p.a = test_exact_input(t, STATE_HEADS, FILL_NORMAL);
        op_delta(
            &t->list, test_output_rows(t, tokens, STATE_HEADS * STATE_DIM), x, gates, &state, &p);
        bench_run(b);
    }
}

static void cases_softcap(struct bench *b)
{
    snprintf(b->shape, sizeof(b->shape), "%u logits", VOCAB);
    begin(b, 1, 0, 100);
    op_softcap(&b->test->list, test_rows(b->test, 1, VOCAB, FILL_NORMAL), 30.0f, 1);
    bench_run(b);
}

/* A layer of 32 experts of 512, 8 for each token. */
enum { EXPERTS = 32, EXPERTS_USED = 8, FF_EXPERT = 512 };

static void run_experts(struct bench *b, uint32_t tokens)
{
    struct test *t = b->test;
    snprintf(b->shape, sizeof(b->shape), "%u of %u experts, %u x %u, %u tokens", EXPERTS_USED,
        EXPERTS, EMBD_1B, FF_EXPERT, tokens);
    begin(b, tokens, 0, 100);
    struct rows scores = test_rows(t, tokens, EXPERTS, FILL_NORMAL);
    uint64_t n = (uint64_t)tokens * EXPERTS_USED;
    struct expert_pairs pairs = {.n_used = EXPERTS_USED,
        .capacity = tokens,
        .ids = test_output(t, n * 4),
        .weights = test_output(t, n * 4),
        .list = test_output(t, (uint64_t)EXPERTS * tokens * 4),
        .count = test_output(t, EXPERTS * 4)};
    op_route(&t->list, &pairs, scores, &(struct routing){.renormed = true, .scale = 1.0f},
        (struct gpu_view){0}, (struct gpu_view){0});
    for (uint32_t i = 0; i < t->list.n; i++)
        ref_run(&t->list.ops[i]); /* what follows is timed alone, and needs the choice */
    if (t->quant >= 0) {
        struct matvec_input x = {.f32 = test_rows(t, tokens, EMBD_1B, FILL_NORMAL)};
        if (quant_types[t->quant].class == QUANT_CLASS_INT)
            x.q8 = test_rows_q8(t, tokens, x.f32);
        struct matrix w = test_matrix(t, EMBD_1B, EXPERTS * FF_EXPERT, 2);
        op_matvec_id(
            &t->list, test_output_rows(t, (uint32_t)n, FF_EXPERT), &w, EXPERTS, &x, false, &pairs);
    } else {
        struct rows y = test_rows(t, (uint32_t)n, EMBD_1B, FILL_NORMAL);
        op_mix(&t->list, test_rows(t, tokens, EMBD_1B, FILL_NORMAL), y, &pairs, true);
    }
    bench_run(b);
}

static void cases_route(struct bench *b)
{
    run_experts(b, 1);
    run_experts(b, batch(b));
}

static void cases_pairs(struct bench *b)
{
    run_experts(b, batch(b));
}

static void cases_matvec_id(struct bench *b)
{
    cases_route(b);
}

static void cases_mix(struct bench *b)
{
    cases_route(b);
}

static void run_sample(struct bench *b)
{
    struct test *t = b->test;
    snprintf(b->shape, sizeof(b->shape), "%u tokens to choose from", VOCAB);
    begin(b, 1, 100, 100);
    struct gpu_view logits = test_exact_input(t, VOCAB, FILL_NORMAL);
    struct gpu_view scores = test_output(t, VOCAB * 4ull), ring = test_output(t, RING_SIZE * 4ull);
    struct step_args *step = test_step(t);
    step->inv_temp = 1.25f;
    step->top_k = 40;
    step->top_p = 0.95f;
    step->min_p = 0.05f;
    step->repeat = step->repeat_inv = 1;
    op_sample(&t->list, logits, scores, ring, VOCAB);
    bench_run(b);
}

static void cases_penalize(struct bench *b)
{
    run_sample(b);
}

static void cases_sample(struct bench *b)
{
    run_sample(b);
}

static void cases_nll(struct bench *b)
{
    snprintf(b->shape, sizeof(b->shape), "%u tokens of %u", 16, VOCAB);
    begin(b, 16, 0, VOCAB);
    struct rows logits = test_rows(b->test, 16, VOCAB, FILL_NORMAL);
    op_nll(&b->test->list, test_output(b->test, 16 * 4), logits);
    bench_run(b);
}

static void cases_stream(struct bench *b)
{
    snprintf(b->shape, sizeof(b->shape), "64 MiB");
    begin(b, 1, 0, 100);
    struct gpu_view x = test_input(b->test, 16u << 20, FILL_BITS);
    op_stream(
        &b->test->list, test_output(b->test, op_stream_threads(b->test->list.caps) * 4ull), x);
    bench_run(b);
}

static void run_peak(struct bench *b, enum kernel which)
{
    struct test *t = b->test;
    const uint32_t rounds = 100, n_threads = op_peak_threads(t->list.caps);
    snprintf(b->shape, sizeof(b->shape), "%u rounds in %u threads", rounds, n_threads);
    begin(b, 1, 0, 100);
    struct gpu_view x = test_input(t, 4, FILL_ONE_HOT), y = test_output(t, n_threads * 4ull);
    op_peak(&t->list, which, y, x, rounds);
    bench_run(b);
}

static void cases_peak_f32(struct bench *b)
{
    run_peak(b, K_peak_f32);
}

static void cases_peak_dot(struct bench *b)
{
    run_peak(b, K_peak_dot);
}

void bench_cases(struct bench *b)
{
    static void (*const functions[K_COUNT])(struct bench *) = {
#define KERNEL(name, axis, need, n, base) cases_##base,
#include "kernels/kernels.def"
#undef KERNEL
    };
    functions[b->kernel](b);
}
