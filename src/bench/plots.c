/* The report's drawings. */
#include "bench/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_POINTS = 24, MOST_BARS = 8, BAR = 22 };

static void name_of(const json_t *kernel, char *out, size_t cap)
{
    const char *format = bench_string(kernel, "format");
    bool none = strcmp(format, "-") == 0;
    snprintf(
        out, cap, "%s%s%s", bench_string(kernel, "kernel"), none ? "" : " ", none ? "" : format);
}

/* ---- roofline ---- */

static void roof(struct bench_text *t, const struct svg_plane *p, double read, double compute)
{
    double knee = compute / read;
    bench_printf(t, "<path class=\"roof\" d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1f\"/>\n",
        svg_x(p, p->x_low), svg_y(p, p->x_low * read * 1e-9), svg_x(p, knee),
        svg_y(p, compute * 1e-9), svg_x(p, p->x_high), svg_y(p, compute * 1e-9));
}

/* Points in two colours: prompt and generation; the costliest of each have names. */
static void points(struct bench_text *t, const struct svg_plane *p, const json_t *kernels)
{
    double taken[MOST_POINTS][2];
    int named = 0;
    for (size_t i = 0; i < json_array_size(kernels) && i < 40; i++) {
        const json_t *k = json_array_get(kernels, i);
        double bytes = bench_number(k, "bytes_per_token");
        double work = bench_number(k, "operations_per_token");
        double seconds = bench_number(k, "seconds_per_token");
        bool prompt = strcmp(bench_string(k, "phase"), "prompt") == 0, free_spot = true;
        char name[64];
        if (!(bytes > 0 && work > 0 && seconds > 0))
            continue;
        double x = svg_x(p, work / bytes), y = svg_y(p, work / seconds * 1e-9);
        bench_printf(t, "<circle class=\"c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>", prompt,
            x, y, 3 + 4 * sqrt(bench_number(k, "share")));
        name_of(k, name, sizeof(name));
        bench_print_escaped(t, name);
        bench_printf(t, "</title></circle>\n");
        for (int n = 0; n < named; n++)
            free_spot &= fabs(taken[n][0] - x) > 90 || fabs(taken[n][1] - y) > 11;
        if (named == MOST_POINTS || !free_spot || bench_number(k, "share") < 0.02)
            continue;
        bool right = x < SVG_WIDTH - 110;
        svg_text(t, right ? x + 8 : x - 8, y + 4, right ? "start" : "end", name);
        taken[named][0] = x;
        taken[named++][1] = y;
    }
}

void svg_roofline(struct bench_text *t, const json_t *doc)
{
    const json_t *kernels = bench_part(doc, "kernels");
    double read = bench_limit_read(doc), compute = bench_limit_compute(doc);
    char alt[400];
    struct svg_plane p = {
        0.1, 1000, compute * 1e-13, compute * 2e-9, true, true, 46, 24, SVG_WIDTH - 8, 210};
    if (!(read > 0 && compute > 0) || !json_array_size(kernels))
        return;
    snprintf(alt, sizeof(alt),
        "Roofline: speed of each kernel over its arithmetic intensity. The limits are %.1f GB/s "
        "and "
        "%.1f billion operations a second; the table of kernels has the numbers.",
        read * 1e-9, compute * 1e-9);
    svg_begin(t, 250, "Roofline: kernels below the measured limits", alt);
    svg_axes(t, &p, "operations per byte of memory", "billion operations a second");
    roof(t, &p, read, compute);
    points(t, &p, kernels);
    bench_printf(t, "<circle class=\"c0\" cx=\"250\" cy=\"12\" r=\"4\"/>");
    svg_text(t, 258, 16, "start", "generation");
    bench_printf(t, "<circle class=\"c1\" cx=\"335\" cy=\"12\" r=\"4\"/>");
    svg_text(t, 343, 16, "start", "prompt");
    svg_end(t);
}

/* ---- bars ---- */

static void bar(struct bench_text *t, int i, int colour, double share, const char *label)
{
    double width = share * (SVG_WIDTH - 10);
    bench_printf(t, "<rect class=\"c%d\" x=\"4\" y=\"%d\" width=\"%.1f\" height=\"7\" rx=\"2\"/>\n",
        colour, i * BAR + 14, width > 1 ? width : 1);
    svg_text(t, 4, i * BAR + 10, "start", label);
}

void svg_kernels(struct bench_text *t, const json_t *doc, const char *phase)
{
    const json_t *kernels = bench_part(doc, "kernels"), *found[MOST_BARS];
    char title[100], alt[600], label[160], name[64];
    int n = 0;
    double most = 0;
    for (size_t i = 0; i < json_array_size(kernels) && n < MOST_BARS; i++) {
        const json_t *k = json_array_get(kernels, i);
        if (strcmp(bench_string(k, "phase"), phase) == 0)
            found[n++] = k;
    }
    if (!n)
        return;
    snprintf(title, sizeof(title), "Time by kernel, %s", phase);
    size_t used = (size_t)snprintf(alt, sizeof(alt), "%s:", title);
    for (int i = 0; i < n; i++) {
        double share = bench_number(found[i], "share");
        most = share > most ? share : most;
        name_of(found[i], name, sizeof(name));
        if (used < sizeof(alt))
            used += (size_t)snprintf(
                alt + used, sizeof(alt) - used, "%s %s %.1f %%", i ? "," : "", name, 100 * share);
    }
    svg_begin(t, n * BAR + 6, title, alt);
    for (int i = 0; i < n; i++) {
        double share = bench_number(found[i], "share");
        name_of(found[i], name, sizeof(name));
        snprintf(label, sizeof(label), "%s: %.1f %%, %.3g µs a token", name, 100 * share,
            1e6 * bench_number(found[i], "seconds_per_token"));
        bar(t, i, strcmp(phase, "prompt") == 0, most > 0 ? share / most : 0, label);
    }
    svg_end(t);
}

static char letter(size_t i)
{
    return (char)('A' + i % 26);
}

void svg_speeds(struct bench_text *t, json_t *const *docs, size_t n)
{
    struct bench_text body = {0};
    char name[96], label[200];
    int bars = 0;
    const json_t *rows = n ? bench_part(docs[0], "tests") : NULL;
    for (size_t k = 0; k < json_array_size(rows) && k < 6 && n > 1; k++) {
        double most = 0;
        bench_test_name(json_array_get(rows, k), name, sizeof(name));
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = 0; i < n && i < 12; i++) {
                const json_t *row = json_array_get(bench_part(docs[i], "tests"), k);
                char other[96];
                double speed = bench_number(row, "avg_ts");
                bench_test_name(row, other, sizeof(other));
                if (!row || strcmp(name, other) != 0)
                    continue;
                most = speed > most ? speed : most;
                if (pass == 0)
                    continue;
                snprintf(label, sizeof(label), "%s, %c: %.2f tokens/s", name, letter(i), speed);
                bar(&body, bars++, (int)(i % SVG_COLOURS), speed / most, label);
            }
    }
    if (bars) {
        svg_begin(t, bars * BAR + 6, "Speed of the tests, tokens a second",
            "Bars of tokens a second for each test and result; the tables have the numbers.");
        bench_printf(t, "%s", body.data ? body.data : "");
        svg_end(t);
    }
    t->failed |= body.failed;
    bench_text_free(&body);
}

/* ---- speed over the depth of the context ---- */

static bool is_generation(const json_t *row)
{
    return bench_number(row, "n_gen") > 0 && !(bench_number(row, "n_prompt") > 0);
}

static void depth_line(
    struct bench_text *t, const struct svg_plane *p, const json_t *rows, size_t colour)
{
    bool first = true;
    bench_printf(t, "<path class=\"line l%zu\" d=\"", colour);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!is_generation(row))
            continue;
        bench_printf(t, "%s%.1f %.1f", first ? "M" : "L", svg_x(p, bench_number(row, "n_depth")),
            svg_y(p, bench_number(row, "avg_ts")));
        first = false;
    }
    bench_printf(t, "\"/>\n");
}

void svg_depth(struct bench_text *t, json_t *const *docs, size_t n)
{
    struct svg_plane p = {0, 0, 0, 0, false, false, 46, 24, SVG_WIDTH - 14, 200};
    double least = HUGE_VAL;
    char alt[300];
    for (size_t i = 0; i < n; i++) {
        const json_t *rows = bench_part(docs[i], "tests");
        for (size_t k = 0; k < json_array_size(rows); k++) {
            const json_t *row = json_array_get(rows, k);
            if (!is_generation(row))
                continue;
            least = fmin(least, bench_number(row, "n_depth"));
            p.x_high = fmax(p.x_high, bench_number(row, "n_depth"));
            p.y_high = fmax(p.y_high, 1.1 * bench_number(row, "avg_ts"));
        }
    }
    if (!(p.x_high > least) || !(p.y_high > 0))
        return;
    snprintf(alt, sizeof(alt),
        "Tokens a second while generating, for contexts of %.0f to %.0f tokens; the tables have "
        "the "
        "numbers.",
        least, p.x_high);
    svg_begin(t, 240, "Generation over the depth of the context", alt);
    svg_axes(t, &p, "tokens in the context", "tokens a second");
    for (size_t i = 0; i < n && i < SVG_COLOURS; i++) {
        char label[2] = {letter(i), 0};
        depth_line(t, &p, bench_part(docs[i], "tests"), i);
        if (n > 1) {
            bench_printf(
                t, "<circle class=\"c%zu\" cx=\"%zu\" cy=\"12\" r=\"4\"/>", i, 200 + 30 * i);
            svg_text(t, 208 + 30 * (double)i, 16, "start", label);
        }
    }
    svg_end(t);
}
