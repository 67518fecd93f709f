/* Filters that make numbers, or choose by them. */
#include "jinja/internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct value absolute(struct jinja *j, struct call *c)
{
    struct value v = c->self;
    if (!is_number(v))
        jinja_raise(j, "abs needs a number, not %s", value_type_name(v));
    if (v.type == V_FLOAT)
        return float_value(fabs(v.as.f));
    return integer_of(v) < 0 ? value_negate(j, v) : int_value(integer_of(v));
}

/* The text of a number for C: trimmed, without the underscores that Python allows; false: none. */
static bool clean(struct jinja *j, const struct string *s, char *out, size_t cap)
{
    size_t n = 0;
    s = string_strip(j, s, NULL, 0);
    for (size_t i = 0; i < s->n; i++) {
        bool inner = i > 0 && i + 1 < s->n && s->data[i] == '_' && s->data[i - 1] != '_';
        if (inner)
            continue;
        if (n + 1 >= cap || s->data[i] == '_' || s->data[i] == 0)
            return false;
        out[n++] = s->data[i];
    }
    out[n] = 0;
    return n > 0;
}

static bool parse_float(struct jinja *j, struct value v, double *out)
{
    char text[400], *end;
    if (is_number(v)) {
        *out = number_of(v);
        return true;
    }
    if (v.type != V_STRING || !clean(j, v.as.s, text, sizeof(text)))
        return false;
    if (strpbrk(text, "xX(")) /* C's own forms */
        return false;
    *out = strtod(text, &end);
    return end != text && !*end;
}

static bool parse_int(struct jinja *j, struct value v, int base, int64_t *out)
{
    char text[400], *end;
    if (is_integer(v)) {
        *out = integer_of(v);
        return true;
    }
    if (v.type != V_STRING || !clean(j, v.as.s, text, sizeof(text)))
        return false;
    char *digits = text + (text[0] == '-' || text[0] == '+');
    static const char letters[] = "??bB????oO??????xX";
    if (base <= 16 && digits[0] == '0' && digits[1] && base != 10 && letters[base] != '?' &&
        (digits[1] | 32) == (letters[base] | 32)) {
        digits[1] = text[0] == '-' ? '-' : '+';
        memmove(text, digits + 1, strlen(digits));
    }
    if (!text[0] || strchr(" \t\n\v\f\r", text[0]))
        return false;
    errno = 0;
    *out = strtoll(text, &end, base);
    if (errno == ERANGE)
        jinja_raise(j, "int: the number does not fit 64 bits");
    return end != text && !*end;
}

static struct value to_int(struct jinja *j, struct call *c)
{
    int64_t i, base = given(c->a[1]) ? want_int(j, c->a[1], "int: base") : 10;
    double f;
    if (base < 2 || base > 36)
        base = 10;
    if (parse_int(j, c->self, (int)base, &i))
        return int_value(i);
    if (c->self.type == V_UNDEFINED)
        jinja_raise(j, "%s", c->self.as.why);
    if (parse_float(j, c->self, &f) && fabs(f) < 9.2e18)
        return int_value((int64_t)f);
    return given(c->a[0]) ? c->a[0] : int_value(0);
}

static struct value to_float(struct jinja *j, struct call *c)
{
    double f;
    if (c->self.type == V_UNDEFINED)
        jinja_raise(j, "%s", c->self.as.why);
    if (parse_float(j, c->self, &f))
        return float_value(f);
    return given(c->a[0]) ? c->a[0] : float_value(0);
}

/* Half to even, of the exact value, as printf rounds. */
static double round_common(double f, int precision)
{
    char text[512];
    if (!isfinite(f) || precision > 100)
        return f;
    if (precision >= 0) {
        snprintf(text, sizeof(text), "%.*f", precision, f);
        return strtod(text, NULL);
    }
    double scale = pow(10, -precision);
    return nearbyint(f / scale) * scale;
}

static struct value round_int(int64_t i, int64_t precision)
{
    int64_t scale = 1;
    if (precision >= 0)
        return int_value(i);
    if (precision < -18)
        return int_value(0);
    while (precision++ < 0)
        scale *= 10;
    int64_t rest = ((i % scale) + scale) % scale, low = i - rest;
    bool up = rest > scale - rest || (rest == scale - rest && (low / scale) % 2 != 0);
    return int_value(up ? low + scale : low);
}

static struct value round_filter(struct jinja *j, struct call *c)
{
    int64_t precision = given(c->a[0]) ? want_int(j, c->a[0], "round: precision") : 0;
    const struct string *method =
        given(c->a[1]) ? want_string(j, c->a[1], "round: method") : string_text(j, "common");
    if (!is_number(c->self))
        jinja_raise(j, "round needs a number, not %s", value_type_name(c->self));
    if (precision > 300 || precision < -300)
        jinja_raise(j, "round: the precision must be within 300");
    if (string_is(method, "common")) {
        if (is_integer(c->self))
            return round_int(integer_of(c->self), precision);
        return float_value(round_common(c->self.as.f, (int)precision));
    }
    double scale = pow(10, (double)precision), f = number_of(c->self) * scale;
    if (string_is(method, "ceil"))
        return float_value(ceil(f) / scale);
    if (string_is(method, "floor"))
        return float_value(floor(f) / scale);
    jinja_raise(j, "round: method must be common, ceil or floor");
}

static struct value sum(struct jinja *j, struct call *c)
{
    struct value total = given(c->a[1]) ? c->a[1] : int_value(0), v;
    struct iter *it = iter_of(j, c->self);
    if (total.type == V_STRING)
        jinja_raise(j, "sum does not work on strings");
    while (iter_next(j, it, &v))
        total = value_operate(j, T_ADD, total, value_path(j, v, c->a[0], MISSING));
    return total;
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static struct value extreme(struct jinja *j, struct call *c, int wanted, const char *why)
{
    struct iter *it = iter_of(j, c->self);
    struct value v, best = undefined_value(why), best_key = MISSING;
    bool sensitive = want_bool(j, c->a[0], false);
    while (iter_next(j, it, &v)) {
        struct value key = value_path(j, v, c->a[1], MISSING);
        if (!sensitive && key.type == V_STRING)
            key = string_value(string_case(j, key.as.s, CASE_LOWER));
        if (given(best_key) && sign(value_compare(j, key, best_key, "<")) != wanted)
            continue;
        best = v;
        best_key = key;
    }
    return best;
}

static struct value minimum(struct jinja *j, struct call *c)
{
    return extreme(j, c, -1, "there is no least item, the sequence was empty");
}

static struct value maximum(struct jinja *j, struct call *c)
{
    return extreme(j, c, 1, "there is no greatest item, the sequence was empty");
}

const struct builtin jinja_filter_number_rows[] = {
    {"abs", "", absolute},
    {"float", "default?", to_float},
    {"int", "default? base?", to_int},
    {"max", "case_sensitive? attribute?", maximum},
    {"min", "case_sensitive? attribute?", minimum},
    {"round", "precision? method?", round_filter},
    {"sum", "attribute? start?", sum},
    {0},
};
