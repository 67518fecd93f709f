/* Lists, and dicts that keep the order of insertion. */
#include "jinja/internal.h"

struct list *list_create(struct jinja *j)
{
    return mem_alloc(j, 1, sizeof(struct list));
}

void list_add(struct jinja *j, struct list *list, struct value v)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 4;
        struct value *grown = mem_alloc(j, cap, sizeof(*grown));
        if (list->n)
            memcpy(grown, list->items, list->n * sizeof(*grown));
        list->items = grown;
        list->cap = cap;
    }
    list->items[list->n++] = v;
}

struct dict *dict_create(struct jinja *j)
{
    return mem_alloc(j, 1, sizeof(struct dict));
}

static void place(struct dict *d, uint64_t hash, size_t index)
{
    size_t slot = (size_t)hash & (d->n_slots - 1);
    while (d->slots[slot])
        slot = (slot + 1) & (d->n_slots - 1);
    d->slots[slot] = (uint32_t)index + 1;
}

static void grow(struct jinja *j, struct dict *d)
{
    size_t cap = d->cap ? 2 * d->cap : 4;
    struct dict_entry *grown = mem_alloc(j, cap, sizeof(*grown));
    if (cap > UINT32_MAX / 4)
        jinja_raise(j, "a dict has too many items");
    if (d->n)
        memcpy(grown, d->entries, d->n * sizeof(*grown));
    d->entries = grown;
    d->cap = cap;
    d->n_slots = 2 * cap;
    d->slots = mem_alloc(j, d->n_slots, sizeof(*d->slots));
    for (size_t i = 0; i < d->n; i++)
        place(d, d->entries[i].hash, i);
}

static struct dict_entry *find(
    struct jinja *j, const struct dict *d, struct value key, uint64_t hash)
{
    if (!d->n_slots)
        return NULL;
    for (size_t slot = (size_t)hash & (d->n_slots - 1); d->slots[slot];
         slot = (slot + 1) & (d->n_slots - 1)) {
        struct dict_entry *e = &d->entries[d->slots[slot] - 1];
        jinja_work(j, 1);
        if (e->hash == hash && value_equal(j, e->key, key))
            return e;
    }
    return NULL;
}

void dict_set(struct jinja *j, struct dict *d, struct value key, struct value v)
{
    uint64_t hash = value_hash(j, key);
    struct dict_entry *known = find(j, d, key, hash);
    if (known) {
        known->value = v;
        return;
    }
    if (d->n == d->cap)
        grow(j, d);
    d->entries[d->n] = (struct dict_entry){.key = key, .value = v, .hash = hash};
    place(d, hash, d->n++);
}

struct value *dict_find(struct jinja *j, const struct dict *d, struct value key)
{
    struct dict_entry *e = find(j, d, key, value_hash(j, key));
    return e ? &e->value : NULL;
}

struct value *dict_find_name(struct jinja *j, const struct dict *d, const struct string *name)
{
    return dict_find(j, d, string_value(name));
}
