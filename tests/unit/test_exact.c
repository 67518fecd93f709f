/* Exact arithmetic: halves exhaustively, how far our functions are from the true ones, bounds of
 * sanitising, random numbers' known answers, rotation tables, capability overrides. */
#include "base/exact.h"
#include "gpu/internal.h"
#include "model/model.h"
#include "base/philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static double half_value(uint32_t h)
{
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 31 ? 65504 : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h >> 15 ? -v : v;
}

static void every_half(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = exact_half_to_float(h);
        assert_true((double)f == half_value(h) && !!signbit(f) == (int)(h >> 15));
        uint32_t back = (h & 0x7c00) == 0x7c00 ? (h & 0x8000) | 0x7bff : h;
        assert_int_equal(exact_float_to_half(f), back);
    }
}

/* The nearest half, ties to the even one: by search, from the definition. */
static uint32_t nearest_half(float x)
{
    double a = fabs((double)x);
    uint32_t low = 0, high = 0x7bff;
    if (!(a < 65504))
        return (signbit(x) ? 0x8000u : 0) | 0x7bff;
    while (high - low > 1) {
        uint32_t mid = (low + high) / 2;
        *(half_value(mid) <= a ? &low : &high) = mid;
    }
    double below = a - half_value(low), above = half_value(high) - a;
    uint32_t h = below < above || (below == above && low % 2 == 0) ? low : high;
    return (signbit(x) ? 0x8000u : 0) | h;
}

static void to_half(void **state)
{
    (void)state;
    /* Halves, the middle between neighbours, and one float to either side of both. */
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float points[2] = {(float)half_value(h), (float)((half_value(h) + half_value(h + 1)) / 2)};
        for (int p = 0; p < 2; p++)
            for (int step = -1; step <= 1; step++)
                for (int sign = 0; sign < 2; sign++) {
                    uint32_t u = exact_bits(points[p]);
                    float x = exact_from_bits(
                        (u || step >= 0 ? u + (uint32_t)step : 0) | (uint32_t)sign << 31);
                    if (exact_float_to_half(x) != nearest_half(x))
                        fail_msg("%.9g: %04x, expected %04x", (double)x, exact_float_to_half(x),
                            nearest_half(x));
                }
    }
    static const uint32_t large[] = {
        0x477fe000, 0x477fefff, 0x477ff000, 0x47800000, 0x7f7fffff, 0x7f800000, 0x7fc00000};
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        assert_int_equal(exact_float_to_half(exact_from_bits(large[i])), 0x7bff);
        assert_int_equal(exact_float_to_half(exact_from_bits(large[i] | 1u << 31)), 0xfbff);
    }
}

static double ulp(double want)
{
    int e;
    frexp(want, &e);
    return ldexp(1, e - 24);
}

/* The largest error of f over the floats from low to high, every `step`th, in units of the last
 * place of the true value. */
static double most(float (*f)(float), double (*truth)(double), float low, float high, uint32_t step)
{
    double worst = 0;
    for (uint32_t u = exact_bits(low); u <= exact_bits(high); u += step) {
        float x = exact_from_bits(u);
        double want = truth(x), error = fabs((double)f(x) - want) / ulp(want);
        worst = error > worst || isnan(error) ? error : worst;
    }
    return worst;
}

static float minus_exp(float x)
{
    return exact_exp(0.0f - x);
}
static double minus_exp_truth(double x)
{
    return exp(-x);
}
static double recip_truth(double x)
{
    return 1 / x;
}
static double rsqrt_truth(double x)
{
    return 1 / sqrt(x);
}

static void expect_below(const char *what, double error, double bound)
{
    if (!(error <= bound))
        fail_msg("%s: %.3f units in the last place, expected at most %.3f", what, error, bound);
}

static void functions(void **state)
{
    (void)state;
    expect_below("recip", most(exact_recip, recip_truth, 1, 2, 1), 1.3);
    expect_below("recip", most(exact_recip, recip_truth, 0x1p-100f, 0x1p100f, 797), 1.3);
    expect_below("rsqrt", most(exact_rsqrt, rsqrt_truth, 1, 4, 1), 1.5);
    expect_below("rsqrt", most(exact_rsqrt, rsqrt_truth, 0x1p-100f, 0x1p100f, 797), 1.5);
    expect_below("exp", most(exact_exp, exp, 0x1p-30f, 80, 61), 3.1);
    expect_below("exp(-x)", most(minus_exp, minus_exp_truth, 0x1p-30f, 40, 61), 3.1);
    expect_below("log above 1", most(exact_log, log, 1.5f, 0x1p126f, 797), 2);
    expect_below("log below 1", most(exact_log, log, 0x1p-126f, 0.7f, 797), 2.6);
    expect_below("log near 1", most(exact_log, log, 0.70710677f, 1.4142135f, 7), 3.6);
}

static void function_edges(void **state)
{
    (void)state;
    assert_true(exact_exp(0.0f) == 1.0f && exact_exp(-0.0f) == 1.0f);
    assert_true(exact_exp(nextafterf(-40, -41)) == 0.0f && exact_exp(-INFINITY) == 0.0f);
    assert_true(exact_exp(-40.0f) > 0.0f);
    assert_true(exact_exp(81.0f) == exact_exp(80.0f) && exact_exp(INFINITY) == exact_exp(80.0f));
    assert_true(exact_log(1.0f) == 0.0f && exact_recip(1.0f) == 1.0f);
    assert_int_equal(exact_round_away(2.5f), 3);
    assert_int_equal(exact_round_away(-2.5f), -3);
    assert_int_equal(exact_round_away(2.49f), 2);
    assert_int_equal(exact_round_away(-0.4f), 0);
}

static void sanitizing(void **state)
{
    (void)state;
    static const struct {
        uint32_t in, out;
    } cases[] = {{0, 0}, {1, 0}, {0x007fffff, 0}, {0x2b7fffff, 0}, {0x2b800000, 0x2b800000},
        {0x3f800000, 0x3f800000}, {0x53800000, 0x53800000}, {0x53800001, 0x53800000},
        {0x7f7fffff, 0x53800000}, {0x7f800000, 0x53800000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (uint32_t sign = 0; sign < 2; sign++) {
            float x = exact_from_bits(cases[i].in | sign << 31);
            uint32_t want = cases[i].out ? cases[i].out | sign << 31 : 0;
            assert_int_equal(exact_bits(exact_sanitize(x)), want);
        }
    for (uint32_t nan = 0x7f800001; nan < 0x7fffffff; nan += 4099) {
        assert_int_equal(exact_bits(exact_sanitize(exact_from_bits(nan))), 0);
        assert_int_equal(exact_bits(exact_sanitize(exact_from_bits(nan | 1u << 31))), 0);
    }
}

/* https://github.com/DEShawResearch/random123, tests/kat_vectors */
static void random_numbers(void **state)
{
    (void)state;
    static const uint32_t none[4], all[4] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    static const uint32_t pi[4] = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                          pi_key[2] = {0xa4093822, 0x299f31d0};
    static const uint32_t want[3][4] = {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
    uint32_t out[4];
    philox_block(none, none, out);
    assert_memory_equal(out, want[0], 16);
    philox_block(all, all, out);
    assert_memory_equal(out, want[1], 16);
    philox_block(pi, pi_key, out);
    assert_memory_equal(out, want[2], 16);
}

/* Both tables, low and high, against libm's sines.
 * Entries are rounded to floats. */
static void check_rope(
    const struct model_rope *r, const float *freqs, double (*frequency)(uint32_t i), double scale)
{
    const uint32_t n_ctx = 5000, half = r->n_rot / 2;
    uint64_t bytes;
    float *table = rope_table_create(r, n_ctx, freqs, &bytes);
    assert_non_null(table);
    assert_int_equal(bytes, (256 + 20) * half * 8);
    for (uint32_t i = 0; i < half; i++)
        for (uint32_t row = 0; row < 276; row++) {
            double pos = row < 256 ? row : (row - 256) * 256.0, size = row < 256 ? scale : 1;
            const float *got = table + 2 * (row * half + i);
            double c = size * cos(pos * frequency(i)), s = size * sin(pos * frequency(i));
            /* Half a unit in the last place; 1e-11 for the angle's own rounding, 5000 radians. */
            double bound = (size > 1 ? 0x1p-24 : 0x1p-25) + 1e-11;
            if (fabs(got[0] - c) > bound || fabs(got[1] - s) > bound)
                fail_msg("pair %u, row %u: (%.9g, %.9g), expected (%.9g, %.9g)", i, row,
                    (double)got[0], (double)got[1], c, s);
        }
    free(table);
}

static const float divisors[32] = {1, 1, 1, 1.5f, 2, 8, 8, 8, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 32, 32, 32, 32, 32, 8, 8, 8};

static double plain(uint32_t i)
{
    return pow(10000, -2.0 * i / 64);
}
static double quarter(uint32_t i)
{
    return plain(i) / 4;
}
static double divided(uint32_t i)
{
    return pow(500000, -2.0 * i / 64) / divisors[i];
}
/* YaRN, equations 18 to 23 with a ramp over dimensions: factor 16, 4096 positions, beta 32 and 1.
 */
static double yarn(uint32_t i)
{
    double low = floor(64 * log(4096 / (32 * 2 * acos(-1))) / (2 * log(10000)));
    double high = ceil(64 * log(4096 / (1 * 2 * acos(-1))) / (2 * log(10000)));
    double ramp = fmin(fmax((i - low) / (high - low), 0), 1);
    return plain(i) / 16 * ramp + plain(i) * (1 - ramp);
}

static void rotations(void **state)
{
    (void)state;
    struct model_rope r = {.base = 10000, .n_rot = 64, .factor = 1, .attn_factor = 1};
    check_rope(&r, NULL, plain, 1);
    r.factor = 4;
    r.scaling = ROPE_SCALING_LINEAR;
    check_rope(&r, NULL, quarter, 1);
    r = (struct model_rope){.base = 500000, .n_rot = 64, .factor = 1, .attn_factor = 1};
    check_rope(&r, divisors, divided, 1);
    r = (struct model_rope){.base = 10000,
        .n_rot = 64,
        .scaling = ROPE_SCALING_YARN,
        .factor = 16,
        .original_ctx = 4096,
        .ext_factor = 1,
        .attn_factor = 1,
        .beta_fast = 32,
        .beta_slow = 1};
    check_rope(&r, NULL, yarn, 1 + 0.1 * log(16));
    r.ext_factor = 0; /* then it is plain interpolation */
    r.factor = 4;
    check_rope(&r, NULL, quarter, 1);
}

static void overrides(void **state)
{
    (void)state;
    struct gpu_caps caps, before;
    struct hekla_error err = {0};
    gpu_caps_reference(&caps);
    assert_int_equal(gpu_caps_override(&caps, NULL, &err), HEKLA_OK);
    assert_int_equal(gpu_caps_override(&caps, "", &err), HEKLA_OK);
    assert_int_equal(
        gpu_caps_override(&caps, "max_invocations=64:row_threads=0:max_range=4096", &err),
        HEKLA_OK);
    assert_int_equal(caps.max_invocations, 64);
    assert_int_equal(caps.row_threads, 0);
    assert_int_equal(caps.max_range, 4096);
    static const char *const bad[] = {"max_range", "max_range=", "max_range=x", "max_range=-1",
        "max_rang=1", "max_ranges=1", "=1", ":", "max_range=1:nothing=2", "max_range=1x",
        "max_range=99999", "max_invocations=65"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        before = caps;
        hekla_error_clear(&err);
        assert_int_equal(gpu_caps_override(&caps, bad[i], &err), HEKLA_ARGUMENT);
        assert_non_null(strstr(err.text, "capabilities"));
        caps = before;
    }
}

static void forced_subgroups(void **state)
{
    (void)state;
    const struct gpu_caps device = {.subgroup = 16,
        .coopmat = 1,
        .max_invocations = 1024,
        .subgroup_min = 8,
        .subgroup_max = 32,
        .max_subgroups = 64,
        .coopmat_m = 8,
        .coopmat_n = 16,
        .coopmat_k = 32};
    struct hekla_error err = {0};
    static const uint32_t sizes[] = {8, 16, 32};
    for (int i = 0; i < 3; i++) {
        struct gpu_caps caps = device;
        char text[32];
        snprintf(text, sizeof(text), "subgroup=%u", sizes[i]);
        assert_int_equal(gpu_caps_override(&caps, text, &err), HEKLA_OK);
        assert_int_equal(caps.subgroup, sizes[i]);
        assert_int_equal(caps.max_invocations, sizes[i] == 8 ? 512 : 1024);
        assert_true(caps.subgroup_forced && caps.coopmat_n == 16);
    }
    static const char *const bad[] = {"subgroup=4", "subgroup=12", "subgroup=64", "coopmat=2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct gpu_caps caps = device;
        hekla_error_clear(&err);
        assert_int_equal(gpu_caps_override(&caps, bad[i], &err), HEKLA_ARGUMENT);
    }
    /* Matrices need to know the size. */
    struct gpu_caps caps = device;
    assert_int_equal(gpu_caps_override(&caps, "subgroup=0", &err), HEKLA_OK);
    assert_true(!caps.subgroup && !caps.coopmat && !caps.coopmat_m);
    caps = device;
    assert_int_equal(gpu_caps_override(&caps, "coopmat=0", &err), HEKLA_OK);
    assert_true(caps.subgroup == 16 && !caps.coopmat_n && !caps.coopmat_k);
    /* What a device lacks cannot be asked for. */
    caps = (struct gpu_caps){.subgroup_min = 8, .subgroup_max = 8};
    assert_int_equal(gpu_caps_override(&caps, "subgroup=8", &err), HEKLA_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_half), cmocka_unit_test(to_half),
        cmocka_unit_test(functions), cmocka_unit_test(function_edges), cmocka_unit_test(sanitizing),
        cmocka_unit_test(random_numbers), cmocka_unit_test(rotations), cmocka_unit_test(overrides),
        cmocka_unit_test(forced_subgroups)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
