/* Arithmetic on values, and slices. */
#include "jinja/internal.h"

#include <math.h>

static _Noreturn void fail_types(struct jinja *j, int op, struct value a, struct value b)
{
    if (a.type == V_UNDEFINED || b.type == V_UNDEFINED)
        jinja_raise(j, "%s", a.type == V_UNDEFINED ? a.as.why : b.as.why);
    jinja_raise(j, "\"%s\" does not work on %s and %s", token_name(op), value_type_name(a),
        value_type_name(b));
}

static _Noreturn void fail_overflow(struct jinja *j)
{
    jinja_raise(j, "an integer does not fit 64 bits");
}

/* Python's: towards minus infinity. */
static int64_t floor_div(struct jinja *j, int64_t a, int64_t b)
{
    if (b == -1) {
        if (a == INT64_MIN)
            fail_overflow(j);
        return -a;
    }
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t floor_mod(int64_t a, int64_t b)
{
    int64_t m = b == -1 ? 0 : a % b;
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

static double float_mod(double a, double b)
{
    double m = fmod(a, b);
    if (m != 0)
        return (m < 0) != (b < 0) ? m + b : m;
    return copysign(0.0, b);
}

static struct value integer_power(struct jinja *j, int64_t base, int64_t exponent)
{
    int64_t result = 1;
    if (exponent < 0) {
        if (base == 0)
            jinja_raise(j, "zero has no negative power");
        return float_value(pow((double)base, (double)exponent));
    }
    while (exponent > 0) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
            fail_overflow(j);
        exponent >>= 1;
        if (exponent && __builtin_mul_overflow(base, base, &base))
            fail_overflow(j);
    }
    return int_value(result);
}

static struct value integers(struct jinja *j, int op, int64_t a, int64_t b)
{
    int64_t result = 0;
    bool overflow = false;
    if ((op == T_DIV || op == T_FLOORDIV || op == T_MOD) && b == 0)
        jinja_raise(j, "a division by zero");
    switch (op) {
    case T_ADD:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case T_SUB:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case T_MUL:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    case T_DIV:
        return float_value((double)a / (double)b);
    case T_FLOORDIV:
        result = floor_div(j, a, b);
        break;
    case T_MOD:
        result = floor_mod(a, b);
        break;
    default:
        return integer_power(j, a, b);
    }
    if (overflow)
        fail_overflow(j);
    return int_value(result);
}

static struct value floats(struct jinja *j, int op, double a, double b)
{
    if ((op == T_DIV || op == T_FLOORDIV || op == T_MOD) && b == 0)
        jinja_raise(j, "a division by zero");
    switch (op) {
    case T_ADD:
        return float_value(a + b);
    case T_SUB:
        return float_value(a - b);
    case T_MUL:
        return float_value(a * b);
    case T_DIV:
        return float_value(a / b);
    case T_FLOORDIV:
        return float_value(round((a - float_mod(a, b)) / b));
    case T_MOD:
        return float_value(float_mod(a, b));
    default:
        if ((a == 0 && b < 0) || (a < 0 && b != floor(b)))
            jinja_raise(j, "the power of these numbers is no number");
        return float_value(pow(a, b));
    }
}

static struct value add_strings(struct jinja *j, const struct string *a, const struct string *b)
{
    bool markup = a->markup || b->markup;
    if (markup) {
        a = string_escape(j, a);
        b = string_escape(j, b);
    }
    return string_value(string_mark(j, string_concat(j, a, b), markup));
}

static struct value add_lists(struct jinja *j, struct value a, struct value b)
{
    struct list *list = list_create(j);
    for (size_t i = 0; i < a.as.list->n; i++)
        list_add(j, list, a.as.list->items[i]);
    for (size_t i = 0; i < b.as.list->n; i++)
        list_add(j, list, b.as.list->items[i]);
    jinja_work(j, list->n);
    return a.type == V_LIST ? list_value(list) : tuple_value(list);
}

/* A string, list or tuple, so often. */
static struct value repeat(struct jinja *j, struct value v, int64_t times)
{
    struct list *list = list_create(j);
    struct buffer b = {0};
    if (value_length(v) == 0)
        times = 0;
    for (int64_t k = 0; k < times; k++) {
        jinja_work(j, 1);
        if (v.type == V_STRING) {
            buffer_add(j, &b, v.as.s->data, v.as.s->n);
            continue;
        }
        jinja_work(j, v.as.list->n);
        for (size_t i = 0; i < v.as.list->n; i++)
            list_add(j, list, v.as.list->items[i]);
    }
    if (v.type == V_STRING)
        return string_value(string_mark(j, string_buffer(j, &b), v.as.s->markup));
    return v.type == V_LIST ? list_value(list) : tuple_value(list);
}

struct value value_operate(struct jinja *j, int op, struct value a, struct value b)
{
    bool repeats_a = a.type == V_STRING || is_sequence_type(a);
    bool repeats_b = b.type == V_STRING || is_sequence_type(b);
    if (is_integer(a) && is_integer(b))
        return integers(j, op, integer_of(a), integer_of(b));
    if (is_number(a) && is_number(b))
        return floats(j, op, number_of(a), number_of(b));
    if (op == T_ADD && a.type == V_STRING && b.type == V_STRING)
        return add_strings(j, a.as.s, b.as.s);
    if (op == T_ADD && is_sequence_type(a) && a.type == b.type)
        return add_lists(j, a, b);
    if (op == T_MUL && repeats_a && is_integer(b))
        return repeat(j, a, integer_of(b));
    if (op == T_MUL && is_integer(a) && repeats_b)
        return repeat(j, b, integer_of(a));
    if (op == T_MOD && a.type == V_STRING)
        return string_value(string_mark(j, format_percent(j, a.as.s, b), a.as.s->markup));
    fail_types(j, op, a, b);
}

struct value value_negate(struct jinja *j, struct value v)
{
    if (v.type == V_FLOAT)
        return float_value(-v.as.f);
    return value_operate(j, T_SUB, int_value(0), v);
}

/* ---- slices ---------------------------------------------------------------------------------- */

static int64_t bound(struct jinja *j, struct value v, int64_t usual)
{
    if (!given_not_none(v))
        return usual;
    if (!is_integer(v))
        jinja_raise(j, "the bounds of a slice must be integers, not %s", value_type_name(v));
    return integer_of(v);
}

static int64_t clamp(int64_t v, int64_t n, int64_t low, int64_t high)
{
    if (v < 0)
        v = v < -n ? low : v + n;
    return v < low ? low : v > high ? high : v;
}

size_t slice_bounds(
    struct jinja *j, const struct value bounds[3], size_t length, int64_t *start, int64_t *step)
{
    int64_t n = (int64_t)length;
    *step = bound(j, bounds[2], 1);
    if (*step == 0)
        jinja_raise(j, "the step of a slice cannot be zero");
    if (*step < -n - 1) /* as far as any, and its negative fits */
        *step = -n - 1;
    int64_t low = *step < 0 ? -1 : 0, high = *step < 0 ? n - 1 : n;
    int64_t stop;
    *start = given_not_none(bounds[0]) ? clamp(bound(j, bounds[0], 0), n, low, high)
                                       : (*step < 0 ? high : low);
    stop = given_not_none(bounds[1]) ? clamp(bound(j, bounds[1], 0), n, low, high)
                                     : (*step < 0 ? low : high);
    if (*step < 0)
        return stop < *start ? (size_t)((*start - stop - 1) / -*step + 1) : 0;
    return *start < stop ? (size_t)((stop - *start - 1) / *step + 1) : 0;
}

static struct value slice_string(
    struct jinja *j, const struct string *s, size_t n, int64_t start, int64_t step)
{
    if (step == 1)
        return string_value(string_cut(j, s, (size_t)start, (size_t)start + n));
    struct buffer b = {0};
    /* Where each character begins, so that far steps stay cheap. */
    size_t *offsets = mem_alloc(j, s->chars + 1, sizeof(*offsets)), at = 0;
    for (size_t i = 0; i < s->chars; i++) {
        offsets[i] = at;
        string_code(s, &at);
    }
    offsets[s->chars] = s->n;
    jinja_work(j, s->chars / 8 + n);
    for (size_t i = 0; i < n; i++) {
        size_t k = (size_t)(start + (int64_t)i * step);
        buffer_add(j, &b, s->data + offsets[k], offsets[k + 1] - offsets[k]);
    }
    return string_value(string_mark(j, string_buffer(j, &b), s->markup));
}

static struct value slice_range(
    struct jinja *j, const struct range *r, size_t n, int64_t start, int64_t step)
{
    struct range *cut = mem_alloc(j, 1, sizeof(*cut));
    *cut = (struct range){.start = r->start + start * r->step, .step = r->step * step, .n = n};
    cut->stop = cut->start + (int64_t)n * cut->step;
    return (struct value){.type = V_RANGE, .as.range = cut};
}

struct value slice_value(struct jinja *j, struct value v, const struct value bounds[3])
{
    int64_t start, step;
    if (v.type == V_UNDEFINED)
        jinja_raise(j, "%s, so it has no items", v.as.why);
    if (v.type != V_STRING && v.type != V_RANGE && !is_sequence_type(v))
        jinja_raise(j, "%s has no slices", value_type_name(v));
    size_t n = slice_bounds(j, bounds, (size_t)value_length(v), &start, &step);
    if (v.type == V_STRING)
        return slice_string(j, v.as.s, n, start, step);
    if (v.type == V_RANGE)
        return slice_range(j, v.as.range, n, start, step);
    struct list *list = list_create(j);
    for (size_t i = 0; i < n; i++)
        list_add(j, list, v.as.list->items[start + (int64_t)i * step]);
    jinja_work(j, n);
    return v.type == V_LIST ? list_value(list) : tuple_value(list);
}
