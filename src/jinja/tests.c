/* Tests: what stands after "is". */
#include "jinja/internal.h"

static struct value defined(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type != V_UNDEFINED);
}

static struct value undefined(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_UNDEFINED);
}

static struct value none(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_NONE);
}

static struct value boolean(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_BOOL);
}

static struct value is_true(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_BOOL && c->self.as.b);
}

static struct value is_false(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_BOOL && !c->self.as.b);
}

static struct value integer(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_INT);
}

static struct value is_float(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_FLOAT);
}

static struct value number(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(is_number(c->self));
}

static struct value string(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_STRING);
}

static struct value mapping(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_DICT);
}

static struct value sequence(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(value_length(c->self) >= 0 && c->self.type != V_VIEW);
}

static struct value iterable(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(can_iterate(c->self));
}

static struct value callable(struct jinja *j, struct call *c)
{
    (void)j;
    enum value_type t = c->self.type;
    return bool_value(
        t == V_FUNCTION || t == V_MACRO || t == V_LOOP || t == V_JOINER || t == V_UNDEFINED);
}

static struct value escaped(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_STRING && c->self.as.s->markup);
}

static bool all_of_case(const struct string *s, bool upper)
{
    bool any = false;
    for (size_t at = 0; at < s->n;) {
        uint32_t code = string_code(s, &at);
        if (upper ? code_is_lower(code) : code_is_upper(code))
            return false;
        any |= upper ? code_is_upper(code) : code_is_lower(code);
    }
    return any;
}

static struct value lower(struct jinja *j, struct call *c)
{
    return bool_value(all_of_case(value_string(j, c->self), false));
}

static struct value upper(struct jinja *j, struct call *c)
{
    return bool_value(all_of_case(value_string(j, c->self), true));
}

static struct value modulo(struct jinja *j, struct value a, struct value b)
{
    return value_operate(j, T_MOD, a, b);
}

static struct value odd(struct jinja *j, struct call *c)
{
    return bool_value(value_equal(j, modulo(j, c->self, int_value(2)), int_value(1)));
}

static struct value even(struct jinja *j, struct call *c)
{
    return bool_value(value_equal(j, modulo(j, c->self, int_value(2)), int_value(0)));
}

static struct value divisibleby(struct jinja *j, struct call *c)
{
    return bool_value(value_equal(j, modulo(j, c->self, c->a[0]), int_value(0)));
}

static struct value eq(struct jinja *j, struct call *c)
{
    return bool_value(value_equal(j, c->self, c->a[0]));
}

static struct value ne(struct jinja *j, struct call *c)
{
    return bool_value(!value_equal(j, c->self, c->a[0]));
}

static struct value lt(struct jinja *j, struct call *c)
{
    return bool_value(value_compare(j, c->self, c->a[0], "<") < 0);
}

static struct value le(struct jinja *j, struct call *c)
{
    return bool_value(value_compare(j, c->self, c->a[0], "<=") <= 0);
}

static struct value gt(struct jinja *j, struct call *c)
{
    return bool_value(value_compare(j, c->self, c->a[0], ">") == 1);
}

static struct value ge(struct jinja *j, struct call *c)
{
    int order = value_compare(j, c->self, c->a[0], ">=");
    return bool_value(order == 0 || order == 1);
}

static struct value in(struct jinja *j, struct call *c)
{
    return bool_value(value_contains(j, c->a[0], c->self));
}

static struct value sameas(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(value_same(c->self, c->a[0]));
}

static struct value filter(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_STRING && jinja_find_filter(c->self.as.s));
}

static struct value test(struct jinja *j, struct call *c)
{
    (void)j;
    return bool_value(c->self.type == V_STRING && jinja_find_test(c->self.as.s));
}

const struct builtin jinja_test_rows[] = {
    {"!=", "other", ne},
    {"<", "other", lt},
    {"<=", "other", le},
    {"==", "other", eq},
    {">", "other", gt},
    {">=", "other", ge},
    {"boolean", "", boolean},
    {"callable", "", callable},
    {"defined", "", defined},
    {"divisibleby", "num", divisibleby},
    {"eq", "other", eq},
    {"equalto", "other", eq},
    {"escaped", "", escaped},
    {"even", "", even},
    {"false", "", is_false},
    {"filter", "", filter},
    {"float", "", is_float},
    {"ge", "other", ge},
    {"greaterthan", "other", gt},
    {"gt", "other", gt},
    {"in", "seq", in},
    {"integer", "", integer},
    {"iterable", "", iterable},
    {"le", "other", le},
    {"lessthan", "other", lt},
    {"lower", "", lower},
    {"lt", "other", lt},
    {"mapping", "", mapping},
    {"ne", "other", ne},
    {"none", "", none},
    {"number", "", number},
    {"odd", "", odd},
    {"sameas", "other", sameas},
    {"sequence", "", sequence},
    {"string", "", string},
    {"test", "", test},
    {"true", "", is_true},
    {"undefined", "", undefined},
    {"upper", "", upper},
    {0},
};
