#include "sample/elements.h"

#include <stdlib.h>
#include <string.h>

/* A stack: an element that is to come and, below it, what comes after its rule. Equal stacks are
 * one entry, so a parent's index is smaller than its children's. */
struct entry {
    uint32_t element, parent; /* parent NONE: the end of the text comes after it */
    uint32_t next;            /* in its bucket, + 1 */
    uint32_t seen;            /* the step that reached it last */
};

#define NONE UINT32_MAX
enum { N_BUCKETS = 1 << 15, MANY = 8 };

/* All ways to go on; the first byte of a character that is not complete may have been read. */
struct ways {
    uint32_t *tops; /* entries whose element is a character */
    uint32_t n;
    bool may_end;
};

struct partial {
    uint32_t code, missing, least; /* bytes missing; the least code of this length */
};

struct grammar_matcher {
    const struct grammar *g;
    struct entry *entries; /* [GRAMMAR_MOST_WAYS] */
    uint32_t n_entries, step;
    uint32_t *buckets; /* [N_BUCKETS] */
    uint32_t *stack;   /* [GRAMMAR_MOST_WAYS], scratch */
    struct ways now, next, spare;
    struct partial partial;
    bool overflow;
    uint32_t asked;  /* times since the last byte */
    bool first[256]; /* bytes that may come next; known after MANY times */
};

static uint32_t bucket_of(uint32_t element, uint32_t parent)
{
    uint32_t hash = (element * 2654435761u) ^ (parent * 2246822519u);
    return (hash ^ hash >> 15) % N_BUCKETS;
}

/* The entry of a stack; NONE: too many. */
static uint32_t intern(struct grammar_matcher *m, uint32_t element, uint32_t parent)
{
    uint32_t bucket = bucket_of(element, parent);
    for (uint32_t i = m->buckets[bucket]; i > 0; i = m->entries[i - 1].next)
        if (m->entries[i - 1].element == element && m->entries[i - 1].parent == parent)
            return i - 1;
    if (m->n_entries == GRAMMAR_MOST_WAYS) {
        m->overflow = true;
        return NONE;
    }
    uint32_t i = m->n_entries++;
    m->entries[i] = (struct entry){element, parent, m->buckets[bucket], 0};
    m->buckets[bucket] = i + 1;
    return i;
}

/* Takes back the entries made since there were n. */
static void forget(struct grammar_matcher *m, uint32_t n)
{
    while (m->n_entries > n) {
        const struct entry *e = &m->entries[--m->n_entries];
        m->buckets[bucket_of(e->element, e->parent)] = e->next;
    }
}

/* Begins a step: no entry has been seen. */
static void begin_step(struct grammar_matcher *m)
{
    if (++m->step == 0) {
        for (uint32_t i = 0; i < m->n_entries; i++)
            m->entries[i].seen = 0;
        m->step = 1;
    }
}

/* Puts a stack on the list of those to look at, once a step. */
static void reach(struct grammar_matcher *m, uint32_t element, uint32_t parent, uint32_t *n)
{
    uint32_t i = intern(m, element, parent);
    if (i == NONE || m->entries[i].seen == m->step)
        return;
    m->entries[i].seen = m->step;
    m->stack[(*n)++] = i;
}

/* Adds to `out` the characters that can come first in a stack. */
static void expand(struct grammar_matcher *m, uint32_t element, uint32_t parent, struct ways *out)
{
    const struct grammar *g = m->g;
    uint32_t n = 0;
    reach(m, element, parent, &n);
    while (n > 0 && !m->overflow) {
        uint32_t i = m->stack[--n], below = m->entries[i].parent;
        const struct element *e = &g->elements[m->entries[i].element];
        if (e->type == ELEMENT_END && below == NONE) {
            out->may_end = true;
        } else if (e->type == ELEMENT_END) {
            reach(m, m->entries[below].element, m->entries[below].parent, &n);
        } else if (e->type == ELEMENT_RULE) {
            /* Nothing after the rule: no need to come back, and a repetition needs no memory. */
            if (e[1].type != ELEMENT_END)
                below = intern(m, m->entries[i].element + 1, below);
            const struct rule *r = &g->rules[e->a];
            for (uint32_t k = 0; k < r->n && !m->overflow; k++)
                reach(m, g->alternatives[r->first + k], below, &n);
        } else {
            out->tops[out->n++] = i;
        }
    }
}

/* Whether a range of the set's meets first..last; `inside`: one that holds all of it. */
static bool meets(
    const struct grammar *g, const struct element *set, uint32_t first, uint32_t last, bool inside)
{
    uint32_t low = set->a, n = set->a + set->b, high = n;
    while (low < high) { /* for the first range that ends at `first` or later */
        uint32_t middle = low + (high - low) / 2;
        if (g->ranges[middle].last < first)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == n || g->ranges[low].first > last)
        return false;
    return !inside || (g->ranges[low].first <= first && g->ranges[low].last >= last);
}

/* Whether some character from first to last is what the element wants. */
static bool takes(const struct grammar *g, const struct element *e, uint32_t first, uint32_t last)
{
    switch (e->type) {
    case ELEMENT_CHAR:
        return e->a >= first && e->a <= last;
    case ELEMENT_SET:
        return meets(g, e, first, last, false);
    case ELEMENT_NOT_SET:
        return !meets(g, e, first, last, true);
    default:
        return true;
    }
}

/* next: the ways after a character. */
static bool step(struct grammar_matcher *m, const struct ways *from, uint32_t code)
{
    m->next.n = 0;
    m->next.may_end = false;
    begin_step(m);
    for (uint32_t i = 0; i < from->n && !m->overflow; i++) {
        const struct entry *e = &m->entries[from->tops[i]];
        if (takes(m->g, &m->g->elements[e->element], code, code))
            expand(m, e->element + 1, e->parent, &m->next);
    }
    return !m->overflow && (m->next.n > 0 || m->next.may_end);
}

/* Adds a byte to a character. false: this is not UTF-8. */
static bool add_byte(struct partial *p, uint8_t byte)
{
    if (p->missing) {
        p->code = p->code << 6 | (byte & 63u);
        p->missing--;
        if ((byte & 0xc0) != 0x80)
            return false;
        return p->missing || (p->code >= p->least && p->code <= 0x10ffff &&
                                 (p->code < 0xd800 || p->code > 0xdfff));
    }
    uint32_t extra = byte < 0x80 ? 0 : byte < 0xc2 ? 4 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    *p = (struct partial){.code = extra ? byte & (0x3fu >> extra) : byte,
        .missing = extra,
        .least = extra == 1   ? 0x80
                 : extra == 2 ? 0x800
                              : 0x10000};
    return extra < 4 && byte < 0xf5;
}

/* Whether the character that has begun can become one that is wanted. */
static bool can_complete(
    const struct grammar_matcher *m, const struct ways *ways, const struct partial *p)
{
    uint32_t first = p->code << 6 * p->missing;
    uint32_t last = first | ((1u << 6 * p->missing) - 1);
    first = first < p->least ? p->least : first;
    last = last > 0x10ffff ? 0x10ffff : last;
    uint32_t low_end = last < 0xd7ff ? last : 0xd7ff, high = first > 0xe000 ? first : 0xe000;
    for (uint32_t i = 0; i < ways->n; i++) {
        const struct element *e = &m->g->elements[m->entries[ways->tops[i]].element];
        if ((first <= low_end && takes(m->g, e, first, low_end)) ||
            (high <= last && takes(m->g, e, high, last)))
            return true;
    }
    return false;
}

/* Reads bytes from m->now on; the ways after them are then in m->spare, and *p is the partial
 * character. */
static bool read_bytes(struct grammar_matcher *m, const char *bytes, size_t n, struct partial *p)
{
    const struct ways *from = &m->now;
    *p = m->partial;
    m->overflow = false;
    for (size_t i = 0; i < n; i++) {
        if (!add_byte(p, (uint8_t)bytes[i]))
            return false;
        if (p->missing)
            continue;
        if (!step(m, from, p->code))
            return false;
        struct ways swapped = m->next;
        m->next = m->spare;
        m->spare = swapped;
        from = &m->spare;
    }
    if (from == &m->now) {
        memcpy(m->spare.tops, m->now.tops, m->now.n * sizeof(*m->now.tops));
        m->spare.n = m->now.n;
        m->spare.may_end = m->now.may_end;
    }
    return !p->missing || can_complete(m, from, p);
}

static bool can_follow(struct grammar_matcher *m, const char *bytes, size_t n)
{
    struct partial p;
    uint32_t n_entries = m->n_entries;
    bool allowed = read_bytes(m, bytes, n, &p);
    forget(m, n_entries);
    return allowed;
}

/* Who asks often asks about a whole vocabulary, most of which its first byte decides. */
bool grammar_matcher_allows(struct grammar_matcher *m, const char *bytes, size_t n)
{
    if (m->asked < MANY && ++m->asked == MANY)
        for (int i = 0; i < 256; i++) {
            char byte = (char)i;
            m->first[i] = can_follow(m, &byte, 1);
        }
    if (m->asked == MANY && n > 0 && !m->first[(uint8_t)bytes[0]])
        return false;
    return can_follow(m, bytes, n);
}

/* Keeps the entries that the ways stand on. */
static void compact(struct grammar_matcher *m)
{
    uint32_t n = 0, *moved = m->stack;
    begin_step(m);
    for (uint32_t i = 0; i < m->now.n; i++)
        m->entries[m->now.tops[i]].seen = m->step;
    for (uint32_t i = m->n_entries; i-- > 0;)
        if (m->entries[i].seen == m->step && m->entries[i].parent != NONE)
            m->entries[m->entries[i].parent].seen = m->step;
    memset(m->buckets, 0, N_BUCKETS * sizeof(*m->buckets));
    for (uint32_t i = 0; i < m->n_entries; i++) {
        struct entry e = m->entries[i];
        if (e.seen != m->step)
            continue;
        e.parent = e.parent == NONE ? NONE : moved[e.parent];
        uint32_t bucket = bucket_of(e.element, e.parent);
        e.next = m->buckets[bucket];
        m->entries[n] = e;
        moved[i] = n++;
        m->buckets[bucket] = n;
    }
    m->n_entries = n;
    for (uint32_t i = 0; i < m->now.n; i++)
        m->now.tops[i] = moved[m->now.tops[i]];
}

bool grammar_matcher_accept(struct grammar_matcher *m, const char *bytes, size_t n)
{
    struct partial p;
    uint32_t n_entries = m->n_entries;
    if (!read_bytes(m, bytes, n, &p)) {
        forget(m, n_entries);
        return false;
    }
    struct ways swapped = m->now;
    m->now = m->spare;
    m->spare = swapped;
    m->partial = p;
    m->asked = 0;
    if (m->n_entries > GRAMMAR_MOST_WAYS / 4)
        compact(m);
    return true;
}

bool grammar_matcher_may_end(const struct grammar_matcher *m)
{
    return m->now.may_end && !m->partial.missing;
}

void grammar_matcher_destroy(struct grammar_matcher *m)
{
    if (!m)
        return;
    free(m->entries);
    free(m->buckets);
    free(m->stack);
    free(m->now.tops);
    free(m->next.tops);
    free(m->spare.tops);
    free(m);
}

hekla_status grammar_matcher_create(
    struct grammar_matcher **out, const struct grammar *g, struct hekla_error *err)
{
    struct grammar_matcher *m = calloc(1, sizeof(*m));
    if (m) {
        m->g = g;
        m->entries = calloc(GRAMMAR_MOST_WAYS, sizeof(*m->entries));
        m->buckets = calloc(N_BUCKETS, sizeof(*m->buckets));
        m->stack = calloc(GRAMMAR_MOST_WAYS, sizeof(*m->stack));
        m->now.tops = calloc(GRAMMAR_MOST_WAYS, sizeof(*m->now.tops));
        m->next.tops = calloc(GRAMMAR_MOST_WAYS, sizeof(*m->next.tops));
        m->spare.tops = calloc(GRAMMAR_MOST_WAYS, sizeof(*m->spare.tops));
    }
    if (!m || !m->entries || !m->buckets || !m->stack || !m->now.tops || !m->next.tops ||
        !m->spare.tops) {
        grammar_matcher_destroy(m);
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory to follow a grammar");
    }
    const struct rule *root = &g->rules[g->root];
    begin_step(m);
    for (uint32_t i = 0; i < root->n && !m->overflow; i++)
        expand(m, g->alternatives[root->first + i], NONE, &m->now);
    if (m->overflow) {
        grammar_matcher_destroy(m);
        return hekla_fail(err, HEKLA_ARGUMENT, "the grammar can begin in more than %d ways at once",
            GRAMMAR_MOST_WAYS);
    }
    *out = m;
    return HEKLA_OK;
}
