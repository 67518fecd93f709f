/* The arena, and what a case makes in it. */
#include "selftest/tester.h"

#include "base/clock.h"

#include "base/exact.h"
#include "base/hash.h"
#include "ref/ref.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t round_up(uint64_t bytes)
{
    return (bytes + TEST_GUARD - 1) / TEST_GUARD * TEST_GUARD;
}

/* Extends the used part of the arena to `end`, with the pattern. */
static bool extend(struct test *t, uint64_t end)
{
    struct tester *own = t->own;
    if (end > own->capacity) {
        uint64_t capacity = 2 * end > (1u << 20) ? 2 * end : 1u << 20;
        void *space = realloc(own->space.host, capacity), *before = realloc(own->before, capacity);
        own->space.host = space ? space : own->space.host;
        own->before = before ? before : own->before;
        if (!space || !before) {
            tester_stop(t, HEKLA_MEMORY, "not enough host memory for the self-test");
            return false;
        }
        own->capacity = own->space.size = capacity;
    }
    for (uint64_t i = own->used / 4; i < end / 4; i++)
        ((uint32_t *)own->space.host)[i] = tester_pattern(i);
    own->used = end;
    return true;
}

struct gpu_view test_output(struct test *t, uint64_t bytes)
{
    struct tester *own = t->own;
    struct gpu_view view = {&own->space, own->used, bytes};
    assert(own->n_regions < TEST_MAX_REGIONS && bytes % 4 == 0);
    if (!extend(t, own->used + round_up(bytes) + TEST_GUARD))
        return (struct gpu_view){&own->space, TEST_GUARD, 4};
    own->regions[own->n_regions++] = view;
    return view;
}

void *test_data(struct test *t, struct gpu_view view)
{
    return (uint8_t *)t->own->space.host + view.offset;
}

struct step_args *test_step(struct test *t)
{
    return test_data(t, t->list.step);
}

void test_begin(
    struct test *t, uint32_t n_tokens, uint32_t pos, uint32_t n_vocab, const char *format, ...)
{
    struct tester *own = t->own;
    va_list args;
    va_start(args, format);
    vsnprintf(own->name, sizeof(own->name), format, args);
    va_end(args);
    /* A variant gets the inputs of its base: the row's name is left out. */
    own->random = hash_bytes(own->name, strlen(own->name)) ^ (uint64_t)t->quant << 32;
    own->used = own->n_regions = own->n_variations = 0;
    own->ran = own->failed = false;
    own->began = clock_now();
    t->list.n = 0;
    t->flavour = 0;
    t->list.n_tokens = n_tokens;
    extend(t, TEST_GUARD);
    t->list.step = test_output(t, sizeof(struct step_args));
    t->list.history = test_output(t, (pos + n_tokens + 1) * 4ull);
    if (own->status != HEKLA_OK)
        return;
    *test_step(t) = (struct step_args){
        .n_tokens = n_tokens,
        .pos = pos,
        .chunks_x = (pos + ATTN_CHUNK) / ATTN_CHUNK,
        .chunks_y = 1,
        .chunks_z = 1,
    };
    uint32_t *history = test_data(t, t->list.history);
    for (uint32_t i = 0; i < pos + n_tokens; i++)
        history[i] = test_random(t) % n_vocab;
}

struct gpu_view test_input(struct test *t, uint32_t n, enum fill fill)
{
    struct gpu_view view = test_output(t, n * 4ull);
    if (t->own->status == HEKLA_OK)
        tester_fill(t, test_data(t, view), n, fill);
    return view;
}

struct gpu_view test_exact_input(struct test *t, uint32_t n, enum fill fill)
{
    struct gpu_view view = test_input(t, n, fill);
    float *x = test_data(t, view);
    for (uint32_t i = 0; i < view.size / 4; i++)
        x[i] = exact_sanitize(x[i]);
    return view;
}

struct rows test_output_rows(struct test *t, uint32_t n_tokens, uint32_t n)
{
    uint32_t stride = (n + 31) / 32 * 32;
    return (struct rows){test_output(t, n_tokens * stride * 4ull), n, stride};
}

struct rows test_rows(struct test *t, uint32_t n_tokens, uint32_t n, enum fill fill)
{
    struct rows rows = test_output_rows(t, n_tokens, n);
    uint32_t *x = test_data(t, rows.view);
    for (uint32_t i = 0; i < n_tokens && t->own->status == HEKLA_OK; i++) {
        memset(x + (size_t)i * rows.stride, 0, rows.stride * 4ull);
        tester_fill(t, x + (size_t)i * rows.stride, n, fill);
    }
    return rows;
}

struct rows_q8 test_output_q8(struct test *t, uint32_t n_tokens, uint32_t n)
{
    struct rows_q8 rows = {.layout.n = n};
    quant_spread(&rows.layout, (n + 31) / 32);
    rows.stride_u4 = rows_q8_stride_u4(&rows.layout);
    rows.view = test_output(t, n_tokens * rows.stride_u4 * 16ull);
    return rows;
}

struct rows_q8 test_rows_q8(struct test *t, uint32_t n_tokens, struct rows x)
{
    struct rows_q8 y = test_output_q8(t, n_tokens, x.n);
    struct op_list list = t->list;
    list.ops = NULL;
    list.n = list.capacity = 0;
    op_quantize(&list, y, x, n_tokens);
    if (list.out_of_memory)
        tester_stop(t, HEKLA_MEMORY, "not enough host memory for the self-test");
    else if (t->own->status == HEKLA_OK)
        ref_run(&list.ops[0]);
    op_list_free(&list);
    return y;
}

static void fill_shard(
    struct test *t, const struct matrix *m, struct gpu_view view, uint32_t n_rows)
{
    const struct quant_type *type = &quant_types[m->quant];
    uint32_t n_blocks = m->layout.n / type->block_elements;
    size_t row_bytes = (size_t)n_blocks * type->block_bytes;
    uint8_t *file = malloc(row_bytes * n_rows);
    if (!file) {
        tester_stop(t, HEKLA_MEMORY, "not enough host memory for the self-test");
        return;
    }
    for (uint32_t r = 0; r < n_rows; r++)
        tester_fill_blocks(t, type, file + r * row_bytes, n_blocks);
    quant_pack_rows(type, &m->layout, file, row_bytes, n_rows, test_data(t, view));
    free(file);
    uint64_t table_bytes;
    const uint32_t *table = quant_table(type, &table_bytes);
    if (table)
        memcpy((uint8_t *)test_data(t, view) + quant_rows_bytes(&m->layout, n_rows), table,
            table_bytes);
}

struct matrix test_matrix(struct test *t, uint32_t n, uint32_t n_rows, uint32_t n_shards)
{
    struct matrix m = {.quant = (enum quant)t->quant,
        .layout = quant_layout_of(&quant_types[t->quant], n),
        .n_rows = n_rows,
        .n_shards = n_shards,
        .shards = t->own->shards};
    uint32_t each = n_rows / n_shards;
    uint64_t table_bytes;
    quant_table(&quant_types[t->quant], &table_bytes);
    assert(n % quant_types[t->quant].block_elements == 0 && n_shards <= TEST_MAX_SHARDS && each);
    for (uint32_t i = 0; i < n_shards; i++) {
        struct matrix_shard *s = &m.shards[i];
        s->row_first = i * each;
        s->n_rows = i + 1 == n_shards ? n_rows - s->row_first : each;
        s->view = test_output(t, quant_rows_bytes(&m.layout, s->n_rows) + table_bytes);
        if (t->own->status == HEKLA_OK)
            fill_shard(t, &m, s->view, s->n_rows);
    }
    return m;
}

/* Any numbers, and scales that are values of the exact range. */
static struct gpu_view quantized_cache(
    struct test *t, uint32_t words, uint32_t scales, enum fill fill)
{
    struct gpu_view view = test_input(t, words, FILL_BITS);
    uint32_t *x = test_data(t, view);
    if (t->own->status != HEKLA_OK)
        return view;
    tester_fill(t, x + words - scales, scales, fill);
    for (uint32_t k = words - scales; k < words; k++)
        x[k] = exact_bits(exact_sanitize(exact_from_bits(x[k])));
    return view;
}

/* What a kernel may have stored, from the word's low bits: its upper half is no half float. */
static struct gpu_view half_cache(struct test *t, uint32_t words, enum fill fill)
{
    struct gpu_view view = test_input(t, words, fill);
    uint32_t *x = test_data(t, view);
    for (uint32_t k = 0; k < view.size / 4; k++) {
        float low = fill == FILL_BITS ? exact_half_to_float(x[k] & 0xffff) : exact_from_bits(x[k]);
        float high = fill == FILL_BITS ? exact_half_to_float(x[k] >> 16)
                                       : (float)(int32_t)(x[k] << 8) * 0x1p-30f;
        x[k] = exact_float_to_cache(low) | exact_float_to_cache(high) << 16;
    }
    return view;
}

struct kv_cache test_kv(
    struct test *t, struct head_shape shape, uint32_t n_ctx, uint32_t type, int fill)
{
    struct kv_cache kv = {.n_ctx = n_ctx, .type = type};
    uint32_t n = n_ctx * shape.n_head_kv * shape.head_dim;
    uint32_t words = (uint32_t)(op_kv_bytes(type, n) / 4);
    assert(n_ctx % K_TILE == 0);
    for (int i = 0; i < 2; i++)
        *(i ? &kv.v : &kv.k) = fill < 0              ? test_output(t, words * 4ull)
                               : type == KV_TYPE_F32 ? test_exact_input(t, words, (enum fill)fill)
                               : type == KV_TYPE_F16
                                   ? half_cache(t, words, (enum fill)fill)
                                   : quantized_cache(t, words, n / 32, (enum fill)fill);
    return kv;
}

void test_vary(struct test *t, const struct variation *v)
{
    const struct gpu_caps *caps = t->list.caps;
    uint64_t x = v->spec[SPEC_SIZE_X] ? v->spec[SPEC_SIZE_X] : 1;
    uint64_t y = v->spec[SPEC_SIZE_Y] ? v->spec[SPEC_SIZE_Y] : 1;
    uint64_t cols = v->spec[SPEC_COLS] ? v->spec[SPEC_COLS] : 1;
    if (x * y > caps->max_invocations || (x + 1) * y * cols * 16 > caps->max_shared)
        return; /* this device cannot */
    assert(t->own->n_variations < TEST_MAX_VARIATIONS);
    t->own->variations[t->own->n_variations++] = *v;
}
