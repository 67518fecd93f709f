/* Planes, axes, text. */
#include "bench/svg.h"

#include <math.h>
#include <stdio.h>

void svg_begin(struct bench_text *t, int height, const char *title, const char *alt)
{
    bench_printf(t, "<figure><figcaption>");
    bench_print_escaped(t, title);
    bench_printf(t, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
        SVG_WIDTH, height);
    bench_print_escaped(t, alt);
    bench_printf(t, "\"><title>");
    bench_print_escaped(t, title);
    bench_printf(t, "</title><desc>");
    bench_print_escaped(t, alt);
    bench_printf(t, "</desc>\n");
}

void svg_end(struct bench_text *t)
{
    bench_printf(t, "</svg></figure>\n");
}

void svg_text(struct bench_text *t, double x, double y, const char *anchor, const char *text)
{
    bench_printf(t, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    bench_print_escaped(t, text);
    bench_printf(t, "</text>\n");
}

static double place(double v, double low, double high, bool is_log)
{
    if (is_log)
        return (log(v > low ? v : low) - log(low)) / (log(high) - log(low));
    return (v - low) / (high - low);
}

double svg_x(const struct svg_plane *p, double x)
{
    double f = place(x, p->x_low, p->x_high, p->x_log);
    return p->left + fmin(fmax(f, 0), 1) * (p->right - p->left);
}

double svg_y(const struct svg_plane *p, double y)
{
    double f = place(y, p->y_low, p->y_high, p->y_log);
    return p->bottom - fmin(fmax(f, 0), 1) * (p->bottom - p->top);
}

static void format_tick(double v, char *out, size_t cap)
{
    if (v >= 1e6)
        snprintf(out, cap, "%gM", v / 1e6);
    else if (v >= 1e4)
        snprintf(out, cap, "%gk", v / 1e3);
    else
        snprintf(out, cap, "%g", v);
}

static void tick(struct bench_text *t, const struct svg_plane *p, double v, bool is_x)
{
    char label[32];
    format_tick(v, label, sizeof(label));
    double x = is_x ? svg_x(p, v) : p->left, y = is_x ? p->bottom : svg_y(p, v);
    bench_printf(t, "<path class=\"grid\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", x, y,
        is_x ? x : p->right, is_x ? (double)p->top : y);
    svg_text(t, is_x ? x : x - 4, is_x ? y + 12 : y + 4, is_x ? "middle" : "end", label);
}

/* Powers of ten, or about five round numbers. */
static void ticks(struct bench_text *t, const struct svg_plane *p, bool is_x)
{
    double low = is_x ? p->x_low : p->y_low, high = is_x ? p->x_high : p->y_high;
    if (is_x ? p->x_log : p->y_log) {
        double step = log10(high / low) > 6 ? 100 : 10;
        for (double v = pow(10, ceil(log10(low) - 1e-9)); v <= high * 1.001; v *= step)
            tick(t, p, v, is_x);
        return;
    }
    double step = pow(10, floor(log10((high - low) / 4)));
    step *= (high - low) / step > 20 ? 5 : (high - low) / step > 10 ? 2 : 1;
    for (double v = ceil(low / step) * step; v <= high * 1.001; v += step)
        tick(t, p, v, is_x);
}

void svg_axes(
    struct bench_text *t, const struct svg_plane *p, const char *x_label, const char *y_label)
{
    ticks(t, p, true);
    ticks(t, p, false);
    bench_printf(
        t, "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>\n", p->left, p->top, p->bottom, p->right);
    svg_text(t, (p->left + p->right) / 2.0, p->bottom + 26, "middle", x_label);
    svg_text(t, 4, p->top - 8, "start", y_label);
}
