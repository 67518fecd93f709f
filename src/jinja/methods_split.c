/* Methods of strings that cut them into pieces. */
#include "jinja/internal.h"

static void add_piece(
    struct jinja *j, struct list *list, const struct string *s, size_t begin, size_t end)
{
    struct value piece = string_value(string_create(j, s->data + begin, end - begin));
    list_add(j, list, piece);
}

static void turn_around(struct list *list)
{
    for (size_t i = 0; i < list->n / 2; i++) {
        struct value v = list->items[i];
        list->items[i] = list->items[list->n - 1 - i];
        list->items[list->n - 1 - i] = v;
    }
}

/* At white space, from the left. */
static void split_words(struct jinja *j, struct list *list, const struct string *s, int64_t most)
{
    size_t at = 0, next;
    for (;;) {
        while ((next = at) < s->n && code_is_space(string_code(s, &next)))
            at = next;
        if (at >= s->n)
            return;
        size_t begin = at, end = at;
        if (most-- == 0) {
            add_piece(j, list, s, begin, s->n);
            return;
        }
        while ((next = end) < s->n && !code_is_space(string_code(s, &next)))
            end = next;
        add_piece(j, list, s, begin, end);
        at = end;
    }
}

static void rsplit_words(struct jinja *j, struct list *list, const struct string *s, int64_t most)
{
    size_t end = s->n, last;
    uint32_t code;
    for (;;) {
        while (end > 0 && (last = string_last(s, end, &code), code_is_space(code)))
            end = last;
        if (end == 0)
            break;
        size_t begin = end;
        if (most-- == 0) {
            add_piece(j, list, s, 0, end);
            break;
        }
        while (begin > 0 && (last = string_last(s, begin, &code), !code_is_space(code)))
            begin = last;
        add_piece(j, list, s, begin, end);
        end = begin;
    }
    turn_around(list);
}

static void split_at(struct jinja *j, struct list *list, const struct string *s,
    const struct string *sep, int64_t most)
{
    size_t at = 0, found;
    while (most-- != 0 && (found = string_find(j, s, sep, at)) != SIZE_MAX) {
        add_piece(j, list, s, at, found);
        at = found + sep->n;
    }
    add_piece(j, list, s, at, s->n);
}

static void rsplit_at(struct jinja *j, struct list *list, const struct string *s,
    const struct string *sep, int64_t most)
{
    size_t end = s->n, found;
    while (most-- != 0 && (found = string_find_last(j, s, sep, end)) != SIZE_MAX) {
        add_piece(j, list, s, found + sep->n, end);
        end = found;
    }
    add_piece(j, list, s, 0, end);
    turn_around(list);
}

static struct value split_side(struct jinja *j, struct call *c, bool right)
{
    struct list *list = list_create(j);
    int64_t most = given(c->a[1]) ? want_int(j, c->a[1], "split: maxsplit") : -1;
    jinja_work(j, c->self.as.s->n / 8);
    if (!given_not_none(c->a[0])) {
        (right ? rsplit_words : split_words)(j, list, c->self.as.s, most);
        return list_value(list);
    }
    const struct string *sep = want_string(j, c->a[0], "split: sep");
    if (!sep->n)
        jinja_raise(j, "split: the separator is empty");
    (right ? rsplit_at : split_at)(j, list, c->self.as.s, sep, most);
    return list_value(list);
}

static struct value split(struct jinja *j, struct call *c)
{
    return split_side(j, c, false);
}

static struct value rsplit(struct jinja *j, struct call *c)
{
    return split_side(j, c, true);
}

static bool ends_line(uint32_t code)
{
    return (code >= '\n' && code <= '\r') || (code >= 0x1c && code <= 0x1e) || code == 0x85 ||
           code == 0x2028 || code == 0x2029;
}

static struct value splitlines(struct jinja *j, struct call *c)
{
    const struct string *s = c->self.as.s;
    struct list *list = list_create(j);
    bool keep = want_bool(j, c->a[0], false);
    size_t begin = 0, at = 0;
    jinja_work(j, s->n / 8);
    while (at < s->n) {
        size_t end = at;
        uint32_t code = string_code(s, &at);
        if (!ends_line(code))
            continue;
        if (code == '\r' && at < s->n && s->data[at] == '\n')
            at++;
        add_piece(j, list, s, begin, keep ? at : end);
        begin = at;
    }
    if (begin < s->n)
        add_piece(j, list, s, begin, s->n);
    return list_value(list);
}

static struct value part(struct jinja *j, struct call *c, bool last)
{
    const struct string *s = c->self.as.s, *sep = want_string(j, c->a[0], "partition: sep");
    struct list *list = list_create(j);
    if (!sep->n)
        jinja_raise(j, "partition: the separator is empty");
    size_t at = last ? string_find_last(j, s, sep, s->n) : string_find(j, s, sep, 0);
    bool found = at != SIZE_MAX;
    size_t first = found ? at : last ? 0 : s->n, rest = found ? at + sep->n : first;
    add_piece(j, list, s, 0, first);
    list_add(j, list, found ? c->a[0] : text_value(j, ""));
    add_piece(j, list, s, rest, s->n);
    return tuple_value(list);
}

static struct value partition(struct jinja *j, struct call *c)
{
    return part(j, c, false);
}

static struct value rpartition(struct jinja *j, struct call *c)
{
    return part(j, c, true);
}

const struct builtin jinja_method_split_rows[] = {
    {"partition", "/ sep", partition},
    {"rpartition", "/ sep", rpartition},
    {"rsplit", "sep? maxsplit?", rsplit},
    {"split", "sep? maxsplit?", split},
    {"splitlines", "keepends?", splitlines},
    {0},
};
