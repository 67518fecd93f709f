/* Inline SVG drawings for the report; colours are the page's CSS classes. */
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include "bench/bench.h"

/* Each draws a figure with title, units and a text alternative, or nothing without data. */
void svg_roofline(struct bench_text *t, const json_t *doc);
void svg_kernels(struct bench_text *t, const json_t *doc, const char *phase);
void svg_depth(struct bench_text *t, json_t *const *docs, size_t n);
void svg_speeds(struct bench_text *t, json_t *const *docs, size_t n);

enum { SVG_WIDTH = 400, SVG_COLOURS = 6 };
/* Opens and closes a figure: alt says in words what the drawing shows. */
void svg_begin(struct bench_text *t, int height, const char *title, const char *alt);
void svg_end(struct bench_text *t);
void svg_text(struct bench_text *t, double x, double y, const char *anchor, const char *text);
/* A ruled plane: where values are on it, with axes, ticks and their units. */
struct svg_plane {
    double x_low, x_high, y_low, y_high;
    bool x_log, y_log;
    int left, top, right, bottom;
};
double svg_x(const struct svg_plane *p, double x);
double svg_y(const struct svg_plane *p, double y);
void svg_axes(
    struct bench_text *t, const struct svg_plane *p, const char *x_label, const char *y_label);

#endif
