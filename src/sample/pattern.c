/* "pattern" of a schema: a regular expression (ECMA 262, without looking around or back) becomes a
 * rule for a JSON string. Characters stand for themselves; only " \ and a few control characters
 * are written as escapes. */
#include "sample/schema.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RANGES = 256 };

struct pattern {
    struct schema *s;
    const char *text;
    size_t n, at;
    uint32_t depth;
    struct schema_text out;
};

struct range {
    uint32_t first, last;
};

struct set {
    struct range ranges[MOST_RANGES];
    uint32_t n;
    bool negated;
};

static hekla_status fail(struct pattern *p, const char *what)
{
    return schema_fail(p->s, "\"pattern\" at byte %zu: %s", p->at, what);
}

static char peek(const struct pattern *p)
{
    return p->at < p->n ? p->text[p->at] : 0;
}

static hekla_status add_range(struct pattern *p, struct set *set, uint32_t first, uint32_t last)
{
    if (last < first)
        return fail(p, "the range goes backwards");
    if (set->n == MOST_RANGES)
        return fail(p, "more than 256 ranges in a set");
    set->ranges[set->n++] = (struct range){first, last};
    return HEKLA_OK;
}

/* \d \w \s and, as a set of their own, \D \W \S. false: something else. */
static bool add_class(struct set *set, char c)
{
    static const struct range digits[] = {{'0', '9'}};
    static const struct range words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    static const struct range spaces[] = {{'\t', '\r'}, {' ', ' '}};
    char lower = (char)(c | 0x20);
    const struct range *ranges = lower == 'd' ? digits : lower == 'w' ? words : spaces;
    uint32_t n = lower == 'd' ? 1 : lower == 'w' ? 4 : 2;
    if (lower != 'd' && lower != 'w' && lower != 's')
        return false;
    for (uint32_t i = 0; i < n && set->n < MOST_RANGES; i++)
        set->ranges[set->n++] = ranges[i];
    set->negated = c != lower;
    return true;
}

static hekla_status read_hex(struct pattern *p, uint32_t digits, uint32_t *code)
{
    *code = 0;
    for (uint32_t i = 0; i < digits; i++, p->at++) {
        char c = peek(p);
        char lower = (char)(c | 0x20);
        if (!((c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f')))
            return fail(p, "expected hexadecimal digits");
        *code = *code << 4 | (uint32_t)(c <= '9' ? c - '0' : lower - 'a' + 10);
    }
    char bytes[4];
    return utf8_encode(*code, bytes) ? HEKLA_OK : fail(p, "this is no Unicode character");
}

/* The character after a backslash. */
static hekla_status read_escape(struct pattern *p, uint32_t *code)
{
    static const char controls[] = "n\nr\rt\tf\fv\v";
    char c = peek(p);
    p->at++;
    if (c == 'x' || c == 'u')
        return read_hex(p, c == 'x' ? 2 : 4, code);
    for (size_t i = 0; c && i < sizeof(controls) - 1; i += 2)
        if (controls[i] == c) {
            *code = (uint32_t)controls[i + 1];
            return HEKLA_OK;
        }
    p->at--;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || !c)
        return fail(p, "this escape is not supported");
    p->at += (size_t)utf8_decode(p->text + p->at, p->n - p->at, code);
    return HEKLA_OK;
}

static hekla_status read_char(struct pattern *p, uint32_t *code)
{
    if (peek(p) == '\\') {
        p->at++;
        return read_escape(p, code);
    }
    p->at += (size_t)utf8_decode(p->text + p->at, p->n - p->at, code);
    return HEKLA_OK;
}

/* How the character is written in a JSON string, as a literal; false: not at all. */
static bool put_char(struct pattern *p, uint32_t code)
{
    static const char controls[] = "\"\"\\\\\b"
                                   "b\f"
                                   "f\n"
                                   "n\r"
                                   "r\t"
                                   "t";
    char bytes[4];
    for (size_t i = 0; i < sizeof(controls) - 1; i += 2)
        if ((uint32_t)controls[i] == code) {
            char escaped[] = {'\\', controls[i + 1]};
            schema_put_literal(&p->out, escaped, 2);
            return true;
        }
    if (code < 0x20)
        return false;
    schema_put_literal(&p->out, bytes, utf8_encode(code, bytes));
    return true;
}

/* Without what a JSON string cannot hold as it is: controls, " and \. */
static void put_plain_range(struct schema_text *t, uint32_t first, uint32_t last)
{
    static const uint32_t holes[] = {0x22, 0x5c, 0x7f};
    first = first < 0x20 ? 0x20 : first;
    for (size_t i = 0; i <= 3 && first <= last; i++) {
        uint32_t end = i < 3 && holes[i] <= last ? holes[i] - 1 : last;
        if (i < 3 && holes[i] < first)
            continue;
        if (first <= end)
            schema_put(t, "\\U%08X-\\U%08X", first, end);
        first = end == last ? last + 1 : end + 2;
    }
}

static bool holds(const struct set *set, uint32_t code)
{
    for (uint32_t i = 0; i < set->n; i++)
        if (code >= set->ranges[i].first && code <= set->ranges[i].last)
            return true;
    return false;
}

static hekla_status put_set(struct pattern *p, const struct set *set)
{
    struct schema_text plain = {0};
    if (set->negated) {
        schema_put(&p->out, "[^\"\\\\\\x00-\\x1F\\x7F");
        for (uint32_t i = 0; i < set->n; i++)
            put_plain_range(&p->out, set->ranges[i].first, set->ranges[i].last);
        schema_put(&p->out, "]");
        return HEKLA_OK;
    }
    for (uint32_t i = 0; i < set->n; i++)
        put_plain_range(&plain, set->ranges[i].first, set->ranges[i].last);
    bool quote = holds(set, '"'), backslash = holds(set, '\\');
    if (plain.failed || (plain.n == 0 && !quote && !backslash)) {
        free(plain.data);
        return fail(p, "this set has no character that a text can hold as it is");
    }
    schema_put(&p->out, "(%s%s%s%s%s)", plain.n ? "[" : "", plain.n ? plain.data : "",
        plain.n ? "]" : "", quote ? plain.n ? " | \"\\\\\\\"\"" : "\"\\\\\\\"\"" : "",
        backslash ? plain.n || quote ? " | \"\\\\\\\\\"" : "\"\\\\\\\\\"" : "");
    free(plain.data);
    return HEKLA_OK;
}

static hekla_status read_set_item(struct pattern *p, struct set *set)
{
    uint32_t first, last;
    bool negated = set->negated;
    if (peek(p) == '\\' && p->at + 1 < p->n && add_class(set, p->text[p->at + 1])) {
        bool class_negated = set->negated;
        set->negated = negated;
        if (class_negated)
            return fail(p, "\\D, \\W and \\S inside a set are not supported");
        p->at += 2;
        return HEKLA_OK;
    }
    hekla_status status = read_char(p, &first);
    last = first;
    if (status == HEKLA_OK && peek(p) == '-' && p->at + 1 < p->n && p->text[p->at + 1] != ']') {
        p->at++;
        status = read_char(p, &last);
    }
    return status == HEKLA_OK ? add_range(p, set, first, last) : status;
}

static hekla_status read_set(struct pattern *p)
{
    struct set set = {.n = 0};
    hekla_status status = HEKLA_OK;
    p->at++;
    if (peek(p) == '^') {
        set.negated = true;
        p->at++;
    }
    while (status == HEKLA_OK && peek(p) != ']') {
        if (p->at >= p->n)
            return fail(p, "the set has no closing ]");
        status = read_set_item(p, &set);
    }
    p->at++;
    return status == HEKLA_OK ? put_set(p, &set) : status;
}

static hekla_status read_alternatives(struct pattern *p);

static hekla_status read_group(struct pattern *p)
{
    p->at++;
    if (peek(p) == '?') {
        if (p->at + 1 >= p->n || p->text[p->at + 1] != ':')
            return fail(p, "groups that begin with (? are not supported, only (?:");
        p->at += 2;
    }
    if (p->depth == SCHEMA_MOST_DEPTH)
        return fail(p, "more than 64 groups inside each other");
    p->depth++;
    schema_put(&p->out, "(");
    hekla_status status = read_alternatives(p);
    schema_put(&p->out, ")");
    p->depth--;
    if (status == HEKLA_OK && peek(p) != ')')
        status = fail(p, "expected )");
    p->at++;
    return status;
}

static hekla_status read_atom(struct pattern *p)
{
    struct set set = {.n = 0};
    uint32_t code;
    char c = peek(p);
    if (c == '[')
        return read_set(p);
    if (c == '(')
        return read_group(p);
    if (c == '.') {
        schema_put(&p->out, "plain");
        p->at++;
        return HEKLA_OK;
    }
    if (strchr("*+?{", c))
        return fail(p, "there is nothing before it to repeat");
    if (c == '^' || c == '$')
        return fail(p, "^ and $ are supported at the beginning and the end only, without | there");
    if (c == '\\' && p->at + 1 < p->n && add_class(&set, p->text[p->at + 1])) {
        p->at += 2;
        return put_set(p, &set);
    }
    hekla_status status = read_char(p, &code);
    if (status == HEKLA_OK && !put_char(p, code))
        return fail(p, "control characters are not supported");
    return status;
}

static uint32_t read_number(struct pattern *p)
{
    uint32_t value = 0;
    while (peek(p) >= '0' && peek(p) <= '9') {
        value = value > GRAMMAR_MOST_REPEATS ? value : 10 * value + (uint32_t)(peek(p) - '0');
        p->at++;
    }
    return value;
}

static hekla_status read_repeat(struct pattern *p)
{
    char c = peek(p);
    if (c == '*' || c == '+' || c == '?') {
        schema_put(&p->out, "%c", c);
        p->at++;
    } else if (c == '{') {
        p->at++;
        size_t start = p->at;
        uint32_t least = read_number(p), most = least;
        bool given = p->at > start, open = false;
        if (peek(p) == ',') {
            p->at++;
            open = peek(p) == '}';
            most = open ? least : read_number(p);
        }
        if (peek(p) != '}' || !given)
            return fail(p, "expected repetitions such as {2}, {2,} or {2,5}");
        if (least > GRAMMAR_MOST_REPEATS || most > GRAMMAR_MOST_REPEATS || most < least)
            return fail(p, "expected at most 2000 repetitions, the fewer first");
        p->at++;
        if (open)
            schema_put(&p->out, "{%u,}", least);
        else
            schema_put(&p->out, "{%u,%u}", least, most);
    } else {
        return HEKLA_OK;
    }
    p->at += peek(p) == '?'; /* lazy: the same texts */
    return HEKLA_OK;
}

static hekla_status read_alternatives(struct pattern *p)
{
    hekla_status status = HEKLA_OK;
    schema_put(&p->out, "\"\"");
    while (status == HEKLA_OK && p->at < p->n && peek(p) != ')') {
        if (peek(p) == '|') {
            schema_put(&p->out, " | \"\"");
            p->at++;
            continue;
        }
        schema_put(&p->out, " ");
        status = read_atom(p);
        if (status == HEKLA_OK)
            status = read_repeat(p);
    }
    return status;
}

/* Whether the $ at the end is an anchor: it is not behind a backslash. */
static bool ends_anchored(const char *pattern, size_t n)
{
    size_t backslashes = 0;
    while (n > 1 + backslashes && pattern[n - 2 - backslashes] == '\\')
        backslashes++;
    return n > 0 && pattern[n - 1] == '$' && backslashes % 2 == 0;
}

hekla_status schema_pattern(struct schema *s, const char *pattern, uint32_t *rule)
{
    struct pattern p = {.s = s, .text = pattern, .n = strlen(pattern)};
    bool begins = pattern[0] == '^', ends = ends_anchored(pattern, p.n);
    p.at = begins;
    p.n -= ends;
    hekla_status status = read_alternatives(&p);
    if (status == HEKLA_OK && p.at < p.n)
        status = fail(&p, "there is no ( for this )");
    *rule = schema_new_rule(s);
    schema_put(&s->text, "r%u ::= \"\\\"\" %s(%s)%s \"\\\"\"\n", *rule, begins ? "" : "char* ",
        p.out.failed || !p.out.data ? "" : p.out.data, ends ? "" : " char*");
    s->text.failed |= p.out.failed;
    free(p.out.data);
    return status;
}
