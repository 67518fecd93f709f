/* Filters that apply other filters and tests to items, or choose a value. */
#include "jinja/internal.h"

struct selection {
    struct value path, fallback;   /* of an item's attribute */
    const struct builtin *builtin; /* NULL: the attribute itself, or its truth */
    struct args args;
    bool keep; /* what meets the test is kept; else what does not */
};

static struct value apply(struct jinja *j, const struct selection *s, struct value item)
{
    struct value v = value_path(j, item, s->path, s->fallback);
    return s->builtin ? call_builtin(j, s->builtin, v, &s->args) : v;
}

static bool next_mapped(struct jinja *j, struct iter *it, struct value *out)
{
    if (!iter_next(j, it->inner, out))
        return false;
    *out = apply(j, it->data, *out);
    return true;
}

static bool next_selected(struct jinja *j, struct iter *it, struct value *out)
{
    const struct selection *s = it->data;
    while (iter_next(j, it->inner, out))
        if (value_true(j, apply(j, s, *out)) == s->keep)
            return true;
    return false;
}

static struct value lazy(struct jinja *j, struct value source, const struct selection *s,
    bool (*next)(struct jinja *j, struct iter *it, struct value *out))
{
    /* Of what is false nothing is asked: none has no items. */
    if (!value_true(j, source))
        source = undefined_value("");
    struct iter *it = iter_create(j, next, source);
    it->inner = iter_of(j, source);
    it->data = s;
    return iter_value(it);
}

/* The arguments from position `from` on are those of the filter or test. */
static struct selection *selection_create(struct jinja *j, const struct args *args, size_t from)
{
    struct selection *s = mem_alloc(j, 1, sizeof(*s));
    *s = (struct selection){.path = MISSING, .fallback = MISSING, .args = *args};
    from = from < args->n ? from : args->n;
    s->args.pos += from;
    s->args.n -= from;
    return s;
}

static struct value map(struct jinja *j, struct call *c)
{
    const struct args *args = c->args;
    struct selection *s = selection_create(j, args, 1);
    if (args->n) {
        const struct string *name = want_string(j, args->pos[0], "map: the filter's name");
        s->builtin = jinja_find_filter(name);
        if (!s->builtin)
            jinja_raise(j, "there is no filter \"%s\"", string_label(name).text);
        return lazy(j, c->self, s, next_mapped);
    }
    for (size_t i = 0; i < args->n_kw; i++) {
        if (string_is(args->kw[i].name, "attribute"))
            s->path = args->kw[i].value;
        else if (string_is(args->kw[i].name, "default"))
            s->fallback = args->kw[i].value;
        else
            jinja_raise(j, "map has no argument \"%s\"", string_label(args->kw[i].name).text);
    }
    if (!given(s->path))
        jinja_raise(j, "map needs a filter's name or an attribute");
    return lazy(j, c->self, s, next_mapped);
}

static struct value choose(struct jinja *j, struct call *c, bool keep, bool attribute)
{
    const struct args *args = c->args;
    size_t at = attribute;
    struct selection *s = selection_create(j, args, at + 1);
    if (args->n < at)
        jinja_raise(j, "the name of an attribute is missing");
    if (attribute)
        s->path = args->pos[0];
    if (args->n > at) {
        const struct string *name = want_string(j, args->pos[at], "the test's name");
        s->builtin = jinja_find_test(name);
        if (!s->builtin)
            jinja_raise(j, "there is no test \"%s\"", string_label(name).text);
    }
    s->keep = keep;
    return lazy(j, c->self, s, next_selected);
}

static struct value select_filter(struct jinja *j, struct call *c)
{
    return choose(j, c, true, false);
}

static struct value reject(struct jinja *j, struct call *c)
{
    return choose(j, c, false, false);
}

static struct value selectattr(struct jinja *j, struct call *c)
{
    return choose(j, c, true, true);
}

static struct value rejectattr(struct jinja *j, struct call *c)
{
    return choose(j, c, false, true);
}

static struct value fallback(struct jinja *j, struct call *c)
{
    bool any_false = want_bool(j, c->a[1], false);
    if (c->self.type != V_UNDEFINED && !(any_false && !value_true(j, c->self)))
        return c->self;
    return given(c->a[0]) ? c->a[0] : text_value(j, "");
}

static struct value attr(struct jinja *j, struct call *c)
{
    return value_own_attribute(j, c->self, value_string(j, c->a[0]));
}

const struct builtin jinja_filter_select_rows[] = {
    {"attr", "name", attr},
    {"d", "default_value? boolean?", fallback},
    {"default", "default_value? boolean?", fallback},
    {"map", "*", map},
    {"reject", "*", reject},
    {"rejectattr", "*", rejectattr},
    {"select", "*", select_filter},
    {"selectattr", "*", selectattr},
    {0},
};
