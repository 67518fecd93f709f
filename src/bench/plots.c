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

/* Where names are, so that none lies on another. */
struct label {
    double left, right, y;
};

static bool is_free(const struct label *taken, int n, const struct label *l)
{
    bool is = l->left > 0 && l->right < SVG_WIDTH;
    for (int i = 0; i < n; i++)
        is &= l->left > taken[i].right || l->right < taken[i].left || fabs(l->y - taken[i].y) > 11;
    return is;
}

/* Beside, above or below the point; without a free place it has none but its tooltip. */
static void name_point(
    struct bench_text *t, struct label *taken, int *n, double x, double y, const char *name)
{
    double width = 6 * (double)strlen(name);
    const struct label places[] = {{x + 8, x + 8 + width, y + 4}, {x - 8 - width, x - 8, y + 4},
        {x - width / 2, x + width / 2, y - 9}, {x - width / 2, x + width / 2, y + 17}};
    for (int i = 0; i < 4 && *n < MOST_POINTS; i++)
        if (is_free(taken, *n, &places[i])) {
            svg_text(t, (places[i].left + places[i].right) / 2, places[i].y, "middle", name);
            taken[(*n)++] = places[i];
            return;
        }
}

struct point {
    double x, y, share;
    bool prompt;
    char name[64];
};

static size_t find_points(const json_t *kernels, struct point *out)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(kernels) && n < MOST_POINTS; i++) {
        const json_t *k = json_array_get(kernels, i);
        double bytes = bench_number(k, "bytes_per_token");
        double work = bench_number(k, "operations_per_token");
        double seconds = bench_number(k, "seconds_per_token");
        if (!(bytes > 0 && work > 0 && seconds > 0))
            continue;
        out[n] = (struct point){.x = work / bytes,
            .y = work / seconds * 1e-9,
            .share = bench_number(k, "share"),
            .prompt = strcmp(bench_string(k, "phase"), "prompt") == 0};
        name_of(k, out[n].name, sizeof(out[n].name));
        n++;
    }
    return n;
}

/* Points in two colours: prompt and generation; the costliest of each have names. */
static void draw_points(
    struct bench_text *t, const struct svg_plane *p, const struct point *points, size_t n)
{
    struct label taken[MOST_POINTS];
    int n_taken = 0;
    for (size_t i = 0; i < n; i++) {
        const struct point *point = &points[i];
        double x = svg_x(p, point->x), y = svg_y(p, point->y);
        bench_printf(t, "<circle class=\"c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>",
            point->prompt, x, y, 3 + 4 * sqrt(point->share));
        bench_print_escaped(t, point->name);
        bench_printf(t, "</title></circle>\n");
        if (point->share >= 0.02)
            name_point(t, taken, &n_taken, x, y, point->name);
    }
}

void svg_roofline(struct bench_text *t, const json_t *doc)
{
    struct point list[MOST_POINTS];
    size_t n = find_points(bench_part(doc, "kernels"), list);
    double read = bench_limit_read(doc), compute = bench_limit_compute(doc);
    char alt[400];
    struct svg_plane p = {
        0.1, 1000, compute * 1e-11, compute * 2e-9, true, true, 46, 24, SVG_WIDTH - 16, 210};
    if (!(read > 0 && compute > 0) || !n)
        return;
    for (size_t i = 0; i < n; i++)
        p.y_low = fmin(p.y_low, 0.7 * list[i].y);
    snprintf(alt, sizeof(alt),
        "Roofline: speed of each kernel over its arithmetic intensity. The limits are %.1f GB/s "
        "and "
        "%.1f billion operations a second; the table of kernels has the numbers.",
        read * 1e-9, compute * 1e-9);
    svg_begin(t, 250, "Roofline: kernels below the measured limits", alt);
    svg_axes(t, &p, "operations per byte of memory", "billion operations a second");
    roof(t, &p, read, compute);
    draw_points(t, &p, list, n);
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
        double us = 1e6 * bench_number(found[i], "seconds_per_token");
        snprintf(label, sizeof(label),
            us < 100 ? "%s: %.1f %%, %.3g µs a token" : "%s: %.1f %%, %.0f µs a token", name,
            100 * share, us);
        bar(t, i, strcmp(phase, "prompt") == 0, most > 0 ? share / most : 0, label);
    }
    svg_end(t);
}

static char letter(size_t i)
{
    return (char)('A' + i % 26);
}

static double speed_of(const json_t *doc, const char *test)
{
    const json_t *rows = bench_part(doc, "tests");
    char name[96];
    for (size_t i = 0; i < json_array_size(rows); i++) {
        bench_test_name(json_array_get(rows, i), name, sizeof(name));
        if (strcmp(name, test) == 0)
            return bench_number(json_array_get(rows, i), "avg_ts");
    }
    return 0;
}

/* A test's bars, one for each document that has it; only if there are several. */
static int test_bars(
    struct bench_text *t, json_t *const *docs, size_t n, const char *test, int bars)
{
    double most = 0;
    size_t have = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, speed_of(docs[i], test));
        have += speed_of(docs[i], test) > 0;
    }
    for (size_t i = 0; i < n && have > 1; i++) {
        double speed = speed_of(docs[i], test);
        char label[200];
        if (!(speed > 0))
            continue;
        snprintf(label, sizeof(label), "%s, %c: %.2f tokens/s", test, letter(i), speed);
        bar(t, bars++, (int)(i % SVG_COLOURS), speed / most, label);
    }
    return bars;
}

void svg_speeds(struct bench_text *t, json_t *const *docs, size_t n)
{
    struct bench_text body = {0};
    char name[96];
    int bars = 0;
    const json_t *rows = n > 1 ? bench_part(docs[0], "tests") : NULL;
    for (size_t k = 0; k < json_array_size(rows) && bars < 60; k++) {
        bench_test_name(json_array_get(rows, k), name, sizeof(name));
        bars = test_bars(&body, docs, n < 12 ? n : 12, name, bars);
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
