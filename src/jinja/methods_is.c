/* Methods of strings that say what they consist of. */
#include "jinja/internal.h"

/* Whether there are characters, and all are of a kind. */
static struct value all(struct jinja *j, struct call *c, bool (*kind)(uint32_t code), bool empty)
{
    const struct string *s = c->self.as.s;
    jinja_work(j, s->n / 8);
    for (size_t at = 0; at < s->n;)
        if (!kind(string_code(s, &at)))
            return bool_value(false);
    return bool_value(s->n > 0 || empty);
}

static bool alnum(uint32_t code)
{
    return code_is_alpha(code) || code_is_numeric(code);
}

static bool ascii(uint32_t code)
{
    return code < 0x80;
}

/* Digits of which numbers are written: not superscripts and such. */
static bool decimal(uint32_t code)
{
    return code_is_digit(code) && code != 0xb2 && code != 0xb3 && code != 0xb9 &&
           (code < 0x2070 || code > 0x2793);
}

static struct value isalnum_all(struct jinja *j, struct call *c)
{
    return all(j, c, alnum, false);
}

static struct value isalpha_all(struct jinja *j, struct call *c)
{
    return all(j, c, code_is_alpha, false);
}

static struct value isascii_all(struct jinja *j, struct call *c)
{
    return all(j, c, ascii, true);
}

static struct value isdecimal_all(struct jinja *j, struct call *c)
{
    return all(j, c, decimal, false);
}

static struct value isdigit_all(struct jinja *j, struct call *c)
{
    return all(j, c, code_is_digit, false);
}

static struct value isnumeric_all(struct jinja *j, struct call *c)
{
    return all(j, c, code_is_numeric, false);
}

static struct value isprintable_all(struct jinja *j, struct call *c)
{
    return all(j, c, code_is_printable, true);
}

static struct value isspace_all(struct jinja *j, struct call *c)
{
    return all(j, c, code_is_space, false);
}

static struct value islower_all(struct jinja *j, struct call *c)
{
    struct args none = {0};
    return call_builtin(j, jinja_find_test(string_text(j, "lower")), c->self, &none);
}

static struct value isupper_all(struct jinja *j, struct call *c)
{
    struct args none = {0};
    return call_builtin(j, jinja_find_test(string_text(j, "upper")), c->self, &none);
}

static struct value istitle_all(struct jinja *j, struct call *c)
{
    bool inside = false, any = false;
    jinja_work(j, c->self.as.s->n / 8);
    for (size_t at = 0; at < c->self.as.s->n;) {
        uint32_t code = string_code(c->self.as.s, &at);
        bool up = code_is_upper(code), low = code_is_lower(code);
        if ((up && inside) || (low && !inside))
            return bool_value(false);
        inside = up || low;
        any |= inside;
    }
    return bool_value(any);
}

static struct value isidentifier_all(struct jinja *j, struct call *c)
{
    const struct string *s = c->self.as.s;
    for (size_t at = 0; at < s->n;) {
        bool first = at == 0;
        uint32_t code = string_code(s, &at);
        if (code != '_' && !code_is_alpha(code) && (first || !decimal(code)))
            return bool_value(false);
        jinja_work(j, 1);
    }
    return bool_value(s->n > 0);
}

const struct builtin jinja_method_is_rows[] = {
    {"isalnum", "/", isalnum_all},
    {"isalpha", "/", isalpha_all},
    {"isascii", "/", isascii_all},
    {"isdecimal", "/", isdecimal_all},
    {"isdigit", "/", isdigit_all},
    {"isidentifier", "/", isidentifier_all},
    {"islower", "/", islower_all},
    {"isnumeric", "/", isnumeric_all},
    {"isprintable", "/", isprintable_all},
    {"isspace", "/", isspace_all},
    {"istitle", "/", istitle_all},
    {"isupper", "/", isupper_all},
    {0},
};
