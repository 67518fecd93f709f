#include "sample/elements.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

struct sequence {
    struct element *items;
    uint32_t n, cap;
};

struct parser {
    struct grammar *g;
    const char *name;
    size_t n, at; /* in g->text */
    uint32_t depth;
    uint32_t rule;     /* the named one that is being read */
    uint32_t *buckets; /* [N_BUCKETS] rules by name + 1, chained by next */
    uint32_t *next;    /* [cap_next] by rule */
    uint32_t cap_next;
    struct hekla_error *err;
};

enum { N_BUCKETS = 4096 };

static uint32_t line_of(const struct parser *p, size_t at)
{
    uint32_t line = 1;
    for (size_t i = 0; i < at && i < p->n; i++)
        line += p->g->text[i] == '\n';
    return line;
}

/* A sentence about what is at `at`. */
static hekla_status fail_at(struct parser *p, size_t at, const char *what)
{
    if (at >= p->n)
        return hekla_fail(p->err, HEKLA_ARGUMENT, "%s ends too early: %s", p->name, what);
    return hekla_fail(p->err, HEKLA_ARGUMENT, "%s, line %u, at \"%s\": %s", p->name, line_of(p, at),
        utf8_label(p->g->text + at, p->n - at < 20 ? p->n - at : 20).text, what);
}

static hekla_status fail_memory(struct parser *p)
{
    return hekla_fail(p->err, HEKLA_MEMORY, "not enough host memory for %s", p->name);
}

/* Room for one more item; NULL: no memory. */
static void *grow(void *items, uint32_t n, uint32_t *cap, size_t item)
{
    if (n < *cap)
        return items;
    uint32_t wanted = *cap ? 2 * *cap : 64;
    void *grown = realloc(items, wanted * item);
    if (grown)
        *cap = wanted;
    return grown;
}

static hekla_status check_size(struct parser *p)
{
    if (p->g->n_elements < GRAMMAR_MOST_ELEMENTS && p->g->n_ranges < GRAMMAR_MOST_ELEMENTS)
        return HEKLA_OK;
    return hekla_fail(p->err, HEKLA_ARGUMENT,
        "%s is too large: with repetitions written out it has more than %d parts", p->name,
        GRAMMAR_MOST_ELEMENTS);
}

static hekla_status push(struct parser *p, struct sequence *s, struct element e)
{
    if (s->n >= GRAMMAR_MOST_ELEMENTS)
        return hekla_fail(p->err, HEKLA_ARGUMENT,
            "%s is too large: one alternative has more than %d parts", p->name,
            GRAMMAR_MOST_ELEMENTS);
    struct element *items = grow(s->items, s->n, &s->cap, sizeof(e));
    if (!items)
        return fail_memory(p);
    s->items = items;
    s->items[s->n++] = e;
    return HEKLA_OK;
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static hekla_status add_rule(struct parser *p, size_t name, size_t n_name, uint32_t *out)
{
    struct grammar *g = p->g;
    struct rule *rules = grow(g->rules, g->n_rules, &g->cap_rules, sizeof(*rules));
    if (!rules)
        return fail_memory(p);
    g->rules = rules;
    *out = g->n_rules++;
    rules[*out] = (struct rule){.name = (uint32_t)name, .n_name = (uint32_t)n_name};
    return check_size(p);
}

/* A rule without a name, a part of the one that is being read. */
static hekla_status add_part(struct parser *p, uint32_t *out)
{
    const struct rule *r = &p->g->rules[p->rule];
    return add_rule(p, r->name, r->n_name, out);
}

static hekla_status find_rule(struct parser *p, size_t name, size_t n_name, uint32_t *out)
{
    struct grammar *g = p->g;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < n_name; i++)
        hash = (hash ^ (uint8_t)g->text[name + i]) * 16777619u;
    uint32_t *bucket = &p->buckets[hash % N_BUCKETS];
    for (uint32_t i = *bucket; i > 0; i = p->next[i - 1]) {
        const struct rule *r = &g->rules[i - 1];
        if (r->n_name == n_name && memcmp(g->text + r->name, g->text + name, n_name) == 0) {
            *out = i - 1;
            return HEKLA_OK;
        }
    }
    hekla_status status = add_rule(p, name, n_name, out);
    if (status != HEKLA_OK)
        return status;
    if (*out >= p->cap_next) {
        uint32_t *next = realloc(p->next, g->cap_rules * sizeof(*next));
        if (!next)
            return fail_memory(p);
        p->next = next;
        p->cap_next = g->cap_rules;
    }
    p->next[*out] = *bucket;
    *bucket = *out + 1;
    return HEKLA_OK;
}

/* Appends one alternative of the rule; they must come one after the other. */
static hekla_status add_alternative(
    struct parser *p, uint32_t rule, const struct element *items, uint32_t n)
{
    struct grammar *g = p->g;
    uint32_t *alternatives =
        grow(g->alternatives, g->n_alternatives, &g->cap_alternatives, sizeof(*alternatives));
    if (!alternatives)
        return fail_memory(p);
    g->alternatives = alternatives;
    if (g->rules[rule].n++ == 0)
        g->rules[rule].first = g->n_alternatives;
    alternatives[g->n_alternatives++] = g->n_elements;
    for (uint32_t i = 0; i <= n; i++) {
        struct element *elements =
            grow(g->elements, g->n_elements, &g->cap_elements, sizeof(*elements));
        if (!elements)
            return fail_memory(p);
        g->elements = elements;
        elements[g->n_elements++] = i < n ? items[i] : (struct element){.type = ELEMENT_END};
        hekla_status status = check_size(p);
        if (status != HEKLA_OK)
            return status;
    }
    return HEKLA_OK;
}

/* ---- characters -------------------------------------------------------------------------------
 */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static char peek(const struct parser *p)
{
    return p->at < p->n ? p->g->text[p->at] : 0;
}

/* Blanks and comments; line ends, too, where a rule may go on. */
static void skip_blanks(struct parser *p, bool lines)
{
    while (p->at < p->n) {
        char c = p->g->text[p->at];
        if (c == '#')
            while (p->at < p->n && p->g->text[p->at] != '\n' && p->g->text[p->at] != '\r')
                p->at++;
        else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r')))
            p->at++;
        else
            return;
    }
}

static hekla_status read_hex(struct parser *p, uint32_t digits, uint32_t *out)
{
    uint32_t code = 0;
    size_t start = p->at;
    for (uint32_t i = 0; i < digits; i++) {
        char c = peek(p);
        uint32_t d = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                            : 16;
        if (d == 16)
            return fail_at(p, p->at < p->n ? start : p->n,
                "expected 2, 4 or 8 hexadecimal digits after \\x, \\u or \\U");
        code = code << 4 | d;
        p->at++;
    }
    char bytes[4];
    if (!utf8_encode(code, bytes))
        return fail_at(p, start, "this is no Unicode character");
    *out = code;
    return HEKLA_OK;
}

static hekla_status read_escape(struct parser *p, uint32_t *out)
{
    static const char plain[] = "n\nr\rt\t\\\\\"\"[[]]--^^//";
    char c = peek(p);
    size_t start = p->at++;
    if (c == 'x' || c == 'u' || c == 'U')
        return read_hex(p, c == 'x' ? 2 : c == 'u' ? 4 : 8, out);
    for (size_t i = 0; c && i < sizeof(plain) - 1; i += 2)
        if (plain[i] == c) {
            *out = (uint32_t)plain[i + 1];
            return HEKLA_OK;
        }
    return fail_at(p, start,
        "unknown escape; expected one of \\n \\r \\t \\\\ \\\" \\[ \\] \\xHH "
        "\\uHHHH \\UHHHHHHHH");
}

/* The text was checked to be UTF-8. */
static hekla_status read_char(struct parser *p, uint32_t *out)
{
    if (p->g->text[p->at] == '\\') {
        p->at++;
        return read_escape(p, out);
    }
    p->at += (size_t)utf8_decode(p->g->text + p->at, p->n - p->at, out);
    return HEKLA_OK;
}

static hekla_status read_literal(struct parser *p, struct sequence *out)
{
    hekla_status status = HEKLA_OK;
    size_t start = p->at++;
    while (status == HEKLA_OK && peek(p) != '"') {
        uint32_t code = 0;
        if (p->at >= p->n || peek(p) == '\n')
            return fail_at(p, start, "this text has no closing \"");
        status = read_char(p, &code);
        if (status == HEKLA_OK)
            status = push(p, out, (struct element){.type = ELEMENT_CHAR, .a = code});
    }
    p->at++;
    return status;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct grammar_range *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorts ranges from `from` on and joins what touches. */
static void join_ranges(struct grammar *g, uint32_t from)
{
    uint32_t n = from;
    if (g->n_ranges - from < 2)
        return;
    qsort(g->ranges + from, g->n_ranges - from, sizeof(*g->ranges), compare_ranges);
    for (uint32_t i = from + 1; i < g->n_ranges; i++) {
        if (g->ranges[i].first > g->ranges[n].last + 1)
            g->ranges[++n] = g->ranges[i];
        else if (g->ranges[i].last > g->ranges[n].last)
            g->ranges[n].last = g->ranges[i].last;
    }
    g->n_ranges = n + 1;
}

static hekla_status read_range(struct parser *p)
{
    struct grammar *g = p->g;
    struct grammar_range range;
    size_t at = p->at;
    hekla_status status = read_char(p, &range.first);
    range.last = range.first;
    if (status == HEKLA_OK && peek(p) == '-' && p->at + 1 < p->n && g->text[p->at + 1] != ']') {
        p->at++;
        status = read_char(p, &range.last);
        if (status == HEKLA_OK && range.last < range.first)
            return fail_at(p, at, "the range goes backwards");
    }
    if (status != HEKLA_OK)
        return status;
    struct grammar_range *ranges = grow(g->ranges, g->n_ranges, &g->cap_ranges, sizeof(range));
    if (!ranges)
        return fail_memory(p);
    g->ranges = ranges;
    ranges[g->n_ranges++] = range;
    return check_size(p);
}

static hekla_status read_set(struct parser *p, struct sequence *out)
{
    size_t start = p->at++;
    uint32_t from = p->g->n_ranges;
    bool negated = peek(p) == '^';
    p->at += negated;
    hekla_status status = HEKLA_OK;
    while (status == HEKLA_OK && peek(p) != ']') {
        if (p->at >= p->n || peek(p) == '\n')
            return fail_at(p, start, "this set of characters has no closing ]");
        status = read_range(p);
    }
    if (status != HEKLA_OK)
        return status;
    p->at++;
    join_ranges(p->g, from);
    return push(p, out,
        (struct element){.type = negated ? ELEMENT_NOT_SET : ELEMENT_SET,
            .a = from,
            .b = p->g->n_ranges - from});
}

/* ---- repetitions ------------------------------------------------------------------------------
 */

static hekla_status read_number(struct parser *p, uint32_t *out)
{
    size_t start = p->at;
    uint32_t value = 0;
    while (peek(p) >= '0' && peek(p) <= '9' && value <= GRAMMAR_MOST_REPEATS)
        value = 10 * value + (uint32_t)(p->g->text[p->at++] - '0');
    if (p->at == start)
        return fail_at(p, start, "expected a number of repetitions");
    if (value > GRAMMAR_MOST_REPEATS)
        return fail_at(p, start, "too many repetitions, expected 2000 at most");
    *out = value;
    return HEKLA_OK;
}

static hekla_status read_braces(struct parser *p, uint32_t *least, uint32_t *most)
{
    p->at++;
    skip_blanks(p, false);
    size_t start = p->at;
    hekla_status status = read_number(p, least);
    *most = *least;
    skip_blanks(p, false);
    if (status == HEKLA_OK && peek(p) == ',') {
        p->at++;
        skip_blanks(p, false);
        *most = UINT32_MAX;
        if (peek(p) != '}')
            status = read_number(p, most);
        skip_blanks(p, false);
    }
    if (status != HEKLA_OK)
        return status;
    if (peek(p) != '}')
        return fail_at(p, p->at, "expected } after the repetitions");
    p->at++;
    return *most < *least ? fail_at(p, start, "the most repetitions are fewer than the least")
                          : HEKLA_OK;
}

/* The last item of the sequence, from `item` on, as one element. */
static hekla_status make_single(struct parser *p, struct sequence *s, uint32_t item)
{
    uint32_t part;
    if (s->n - item == 1)
        return HEKLA_OK;
    hekla_status status = add_part(p, &part);
    if (status == HEKLA_OK)
        status = add_alternative(p, part, s->items + item, s->n - item);
    s->n = item;
    return status == HEKLA_OK ? push(p, s, (struct element){.type = ELEMENT_RULE, .a = part})
                              : status;
}

/* A rule: item and then `rest` (itself if UINT32_MAX), or nothing. */
static hekla_status add_optional(
    struct parser *p, struct element item, uint32_t rest, bool has_rest, uint32_t *out)
{
    hekla_status status = add_part(p, out);
    if (status != HEKLA_OK)
        return status;
    struct element items[] = {item, {.type = ELEMENT_RULE, .a = rest == UINT32_MAX ? *out : rest}};
    status = add_alternative(p, *out, items, has_rest ? 2 : 1);
    return status == HEKLA_OK ? add_alternative(p, *out, NULL, 0) : status;
}

static hekla_status repeat(
    struct parser *p, struct sequence *s, uint32_t item, uint32_t least, uint32_t most)
{
    uint32_t rest = UINT32_MAX;
    hekla_status status = HEKLA_OK;
    if (most == 0 || s->n == item) {
        s->n = item;
        return HEKLA_OK;
    }
    status = make_single(p, s, item);
    if (status != HEKLA_OK)
        return status;
    struct element one = s->items[item];
    s->n = item;
    for (uint32_t i = 0; i < least && status == HEKLA_OK; i++)
        status = push(p, s, one);
    if (status == HEKLA_OK && most == UINT32_MAX)
        status = add_optional(p, one, UINT32_MAX, true, &rest);
    for (uint32_t i = least; i < most && most != UINT32_MAX && status == HEKLA_OK; i++)
        status = add_optional(p, one, rest, i > least, &rest);
    if (status == HEKLA_OK && most > least)
        status = push(p, s, (struct element){.type = ELEMENT_RULE, .a = rest});
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static hekla_status read_alternatives(struct parser *p, uint32_t rule, bool nested);

static hekla_status read_group(struct parser *p, struct sequence *out)
{
    uint32_t part;
    size_t start = p->at++;
    if (p->depth == GRAMMAR_MOST_DEPTH)
        return fail_at(p, start, "more than 64 parentheses inside each other");
    hekla_status status = add_part(p, &part);
    p->depth++;
    if (status == HEKLA_OK)
        status = read_alternatives(p, part, true);
    p->depth--;
    if (status != HEKLA_OK)
        return status;
    if (peek(p) != ')')
        return fail_at(p, p->at < p->n ? p->at : p->n, "expected )");
    p->at++;
    return push(p, out, (struct element){.type = ELEMENT_RULE, .a = part});
}

static size_t word_length(const struct parser *p)
{
    size_t n = 0;
    while (p->at + n < p->n && is_word(p->g->text[p->at + n]))
        n++;
    return n;
}

static hekla_status read_reference(struct parser *p, struct sequence *out)
{
    uint32_t rule;
    size_t n = word_length(p);
    hekla_status status = find_rule(p, p->at, n, &rule);
    if (status == HEKLA_OK && p->g->rules[rule].used == 0)
        p->g->rules[rule].used = (uint32_t)p->at;
    p->at += n;
    return status == HEKLA_OK ? push(p, out, (struct element){.type = ELEMENT_RULE, .a = rule})
                              : status;
}

/* One text, set, group, rule or dot. *is_item false: something else follows. */
static hekla_status read_item(struct parser *p, struct sequence *out, bool *is_item)
{
    char c = peek(p);
    *is_item = true;
    if (c == '"')
        return read_literal(p, out);
    if (c == '[')
        return read_set(p, out);
    if (c == '(')
        return read_group(p, out);
    if (is_word(c))
        return read_reference(p, out);
    *is_item = false;
    if (c == '<' || c == '!')
        return fail_at(p, p->at, "tokens written as <...> are not supported, only text");
    if (c != '.')
        return HEKLA_OK;
    *is_item = true;
    p->at++;
    return push(p, out, (struct element){.type = ELEMENT_ANY});
}

static hekla_status read_sequence(struct parser *p, struct sequence *out, bool nested)
{
    uint32_t item = UINT32_MAX;
    for (;;) {
        uint32_t least = 0, most = UINT32_MAX, before = out->n;
        size_t at = p->at;
        bool is_item;
        char c = peek(p);
        hekla_status status = read_item(p, out, &is_item);
        if (is_item) {
            item = before;
        } else if (status == HEKLA_OK) {
            if (c != '*' && c != '+' && c != '?' && c != '{')
                return HEKLA_OK;
            if (item == UINT32_MAX)
                return fail_at(p, at, "there is nothing before it to repeat");
            least = c == '+';
            most = c == '?' ? 1 : UINT32_MAX;
            if (c == '{')
                status = read_braces(p, &least, &most);
            else
                p->at++;
            if (status == HEKLA_OK)
                status = repeat(p, out, item, least, most);
        }
        if (status != HEKLA_OK)
            return status;
        skip_blanks(p, nested);
    }
}

static hekla_status read_alternatives(struct parser *p, uint32_t rule, bool nested)
{
    struct sequence *list = NULL;
    uint32_t n = 0, cap = 0;
    hekla_status status = HEKLA_OK;
    for (bool more = true; more && status == HEKLA_OK;) {
        struct sequence *grown = grow(list, n, &cap, sizeof(*list));
        if (!grown) {
            status = fail_memory(p);
            break;
        }
        list = grown;
        list[n] = (struct sequence){0};
        skip_blanks(p, nested || n > 0);
        status = read_sequence(p, &list[n++], nested);
        more = peek(p) == '|';
        p->at += more && status == HEKLA_OK;
    }
    /* Now that the parts inside are complete. */
    for (uint32_t i = 0; i < n; i++) {
        if (status == HEKLA_OK)
            status = add_alternative(p, rule, list[i].items, list[i].n);
        free(list[i].items);
    }
    free(list);
    return status;
}

static hekla_status read_rule(struct parser *p)
{
    size_t start = p->at, n = word_length(p);
    if (n == 0)
        return fail_at(p, start, "expected the name of a rule");
    hekla_status status = find_rule(p, start, n, &p->rule);
    if (status != HEKLA_OK)
        return status;
    if (p->g->rules[p->rule].n)
        return fail_at(p, start, "this rule is defined twice");
    p->at += n;
    skip_blanks(p, false);
    if (p->n - p->at < 3 || memcmp(p->g->text + p->at, "::=", 3) != 0)
        return fail_at(p, p->at, "expected ::= after the name of a rule");
    p->at += 3;
    skip_blanks(p, true);
    status = read_alternatives(p, p->rule, false);
    if (status != HEKLA_OK)
        return status;
    if (p->at < p->n && peek(p) != '\n' && peek(p) != '\r')
        return fail_at(p, p->at, "expected a text, a set, a rule, ( or the end of the line");
    return HEKLA_OK;
}

static hekla_status check_rules(struct parser *p)
{
    const struct grammar *g = p->g;
    for (uint32_t i = 0; i < g->n_rules; i++) {
        const struct rule *r = &g->rules[i];
        if (r->n == 0)
            return hekla_fail(p->err, HEKLA_ARGUMENT, "%s, line %u: rule \"%s\" is not defined",
                p->name, line_of(p, r->used), utf8_label(g->text + r->name, r->n_name).text);
    }
    return HEKLA_OK;
}

static hekla_status find_root(struct parser *p)
{
    for (uint32_t i = 0; i < p->g->n_rules; i++) {
        const struct rule *r = &p->g->rules[i];
        if (r->n_name == 4 && memcmp(p->g->text + r->name, "root", 4) == 0) {
            p->g->root = i;
            return HEKLA_OK;
        }
    }
    return hekla_fail(p->err, HEKLA_ARGUMENT, "%s has no rule \"root\"", p->name);
}

static hekla_status read_all(struct parser *p)
{
    hekla_status status = HEKLA_OK;
    skip_blanks(p, true);
    while (p->at < p->n && status == HEKLA_OK) {
        status = read_rule(p);
        skip_blanks(p, true);
    }
    if (status == HEKLA_OK)
        status = find_root(p); /* the first of that name is the rule itself, parts come after */
    if (status == HEKLA_OK)
        status = check_rules(p);
    return status == HEKLA_OK ? grammar_check_recursion(p->g, p->name, p->err) : status;
}

static hekla_status check_text(
    const char *text, size_t n, const char *name, struct hekla_error *err)
{
    if (n > GRAMMAR_MOST_BYTES)
        return hekla_fail(err, HEKLA_ARGUMENT, "%s has %zu bytes, expected %d at most", name, n,
            GRAMMAR_MOST_BYTES);
    size_t valid = utf8_check(text, n);
    if (valid < n)
        return hekla_fail(err, HEKLA_ARGUMENT, "%s is not UTF-8 at byte %zu", name, valid);
    const char *zero = memchr(text, 0, n);
    if (zero)
        return hekla_fail(
            err, HEKLA_ARGUMENT, "%s has a zero byte at %zu", name, (size_t)(zero - text));
    return HEKLA_OK;
}

hekla_status grammar_parse(
    struct grammar **out, const char *text, size_t n, const char *name, struct hekla_error *err)
{
    hekla_status status = check_text(text, n, name, err);
    if (status != HEKLA_OK)
        return status;
    struct parser p = {.g = calloc(1, sizeof(*p.g)),
        .name = name,
        .n = n,
        .buckets = calloc(N_BUCKETS, sizeof(*p.buckets)),
        .err = err};
    if (p.g)
        p.g->text = malloc(n + 1);
    if (!p.g || !p.g->text || !p.buckets) {
        status = fail_memory(&p);
    } else {
        memcpy(p.g->text, text, n);
        p.g->text[n] = 0;
        status = read_all(&p);
    }
    free(p.buckets);
    free(p.next);
    if (status == HEKLA_OK)
        *out = p.g;
    else
        grammar_destroy(p.g);
    return status;
}

void grammar_destroy(struct grammar *g)
{
    if (!g)
        return;
    free(g->text);
    free(g->elements);
    free(g->alternatives);
    free(g->rules);
    free(g->ranges);
    free(g);
}
