/* Refuses left recursion: a rule that can begin with itself. Linear in the grammar's size, and
 * without recursion of its own. */
#include "sample/elements.h"

#include "base/utf8.h"

#include <stdlib.h>

/* Rules that can be empty. An alternative waits for its first rule that is not known to be; when it
 * becomes known, the alternative moves on to the next one. */
struct emptiness {
    const struct grammar *g;
    bool *empty;       /* [n_rules] */
    uint32_t *owner;   /* [n_alternatives] its rule */
    uint32_t *at;      /* [n_alternatives] the element it waits for */
    uint32_t *waiting; /* [n_rules] alternatives + 1 that wait for the rule, chained by next */
    uint32_t *next;    /* [n_alternatives] */
    uint32_t *queue;   /* [n_rules] rules that became empty */
    uint32_t n_queue;
};

static void move_on(struct emptiness *e, uint32_t alternative)
{
    const struct grammar *g = e->g;
    uint32_t at = e->at[alternative], owner = e->owner[alternative];
    while (g->elements[at].type == ELEMENT_RULE && e->empty[g->elements[at].a])
        at++;
    e->at[alternative] = at;
    if (g->elements[at].type == ELEMENT_RULE) {
        uint32_t rule = g->elements[at].a;
        e->next[alternative] = e->waiting[rule];
        e->waiting[rule] = alternative + 1;
    } else if (g->elements[at].type == ELEMENT_END && !e->empty[owner]) {
        e->empty[owner] = true;
        e->queue[e->n_queue++] = owner;
    }
}

static void find_empty(struct emptiness *e)
{
    const struct grammar *g = e->g;
    for (uint32_t r = 0; r < g->n_rules; r++)
        for (uint32_t i = 0; i < g->rules[r].n; i++) {
            e->owner[g->rules[r].first + i] = r;
            e->at[g->rules[r].first + i] = g->alternatives[g->rules[r].first + i];
        }
    for (uint32_t i = 0; i < g->n_alternatives; i++)
        move_on(e, i);
    for (uint32_t i = 0; i < e->n_queue; i++)
        for (uint32_t a = e->waiting[e->queue[i]], next; a > 0; a = next) {
            next = e->next[a - 1];
            move_on(e, a - 1);
        }
}

/* A walk down the rules that a rule can begin with: where it stands in each rule on its path. */
struct step {
    uint32_t rule, alternative, element;
};

enum { NEW, ON_PATH, DONE };

/* The next rule that the step's rule can begin with; false: there is none. */
static bool next_beginning(const struct emptiness *e, struct step *s, uint32_t *out)
{
    const struct grammar *g = e->g;
    const struct rule *r = &g->rules[s->rule];
    for (; s->alternative < r->n; s->alternative++, s->element = 0) {
        uint32_t at = g->alternatives[r->first + s->alternative] + s->element;
        /* What comes before it can be empty: the walk would have stopped there else. */
        if (g->elements[at].type != ELEMENT_RULE ||
            (s->element > 0 && !e->empty[g->elements[at - 1].a]))
            continue;
        s->element++;
        *out = g->elements[at].a;
        return true;
    }
    return false;
}

/* A rule that can begin with itself, or n_rules. */
static uint32_t find_cycle(const struct emptiness *e, uint8_t *state, struct step *path)
{
    for (uint32_t root = 0; root < e->g->n_rules; root++) {
        uint32_t depth = 0, rule;
        if (state[root] != NEW)
            continue;
        path[depth++] = (struct step){.rule = root};
        state[root] = ON_PATH;
        while (depth > 0) {
            struct step *top = &path[depth - 1];
            if (!next_beginning(e, top, &rule)) {
                state[top->rule] = DONE;
                depth--;
            } else if (state[rule] == ON_PATH) {
                return rule;
            } else if (state[rule] == NEW) {
                state[rule] = ON_PATH;
                path[depth++] = (struct step){.rule = rule};
            }
        }
    }
    return e->g->n_rules;
}

hekla_status grammar_check_recursion(
    const struct grammar *g, const char *name, struct hekla_error *err)
{
    struct emptiness e = {.g = g,
        .empty = calloc(g->n_rules, sizeof(bool)),
        .owner = calloc(g->n_alternatives, sizeof(uint32_t)),
        .at = calloc(g->n_alternatives, sizeof(uint32_t)),
        .waiting = calloc(g->n_rules, sizeof(uint32_t)),
        .next = calloc(g->n_alternatives, sizeof(uint32_t)),
        .queue = calloc(g->n_rules, sizeof(uint32_t))};
    uint8_t *state = calloc(g->n_rules, 1);
    struct step *path = calloc(g->n_rules, sizeof(*path));
    hekla_status status = HEKLA_OK;
    if (!e.empty || !e.owner || !e.at || !e.waiting || !e.next || !e.queue || !state || !path) {
        status = hekla_fail(err, HEKLA_MEMORY, "not enough host memory for %s", name);
    } else {
        find_empty(&e);
        uint32_t rule = find_cycle(&e, state, path);
        if (rule < g->n_rules)
            status = hekla_fail(err, HEKLA_ARGUMENT,
                "%s: rule \"%s\" can begin with itself (left recursion); write the repetition "
                "with * or behind what is repeated",
                name, utf8_label(g->text + g->rules[rule].name, g->rules[rule].n_name).text);
    }
    free(e.empty);
    free(e.owner);
    free(e.at);
    free(e.waiting);
    free(e.next);
    free(e.queue);
    free(state);
    free(path);
    return status;
}
