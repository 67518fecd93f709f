/* Methods of strings that give strings, and those that look for something. */
#include "jinja/internal.h"

static const struct string *self(const struct call *c)
{
    return c->self.as.s;
}

static struct value upper(struct jinja *j, struct call *c)
{
    return string_value(string_case(j, self(c), CASE_UPPER));
}

static struct value lower(struct jinja *j, struct call *c)
{
    return string_value(string_case(j, self(c), CASE_LOWER));
}

static struct value title(struct jinja *j, struct call *c)
{
    return string_value(string_case(j, self(c), CASE_TITLE));
}

static struct value capitalize(struct jinja *j, struct call *c)
{
    return string_value(string_capitalize(j, self(c)));
}

static struct value swapcase(struct jinja *j, struct call *c)
{
    struct buffer b = {0};
    jinja_work(j, self(c)->n / 8);
    for (size_t at = 0; at < self(c)->n;) {
        uint32_t out[3], code = string_code(self(c), &at);
        size_t n = code_case(code, code_is_upper(code) ? CASE_LOWER : CASE_UPPER, out);
        for (size_t i = 0; i < n; i++)
            buffer_code(j, &b, out[i]);
    }
    return string_value(string_buffer(j, &b));
}

static struct value strip_side(struct jinja *j, struct call *c, int which)
{
    const struct string *set =
        given_not_none(c->a[0]) ? want_string(j, c->a[0], "strip: chars") : NULL;
    return string_value(string_strip(j, self(c), set, which));
}

static struct value strip(struct jinja *j, struct call *c)
{
    return strip_side(j, c, 0);
}

static struct value lstrip(struct jinja *j, struct call *c)
{
    return strip_side(j, c, -1);
}

static struct value rstrip(struct jinja *j, struct call *c)
{
    return strip_side(j, c, 1);
}

static struct value replace(struct jinja *j, struct call *c)
{
    const struct string *from = want_string(j, c->a[0], "replace: old");
    const struct string *to = want_string(j, c->a[1], "replace: new");
    int64_t count = given(c->a[2]) ? want_int(j, c->a[2], "replace: count") : -1;
    return string_value(string_replace(j, self(c), from, to, count));
}

/* side: -1 the text is at the left, 0 in the middle, 1 at the right */
static struct value pad(struct jinja *j, struct call *c, int side)
{
    int64_t width = want_int(j, c->a[0], "a width"), room = width - (int64_t)self(c)->chars;
    const struct string *fill =
        given(c->a[1]) ? want_string(j, c->a[1], "fillchar") : string_text(j, " ");
    struct buffer b = {0};
    if (fill->chars != 1)
        jinja_raise(j, "the fill must be one character");
    if (room <= 0)
        return c->self;
    jinja_work(j, (uint64_t)room);
    int64_t left = side < 0 ? 0 : side > 0 ? room : room / 2 + (room & width & 1);
    for (int64_t i = 0; i < left; i++)
        buffer_add(j, &b, fill->data, fill->n);
    buffer_add(j, &b, self(c)->data, self(c)->n);
    for (int64_t i = left; i < room; i++)
        buffer_add(j, &b, fill->data, fill->n);
    return string_value(string_buffer(j, &b));
}

static struct value ljust(struct jinja *j, struct call *c)
{
    return pad(j, c, -1);
}

static struct value rjust(struct jinja *j, struct call *c)
{
    return pad(j, c, 1);
}

static struct value center(struct jinja *j, struct call *c)
{
    return pad(j, c, 0);
}

static struct value zfill(struct jinja *j, struct call *c)
{
    int64_t room = want_int(j, c->a[0], "zfill: width") - (int64_t)self(c)->chars;
    size_t sign = self(c)->n && strchr("+-", self(c)->data[0]) != NULL && self(c)->data[0];
    struct buffer b = {0};
    if (room <= 0)
        return c->self;
    jinja_work(j, (uint64_t)room);
    buffer_add(j, &b, self(c)->data, sign);
    for (int64_t i = 0; i < room; i++)
        buffer_text(j, &b, "0");
    buffer_add(j, &b, self(c)->data + sign, self(c)->n - sign);
    return string_value(string_buffer(j, &b));
}

static struct value expandtabs(struct jinja *j, struct call *c)
{
    int64_t size = given(c->a[0]) ? want_int(j, c->a[0], "expandtabs: tabsize") : 8, column = 0;
    struct buffer b = {0};
    for (size_t at = 0; at < self(c)->n;) {
        size_t begin = at;
        uint32_t code = string_code(self(c), &at);
        int64_t n = code == '\t' && size > 0 ? size - column % size : 0;
        jinja_work(j, (uint64_t)n + 1);
        column = code == '\n' || code == '\r' ? 0 : column + (code == '\t' ? n : 1);
        for (; n > 0; n--)
            buffer_text(j, &b, " ");
        if (code != '\t')
            buffer_add(j, &b, self(c)->data + begin, at - begin);
    }
    return string_value(string_buffer(j, &b));
}

static struct value removeprefix(struct jinja *j, struct call *c)
{
    const struct string *s = self(c), *cut = want_string(j, c->a[0], "removeprefix");
    if (s->n < cut->n || (cut->n && memcmp(s->data, cut->data, cut->n)))
        return c->self;
    return string_value(string_cut(j, s, cut->chars, s->chars));
}

static struct value removesuffix(struct jinja *j, struct call *c)
{
    const struct string *s = self(c), *cut = want_string(j, c->a[0], "removesuffix");
    if (s->n < cut->n || !cut->n || memcmp(s->data + s->n - cut->n, cut->data, cut->n))
        return c->self;
    return string_value(string_cut(j, s, 0, s->chars - cut->chars));
}

static struct value format(struct jinja *j, struct call *c)
{
    return string_value(string_mark(j, format_braces(j, self(c), c->args), self(c)->markup));
}

static struct value format_map(struct jinja *j, struct call *c)
{
    struct args args = {0};
    if (c->a[0].type != V_DICT)
        jinja_raise(j, "format_map needs a dict, not %s", value_type_name(c->a[0]));
    const struct dict *d = c->a[0].as.dict;
    args.kw = mem_alloc(j, d->n, sizeof(*args.kw));
    for (size_t i = 0; i < d->n; i++)
        if (d->entries[i].key.type == V_STRING)
            args.kw[args.n_kw++] = (struct kwarg){d->entries[i].key.as.s, d->entries[i].value};
    return string_value(format_braces(j, self(c), &args));
}

static struct value join(struct jinja *j, struct call *c)
{
    struct iter *it = iter_of(j, c->a[0]);
    struct buffer b = {0};
    struct value v;
    for (size_t i = 0; iter_next(j, it, &v); i++) {
        if (i)
            buffer_add(j, &b, self(c)->data, self(c)->n);
        const struct string *s = want_string(j, v, "an item to join");
        buffer_add(j, &b, s->data, s->n);
    }
    return string_value(string_buffer(j, &b));
}

/* ---- looking for something ---------------------------------------------------------------------
 */

/* The part that the arguments `from` and `from + 1` bound, and where it begins. false: there is
 * none, as it would begin behind the end. */
static bool bounded(struct jinja *j, struct call *c, int from, struct string *part, size_t *begin)
{
    struct value bounds[3] = {c->a[from], c->a[from + 1], NONE};
    int64_t start, step, n = (int64_t)self(c)->chars;
    if (given_not_none(bounds[0]) && want_int(j, bounds[0], "start") > n)
        return false;
    size_t length = slice_bounds(j, bounds, self(c)->chars, &start, &step);
    if (given_not_none(bounds[1])) { /* an end before the start holds not even an empty string */
        int64_t end = want_int(j, bounds[1], "end");
        end += end < 0 ? n : 0;
        if (end < start && !(end < 0 && start == 0))
            return false;
    }
    *part = *string_cut(j, self(c), (size_t)start, (size_t)start + length);
    *begin = (size_t)start;
    return true;
}

static size_t chars_before(const struct string *s, size_t byte)
{
    size_t chars = 0;
    for (size_t i = 0; i < byte; i++)
        chars += ((unsigned char)s->data[i] & 0xc0) != 0x80;
    return chars;
}

static int64_t search(struct jinja *j, struct call *c, bool last)
{
    const struct string *what = want_string(j, c->a[0], "what to find");
    struct string part;
    size_t begin;
    if (!bounded(j, c, 1, &part, &begin))
        return -1;
    size_t at = last ? string_find_last(j, &part, what, part.n) : string_find(j, &part, what, 0);
    jinja_work(j, part.n / 64);
    return at == SIZE_MAX ? -1 : (int64_t)(begin + chars_before(&part, at));
}

static struct value find(struct jinja *j, struct call *c)
{
    return int_value(search(j, c, false));
}

static struct value rfind(struct jinja *j, struct call *c)
{
    return int_value(search(j, c, true));
}

static struct value must_find(struct jinja *j, struct call *c, bool last)
{
    int64_t at = search(j, c, last);
    if (at < 0)
        jinja_raise(j, "\"%s\" is not in the string", string_label(c->a[0].as.s).text);
    return int_value(at);
}

static struct value index_of(struct jinja *j, struct call *c)
{
    return must_find(j, c, false);
}

static struct value rindex_of(struct jinja *j, struct call *c)
{
    return must_find(j, c, true);
}

static struct value count(struct jinja *j, struct call *c)
{
    const struct string *what = want_string(j, c->a[0], "what to count");
    struct string part;
    size_t begin, at = 0;
    int64_t n = 0;
    if (!bounded(j, c, 1, &part, &begin))
        return int_value(0);
    if (!what->n)
        return int_value((int64_t)part.chars + 1);
    while ((at = string_find(j, &part, what, at)) != SIZE_MAX) {
        n++;
        at += what->n;
    }
    return int_value(n);
}

static struct value begins_or_ends(struct jinja *j, struct call *c, bool ends)
{
    struct list one = {.items = &c->a[0], .n = 1};
    const struct list *all = c->a[0].type == V_TUPLE ? c->a[0].as.list : &one;
    struct string part;
    size_t begin;
    if (!bounded(j, c, 1, &part, &begin))
        return bool_value(false);
    for (size_t i = 0; i < all->n; i++) {
        const struct string *s = want_string(j, all->items[i], "what to compare with");
        if (s->n <= part.n &&
            (!s->n || !memcmp(part.data + (ends ? part.n - s->n : 0), s->data, s->n)))
            return bool_value(true);
    }
    return bool_value(false);
}

static struct value startswith(struct jinja *j, struct call *c)
{
    return begins_or_ends(j, c, false);
}

static struct value endswith(struct jinja *j, struct call *c)
{
    return begins_or_ends(j, c, true);
}

const struct builtin jinja_method_string_rows[] = {
    {"capitalize", "/", capitalize},
    {"casefold", "/", lower},
    {"center", "/ width fillchar?", center},
    {"count", "/ sub start? end?", count},
    {"endswith", "/ suffix start? end?", endswith},
    {"expandtabs", "tabsize?", expandtabs},
    {"find", "/ sub start? end?", find},
    {"format", "*", format},
    {"format_map", "/ mapping", format_map},
    {"index", "/ sub start? end?", index_of},
    {"join", "/ iterable", join},
    {"ljust", "/ width fillchar?", ljust},
    {"lower", "/", lower},
    {"lstrip", "/ chars?", lstrip},
    {"removeprefix", "/ prefix", removeprefix},
    {"removesuffix", "/ suffix", removesuffix},
    {"replace", "/ old new count?", replace},
    {"rfind", "/ sub start? end?", rfind},
    {"rindex", "/ sub start? end?", rindex_of},
    {"rjust", "/ width fillchar?", rjust},
    {"rstrip", "/ chars?", rstrip},
    {"startswith", "/ prefix start? end?", startswith},
    {"strip", "/ chars?", strip},
    {"swapcase", "/", swapcase},
    {"title", "/", title},
    {"upper", "/", upper},
    {"zfill", "/ width", zfill},
    {0},
};
