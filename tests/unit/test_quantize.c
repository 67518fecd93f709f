/* Quantising: each type's error on rows of many kinds, and values that it holds exactly. */
#include "quant_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { ROW = 2048, MOST_BYTES = 2 * ROW + 64 };

static uint64_t seed = 7;

/* Uniform in -1..1. */
static float next(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(seed >> 32) * 0x1p-31f;
}

/* About normal, deviation 1. */
static float next_normal(void)
{
    float sum = 0;
    for (int i = 0; i < 12; i++)
        sum += next();
    return sum * 0.5f;
}

/* Quantises and back; returns the root of the mean squared error. */
static double round_trip(const struct quant_type *type, const float *x, float *y)
{
    uint8_t bytes[MOST_BYTES], again[MOST_BYTES];
    const size_t n = ROW / type->block_elements * type->block_bytes;
    double sum = 0;
    memset(bytes, 0xaa, sizeof(bytes));
    memset(again, 0x55, sizeof(again));
    quantize_row(type, x, ROW, bytes);
    quantize_row(type, x, ROW, again);
    assert_memory_equal(bytes, again, n); /* every byte is set */
    for (size_t i = n; i < n + 64; i++)
        assert_int_equal(bytes[i], 0xaa); /* and no other */
    dequantize_row(type, bytes, ROW, y);
    for (int i = 0; i < ROW; i++)
        sum += ((double)y[i] - x[i]) * ((double)y[i] - x[i]);
    return sqrt(sum / ROW);
}

/* The error on normal weights in thousandths of their deviation: what the formats' steps allow. */
static const struct {
    enum quant type;
    double most;
} bounds[] = {{QT_f16, 0.215}, {QT_bf16, 1.75}, {QT_q8_0, 5.6}, {QT_q4_0, 87}, {QT_q4_1, 80.5},
    {QT_q5_0, 43.5}, {QT_q5_1, 39}, {QT_q2_k, 262}, {QT_q3_k, 147}, {QT_q4_k, 71.5},
    {QT_q5_k, 35.3}, {QT_q6_k, 17.5}, {QT_iq4_nl, 74.5}, {QT_iq4_xs, 75.5}, {QT_mxfp4, 117}};

static void normal_rows(void **state)
{
    (void)state;
    float x[ROW], y[ROW];
    int n = 0;
    for (int t = 0; t < QT_COUNT; t++)
        n += quant_types[t].quantize != NULL;
    assert_int_equal(n, sizeof(bounds) / sizeof(bounds[0]));
    for (int i = 0; i < ROW; i++)
        x[i] = next_normal();
    for (int s = -5; s <= 9; s += 7) /* the same at any size that halves can scale well */
        for (size_t k = 0; k < sizeof(bounds) / sizeof(bounds[0]); k++) {
            float scaled[ROW];
            for (int i = 0; i < ROW; i++)
                scaled[i] = ldexpf(x[i], s);
            const struct quant_type *type = &quant_types[bounds[k].type];
            double error = 1000 * ldexp(round_trip(type, scaled, y), -s);
            if (error > bounds[k].most || error < bounds[k].most / 2)
                fail_msg("%s at 2^%d: error %g, expected about %g", type->label, s, error,
                    bounds[k].most);
        }
}

static void for_each_type(void (*check)(const struct quant_type *type))
{
    for (int t = 0; t < QT_COUNT; t++)
        if (quant_types[t].quantize)
            check(&quant_types[t]);
}

static void check_zeros(const struct quant_type *type)
{
    float x[ROW] = {0}, y[ROW];
    assert_true(round_trip(type, x, y) == 0);
    x[5] = -0.0f;
    assert_true(round_trip(type, x, y) == 0);
}

/* The largest there may be, alone, of both signs and everywhere; then the smallest there are. */
static void check_extremes(const struct quant_type *type)
{
    float x[ROW] = {0}, y[ROW];
    const float limit = fminf(quant_limit(type), 0x1p40f); /* what the engine itself reads */
    x[0] = limit;
    x[300] = -limit;
    assert_true(round_trip(type, x, y) < 0.01 * limit);
    assert_true(fabsf(y[0]) >= 0.7f * limit && fabsf(y[300]) >= 0.7f * limit);
    for (int i = 0; i < ROW; i++)
        x[i] = i % 3 ? limit : -limit;
    assert_true(round_trip(type, x, y) <= 0.35 * limit);
    for (int i = 0; i < ROW; i++)
        assert_true(isfinite(y[i]) && (y[i] > 0) == (x[i] > 0));
    static const float tiny[] = {1e-7f, 1e-12f, 1e-30f, 1e-38f, 1e-44f};
    for (size_t k = 0; k < sizeof(tiny) / sizeof(tiny[0]); k++) {
        for (int i = 0; i < ROW; i++)
            x[i] = tiny[k] * next();
        assert_true(round_trip(type, x, y) <= fmax(2 * tiny[k], 0x1p-41)); /* denormal halves */
    }
}

/* One weight far from all others, at each place of a block. */
static void check_outliers(const struct quant_type *type)
{
    float x[ROW], y[ROW];
    for (int at = 0; at < 256; at += 17) {
        for (int i = 0; i < ROW; i++)
            x[i] = 0.01f * next();
        x[at] = at % 2 ? 50.0f : -50.0f;
        double error = round_trip(type, x, y);
        assert_true(fabsf(y[at] - x[at]) <= 13);
        assert_true(error < 0.3);
    }
}

static void same_sign(const struct quant_type *type)
{
    float x[ROW], y[ROW];
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int i = 0; i < ROW; i++)
            x[i] = (float)sign * (2.0f + next());
        assert_true(round_trip(type, x, y) < 0.5);
        for (int i = 0; i < ROW; i++)
            x[i] = (float)sign * 3.0f;
        assert_true(round_trip(type, x, y) < 0.01 * 3 || type == &quant_types[QT_mxfp4]);
    }
}

static void zeros(void **state)
{
    (void)state;
    for_each_type(check_zeros);
}

static void extremes(void **state)
{
    (void)state;
    for_each_type(check_extremes);
}

static void outliers(void **state)
{
    (void)state;
    for_each_type(check_outliers);
    for_each_type(same_sign);
}

/* Codes and scales that a type can hold come back as they are: x = scale * step[random], where each
 * block has the ends of the range. */
static void expect_exact(enum quant id, const int *values, int n, int sub, const int *scales)
{
    const struct quant_type *type = &quant_types[id];
    float x[ROW], y[ROW];
    for (int i = 0; i < ROW; i++) {
        int k = i % sub == 3 ? 0 : i % sub == 7 ? n - 1 : (int)((next() * 0.5f + 0.5f) * (float)n);
        x[i] = 0x1p-6f * (float)(scales[i / sub % 8] * values[k < n ? k : n - 1]);
    }
    if (round_trip(type, x, y) != 0)
        for (int i = 0; i < ROW; i++)
            if (x[i] != y[i])
                fail_msg("%s: %g at %d became %g", type->label, (double)x[i], i, (double)y[i]);
}

static void representable(void **state)
{
    (void)state;
    static const int one[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    static const int steps[8] = {63, 17, 5, 32, 9, 60, 3, 41}, few[8] = {15, 4, 9, 7, 1, 12, 2, 5};
    static const int bytes[8] = {128, 17, 5, 32, 9, 60, 3, 127};
    static const int half[8] = {32, 17, 5, 9, 11, 30, 3, 21};
    static const int e2m1[] = {-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12};
    int values[256];
    for (int i = 0; i < 256; i++)
        values[i] = i - 127;
    expect_exact(QT_f16, values, 255, 32, one);
    expect_exact(QT_bf16, values, 255, 32, one);
    expect_exact(QT_q8_0, values, 255, 32, one);
    expect_exact(QT_q4_0, values + 127 - 8, 16, 32, one);
    expect_exact(QT_q5_0, values + 127 - 16, 32, 32, one);
    expect_exact(QT_q4_1, values + 100, 16, 32, steps);
    expect_exact(QT_q5_1, values + 90, 32, 32, few);
    expect_exact(QT_q2_k, values + 127, 4, 16, few);
    expect_exact(QT_q3_k, values + 127 - 4, 8, 16, half);
    expect_exact(QT_q4_k, values + 127, 16, 32, steps);
    expect_exact(QT_q5_k, values + 127, 32, 32, steps);
    expect_exact(QT_q6_k, values + 127 - 32, 64, 16, bytes);
    expect_exact(QT_mxfp4, e2m1, 15, 32, one);
    for (int i = 0; i < 16; i++)
        values[i] = quant_iq4_values[i];
    expect_exact(QT_iq4_nl, values, 16, 32, one);
    expect_exact(QT_iq4_xs, values, 16, 32, half);
}

/* The scale of a block is the extreme weight's; a wrong sign or a wrong tie would show here. */
static void known_bytes(void **state)
{
    (void)state;
    float x[32] = {0};
    uint8_t block[34];
    x[0] = 1.0f;
    x[1] = -1.0f; /* not larger: the first decides */
    x[17] = 0.25f;
    quant_types[QT_q4_0].quantize(x, block);
    static const uint8_t q4_0[18] = {0x00, 0xb0, 0x80, 0x6f}; /* -1/8; 0 and 8, 15 and 6 */
    assert_memory_equal(block, q4_0, 4);
    assert_int_equal(block[4], 0x88);
    quant_types[QT_q8_0].quantize(x, block);
    assert_int_equal(block[0] | block[1] << 8, 0x2008); /* 1/127 */
    assert_int_equal((int8_t)block[2], 127);
    assert_int_equal((int8_t)block[3], -127);
    assert_int_equal((int8_t)block[19], 32);
    float half = 0x1.0028p0f;
    quant_types[QT_bf16].quantize(&half, block);
    assert_int_equal(block[0] | block[1] << 8, 0x3f80);
    half = 0x1.03p0f; /* between two: to the even one */
    quant_types[QT_bf16].quantize(&half, block);
    assert_int_equal(block[0] | block[1] << 8, 0x3f82);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_rows),
        cmocka_unit_test(zeros),
        cmocka_unit_test(extremes),
        cmocka_unit_test(outliers),
        cmocka_unit_test(representable),
        cmocka_unit_test(known_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
