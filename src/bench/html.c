/* The report: one page that loads nothing. */
#include "bench/svg.h"

#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{--bg:#fcfcfa;--fg:#1d2329;--soft:#5d6873;--line:#d9dde0;--c0:#1f6fb4;--c1:#c2571a;"
    "--c2:#2f8a4b;--c3:#8a4fb0;--c4:#b0394f;--c5:#7a6a1f}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14181c;--fg:#e6e9ec;--soft:#9aa5b0;"
    "--line:#343c44;--c0:#6fb3ee;--c1:#f09a5c;--c2:#72cf8e;--c3:#c79ae6;--c4:#f08598;"
    "--c5:#d8c56a}}\n"
    "@media print{:root{--bg:#fff;--fg:#000;--soft:#333;--line:#bbb}section{break-inside:avoid}}\n"
    "*{box-sizing:border-box}body{background:var(--bg);color:var(--fg);margin:0 auto;"
    "max-width:1060px;padding:1rem;font:16px/1.45 system-ui,sans-serif}\n"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin:1.6rem 0 .4rem}\n"
    ".wrap{overflow-x:auto}table{border-collapse:collapse;font-size:.86rem;min-width:100%}\n"
    "th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:right;"
    "white-space:nowrap}th:first-child,td:first-child{text-align:left}\n"
    "th{color:var(--soft);font-weight:600}.plots{display:grid;gap:1rem;margin:1rem 0;"
    "grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr))}\n"
    "figure{margin:0;max-width:560px}figcaption{color:var(--soft);font-size:.9rem;margin-bottom:."
    "3rem}\n"
    "svg{width:100%;height:auto;display:block}svg text{fill:var(--fg);font-size:11px}\n"
    ".grid{stroke:var(--line);stroke-width:.5}.axis{stroke:var(--soft);fill:none}\n"
    ".roof{stroke:var(--fg);stroke-width:1.5;fill:none;stroke-dasharray:5 3}\n"
    ".line{fill:none;stroke-width:2}.note{color:var(--soft);font-size:.9rem}\n"
    ".c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}"
    ".c4{fill:var(--c4)}.c5{fill:var(--c5)}.l0{stroke:var(--c0)}.l1{stroke:var(--c1)}"
    ".l2{stroke:var(--c2)}.l3{stroke:var(--c3)}.l4{stroke:var(--c4)}.l5{stroke:var(--c5)}\n";

static void cell(struct bench_text *t, const char *text)
{
    bench_printf(t, "<td>");
    bench_print_escaped(t, *text ? text : "-");
    bench_printf(t, "</td>");
}

static void number(struct bench_text *t, const char *format, double x)
{
    char text[64];
    snprintf(text, sizeof(text), format, x);
    cell(t, x != 0 ? text : "");
}

static void head(struct bench_text *t, const char *const *titles, size_t n)
{
    bench_printf(t, "<div class=\"wrap\"><table><thead><tr>");
    for (size_t i = 0; i < n; i++)
        bench_printf(t, "<th scope=\"col\">%s</th>", titles[i]);
    bench_printf(t, "</tr></thead><tbody>\n");
}

static void end_table(struct bench_text *t)
{
    bench_printf(t, "</tbody></table></div>\n");
}

static void devices(struct bench_text *t, json_t *const *docs, size_t n)
{
    static const char *const titles[] = {"", "device", "driver", "engine", "model", "read GB/s",
        "copy GB/s", "fp32 TFLOP/s", "int8 dot TOP/s", "memory", "time"};
    bench_printf(t, "<section><h2>Devices</h2>");
    head(t, titles, sizeof(titles) / sizeof(titles[0]));
    for (size_t i = 0; i < n; i++) {
        const json_t *d = bench_part(docs[i], "device"), *l = bench_part(docs[i], "limits");
        char engine[128];
        snprintf(engine, sizeof(engine), "%.60s %.60s", bench_string(docs[i], "engine"),
            bench_string(docs[i], "engine_version"));
        bench_printf(t, "<tr><td>%c</td>", (char)('A' + i % 26));
        cell(t, bench_string(d, "name"));
        cell(t, bench_string(d, "driver"));
        cell(t, engine);
        cell(t, bench_string(bench_part(docs[i], "model"), "type"));
        number(t, "%.2f", bench_number(l, "read_bytes_per_second") * 1e-9);
        number(t, "%.2f", bench_number(l, "copy_bytes_per_second") * 1e-9);
        number(t, "%.3g", bench_number(l, "f32_operations_per_second") * 1e-12);
        number(t, "%.3g", bench_number(l, "int_dot_operations_per_second") * 1e-12);
        cell(t, !l                              ? ""
                : bench_bool(l, "spilled")      ? "spilled"
                : bench_bool(d, "host_visible") ? "host-visible"
                                                : "device only");
        cell(t, bench_string(docs[i], "time"));
        bench_printf(t, "</tr>\n");
    }
    end_table(t);
    bench_printf(t, "</section>\n");
}

static void tests(struct bench_text *t, const json_t *doc)
{
    static const char *const titles[] = {"test", "tokens/s", "±", "95 % interval", "first token ms",
        "p50 ms", "p99 ms", "GB/s", "% of limit", "TFLOP/s", "% of limit", "host µs", "output"};
    const json_t *rows = bench_part(doc, "tests");
    head(t, titles, sizeof(titles) / sizeof(titles[0]));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        char name[96], interval[64] = "";
        bench_test_name(row, name, sizeof(name));
        if (bench_number(row, "ci95_high_ts") > bench_number(row, "ci95_low_ts"))
            snprintf(interval, sizeof(interval), "%.4g to %.4g", bench_number(row, "ci95_low_ts"),
                bench_number(row, "ci95_high_ts"));
        bench_printf(t, "<tr>");
        cell(t, name);
        number(t, "%.2f", bench_number(row, "avg_ts"));
        number(t, "%.2f", bench_number(row, "stddev_ts"));
        cell(t, interval);
        number(t, "%.1f", bench_number(row, "ttft_ms"));
        number(t, "%.2f", bench_number(row, "token_ms_p50"));
        number(t, "%.2f", bench_number(row, "token_ms_p99"));
        number(t, "%.3g", bench_number(row, "gbs"));
        number(t, "%.1f", bench_number(row, "percent_of_read"));
        number(t, "%.3g", bench_number(row, "tflops"));
        number(t, "%.1f", bench_number(row, "percent_of_compute"));
        number(t, "%.1f", bench_number(row, "host_us_per_token"));
        cell(t, bench_string(row, "output_hash"));
        bench_printf(t, "</tr>\n");
    }
    end_table(t);
}

static void kernels(struct bench_text *t, const json_t *doc)
{
    static const char *const titles[] = {
        "kernel", "phase", "share %", "µs a token", "GB/s", "TFLOP/s", "dispatches"};
    const json_t *list = bench_part(doc, "kernels");
    if (!json_array_size(list))
        return;
    bench_printf(t, "<details><summary>All kernels</summary>");
    head(t, titles, sizeof(titles) / sizeof(titles[0]));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *k = json_array_get(list, i);
        double seconds = bench_number(k, "seconds_per_token");
        char name[100];
        snprintf(name, sizeof(name), "%.60s %.30s", bench_string(k, "kernel"),
            bench_string(k, "format"));
        bench_printf(t, "<tr>");
        cell(t, name);
        cell(t, bench_string(k, "phase"));
        number(t, "%.1f", 100 * bench_number(k, "share"));
        number(t, "%.3g", 1e6 * seconds);
        number(t, "%.3g", seconds > 0 ? bench_number(k, "bytes_per_token") / seconds * 1e-9 : 0);
        number(
            t, "%.3g", seconds > 0 ? bench_number(k, "operations_per_token") / seconds * 1e-12 : 0);
        number(t, "%.2f", bench_number(k, "dispatches_per_token"));
        bench_printf(t, "</tr>\n");
    }
    end_table(t);
    bench_printf(t, "</details>\n");
}

static void notes(struct bench_text *t, const json_t *doc)
{
    const json_t *caveats = bench_part(doc, "caveats");
    if (!bench_bool(doc, "complete")) {
        bench_printf(t, "<p><strong>Incomplete: ");
        bench_print_escaped(t, bench_string(doc, "stopped"));
        bench_printf(t, "</strong></p>\n");
    }
    if (bench_score(doc) > 0) {
        bench_printf(t, "<p>Score %.1f (", bench_score(doc));
        bench_print_escaped(t, bench_string(doc, "suite"));
        bench_printf(t, ")</p>\n");
    }
    for (size_t i = 0; i < json_array_size(caveats); i++) {
        const char *text = json_string_value(json_array_get(caveats, i));
        bench_printf(t, "<p class=\"note\">");
        bench_print_escaped(t, text ? text : "");
        bench_printf(t, "</p>\n");
    }
}

static void result(struct bench_text *t, size_t i, const json_t *doc)
{
    bench_printf(t, "<section><h2>%c: ", (char)('A' + i % 26));
    bench_print_escaped(t, bench_string(bench_part(doc, "model"), "type"));
    bench_printf(t, " on ");
    bench_print_escaped(t, bench_string(bench_part(doc, "device"), "name"));
    bench_printf(t, "</h2>\n");
    tests(t, doc);
    bench_printf(t, "<div class=\"plots\">\n");
    svg_roofline(t, doc);
    svg_kernels(t, doc, "generation");
    svg_kernels(t, doc, "prompt");
    bench_printf(t, "</div>\n");
    kernels(t, doc);
    notes(t, doc);
    bench_printf(t, "</section>\n");
}

void bench_print_html(struct bench_text *t, json_t *const *docs, size_t n)
{
    bench_printf(t,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
        "<title>hekla bench</title>\n<style>\n%s</style></head><body>\n<h1>hekla bench</h1>\n",
        style);
    devices(t, docs, n);
    for (size_t i = 1; i < n; i++) {
        int same = bench_same_output(docs[0], docs[i]);
        bench_printf(t, "<p>Same output, A and %c: %s</p>\n", (char)('A' + i % 26),
            same < 0 ? "not known"
            : same   ? "yes"
                     : "<strong>no</strong>");
    }
    bench_printf(t, "<div class=\"plots\">\n");
    svg_speeds(t, docs, n);
    svg_depth(t, docs, n);
    bench_printf(t, "</div>\n");
    for (size_t i = 0; i < n; i++)
        result(t, i, docs[i]);
    bench_printf(t, "</body></html>\n");
}
