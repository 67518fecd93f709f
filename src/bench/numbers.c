/* Means, intervals and ratios of a few measurements. */
#include "bench/bench.h"

#include <math.h>
#include <stdlib.h>

/* The 97.5 % quantile of Student's t with `df` degrees of freedom. */
static double student(double df)
{
    static const double table[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262,
        2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086};
    const int n = sizeof(table) / sizeof(table[0]);
    if (df < 1)
        return table[0];
    if (df >= n)
        return 1.96 + 2.5 / df;
    int i = (int)df;
    return table[i - 1] + (df - i) * ((i < n ? table[i] : 2.08) - table[i - 1]);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double bench_quantile(double *x, size_t n, double q)
{
    if (!n)
        return 0;
    qsort(x, n, sizeof(*x), compare);
    double rank = ceil(q * (double)n);
    return x[rank < 1 ? 0 : (size_t)rank - 1];
}

static double median_of(const double *x, size_t n)
{
    double *sorted = malloc(n * sizeof(*sorted));
    if (!sorted)
        return x[n / 2];
    for (size_t i = 0; i < n; i++)
        sorted[i] = x[i];
    qsort(sorted, n, sizeof(*sorted), compare);
    double median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    free(sorted);
    return median;
}

struct bench_stats bench_stats_of(const double *x, size_t n)
{
    struct bench_stats s = {.n = n};
    double squares = 0;
    if (!n)
        return s;
    for (size_t i = 0; i < n; i++)
        s.mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - s.mean) * (x[i] - s.mean);
    s.stddev = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
    s.median = median_of(x, n);
    double half = n > 1 ? student((double)n - 1) * s.stddev / sqrt((double)n) : 0;
    s.low = n > 1 ? s.mean - half : 0;
    s.high = n > 1 ? s.mean + half : 0;
    return s;
}

/* Mean and variance of the mean of the logarithms. */
static double log_mean(const double *x, size_t n, double *variance)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += log(x[i]) / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (log(x[i]) - sum) * (log(x[i]) - sum);
    *variance = n > 1 ? squares / (double)(n - 1) / (double)n : 0;
    return sum;
}

struct bench_ratio bench_ratio_of(const double *a, size_t n_a, const double *b, size_t n_b)
{
    struct bench_ratio r = {0};
    double va, vb;
    if (!n_a || !n_b)
        return r;
    double d = log_mean(a, n_a, &va) - log_mean(b, n_b, &vb);
    r.ratio = exp(d);
    if (n_a < 2 || n_b < 2)
        return r;
    double den = va * va / (double)(n_a - 1) + vb * vb / (double)(n_b - 1);
    double df = den > 0 ? (va + vb) * (va + vb) / den : (double)(n_a + n_b - 2);
    double half = student(df) * sqrt(va + vb);
    r.low = exp(d - half);
    r.high = exp(d + half);
    return r;
}
