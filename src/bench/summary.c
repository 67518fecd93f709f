/* What stands below the table: how near the device's limits a model comes, and on what. */
#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

enum { KERNELS = 5 };

static void print_limits(struct bench_text *t, const json_t *doc)
{
    const json_t *l = bench_part(doc, "limits"), *d = bench_part(doc, "device");
    double dot = bench_number(l, "int_dot_operations_per_second");
    bench_printf(t, "device      %s (%s), id %s\ndriver      %s\n", bench_string(d, "name"),
        bench_string(d, "type"), bench_string(d, "uuid"), bench_string(d, "driver"));
    bench_printf(t, "measured    read %.2f GB/s, copy %.2f GB/s, fp32 %.3g TFLOP/s",
        bench_number(l, "read_bytes_per_second") * 1e-9,
        bench_number(l, "copy_bytes_per_second") * 1e-9,
        bench_number(l, "f32_operations_per_second") * 1e-12);
    if (dot > 0)
        bench_printf(t, ", int8 dot %.3g TOP/s", dot * 1e-12);
    bench_printf(t, "\nmemory      %s; weights are read at %.2f GB/s: %s\n",
        bench_bool(d, "host_visible") ? "host-visible (ReBAR or shared)" : "not host-visible",
        bench_number(l, "weights_bytes_per_second") * 1e-9,
        bench_bool(l, "spilled") ? "SPILLED, they are not in device memory" : "not spilled");
}

static void print_test(struct bench_text *t, const json_t *row)
{
    char name[96];
    double first = bench_number(row, "first_ts"), last = bench_number(row, "last_ts");
    double ci = bench_number(row, "ci95_high_ts") - bench_number(row, "ci95_low_ts");
    bench_test_name(row, name, sizeof(name));
    bench_printf(t, "%-11s median %.2f t/s", name, bench_number(row, "median_ts"));
    if (ci > 0)
        bench_printf(t, ", 95 %% interval %.2f to %.2f", bench_number(row, "ci95_low_ts"),
            bench_number(row, "ci95_high_ts"));
    if (bench_number(row, "ttft_ms") > 0)
        bench_printf(t, ", first token after %.1f ms", bench_number(row, "ttft_ms"));
    bench_printf(t, "\n");
    if (bench_number(row, "operations_per_token") > 0)
        bench_printf(t, "            %.3g GFLOP a token, %.3g TFLOP/s",
            bench_number(row, "operations_per_token") * 1e-9, bench_number(row, "tflops"));
    if (bench_number(row, "percent_of_compute") > 0)
        bench_printf(t, ": %.1f %% of the measured limit", bench_number(row, "percent_of_compute"));
    if (bench_number(row, "operations_per_token") > 0)
        bench_printf(t, "\n");
    if (bench_number(row, "bytes_per_token") > 0)
        bench_printf(t,
            "            %.3g MB a token, %.3g GB/s: %.1f %% of the measured limit; a token in "
            "%.2f ms "
            "(p50), %.2f ms (p99)\n",
            bench_number(row, "bytes_per_token") * 1e-6, bench_number(row, "gbs"),
            bench_number(row, "percent_of_read"), bench_number(row, "token_ms_p50"),
            bench_number(row, "token_ms_p99"));
    bench_printf(t,
        "            host %.1f us a token; last run %+.1f %% beside the first; output %s%s\n",
        bench_number(row, "host_us_per_token"), first > 0 ? 100 * (last / first - 1) : 0,
        bench_string(row, "output_hash"),
        bench_bool(row, "output_varies") ? ", and OTHERS in other runs: do not trust this device"
                                         : "");
}

static void print_kernels(struct bench_text *t, const json_t *doc, const char *phase)
{
    const json_t *list = bench_part(doc, "kernels");
    double read = bench_limit_read(doc);
    int n = 0;
    for (size_t i = 0; i < json_array_size(list) && n < KERNELS; i++) {
        const json_t *k = json_array_get(list, i);
        double seconds = bench_number(k, "seconds_per_token");
        if (strcmp(bench_string(k, "phase"), phase) != 0)
            continue;
        if (n++ == 0)
            bench_printf(t, "kernels     %s, the costliest:\n", phase);
        double speed = seconds > 0 ? bench_number(k, "bytes_per_token") / seconds : 0;
        bench_printf(t,
            "            %-12s %-6s %5.1f %%  %9.1f us a token  %8.3g GB/s (%.0f %%)  %9.3g "
            "TFLOP/s\n",
            bench_string(k, "kernel"), bench_string(k, "format"), 100 * bench_number(k, "share"),
            seconds * 1e6, speed * 1e-9, read > 0 ? 100 * speed / read : 0,
            seconds > 0 ? bench_number(k, "operations_per_token") / seconds * 1e-12 : 0);
    }
}

void bench_print_summary(struct bench_text *t, const json_t *doc)
{
    const json_t *rows = bench_part(doc, "tests"), *caveats = bench_part(doc, "caveats");
    double score = bench_score(doc);
    bench_printf(t, "\n");
    print_limits(t, doc);
    for (size_t i = 0; i < json_array_size(rows); i++)
        print_test(t, json_array_get(rows, i));
    print_kernels(t, doc, "generation");
    print_kernels(t, doc, "prompt");
    bench_printf(t, "numerics    %s\n", bench_string(doc, "numerics"));
    if (score > 0)
        bench_printf(t, "score       %.1f (%s)\n", score, bench_string(doc, "suite"));
    for (size_t i = 0; i < json_array_size(caveats); i++)
        bench_printf(t, "note        %s\n", json_string_value(json_array_get(caveats, i)));
    if (!bench_bool(doc, "complete"))
        bench_printf(t, "INCOMPLETE  %s\n", bench_string(doc, "stopped"));
}
