/* Objects and arrays of a schema. Members come in the order of the schema's "properties". */
#include "sample/schema.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member {
    const char *name;
    uint32_t value; /* rule */
    bool required;
};

struct members {
    struct member *items;
    size_t n;
    uint32_t other; /* rule of the values that are not described */
};

/* The names in "required", as an object. */
static hekla_status collect_required(struct schema *s, const json_t *schema, json_t *out)
{
    const json_t *required = json_object_get(schema, "required");
    if (required && !json_is_array(required))
        return schema_fail(s, "\"required\" is no list of names");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (!name)
            return schema_fail(s, "\"required\" is no list of names");
        json_object_set_new(out, name, json_true());
    }
    return HEKLA_OK;
}

/* What is required without being described. */
static hekla_status add_undescribed(
    struct schema *s, json_t *schema, json_t *required, struct members *out)
{
    const json_t *properties = json_object_get(schema, "properties");
    const char *name;
    json_t *unused;
    json_object_foreach(required, name, unused)
    {
        if (json_object_get(properties, name))
            continue;
        if (json_is_false(json_object_get(schema, "additionalProperties")))
            return schema_fail(s, "\"%s\" is required, but not among the properties",
                utf8_label(name, strlen(name)).text);
        out->items[out->n++] = (struct member){.name = name, .value = out->other, .required = true};
    }
    return HEKLA_OK;
}

/* Rules of all values: "properties", then what is required without being described. */
static hekla_status visit_members(
    struct schema *s, json_t *schema, json_t *required, struct members *out)
{
    json_t *properties = json_object_get(schema, "properties"), *value;
    json_t *others = json_object_get(schema, "additionalProperties");
    const char *name;
    if (properties && !json_is_object(properties))
        return schema_fail(s, "\"properties\" is no object");
    hekla_status status = collect_required(s, schema, required);
    if (status != HEKLA_OK)
        return status;
    out->items =
        calloc(json_object_size(properties) + json_object_size(required) + 1, sizeof(*out->items));
    if (!out->items)
        return hekla_fail(s->err, HEKLA_MEMORY, "not enough host memory for %s", s->name);
    if (!json_is_false(others))
        status =
            schema_visit(s, others ? others : json_true(), &out->other, "/additionalProperties");
    json_object_foreach(properties, name, value)
    {
        struct member *m = &out->items[out->n++];
        if (status == HEKLA_OK)
            status = schema_visit(s, value, &m->value, "/properties/%s", name);
        m->name = name;
        m->required = json_object_get(required, name) != NULL;
    }
    return status == HEKLA_OK ? add_undescribed(s, schema, required, out) : status;
}

/* ---- other members ----------------------------------------------------------------------------
 */

struct names {
    const char **items; /* sorted */
    size_t n;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_class_char(struct schema_text *t, uint32_t code)
{
    schema_put(t, "\\U%08X", code);
}

/* The rest of a key that begins like names[first, last), `at` bytes long so far, and is none of
 * them. Returns its rule. */
static uint32_t put_other_rest(
    struct schema *s, const struct names *names, size_t first, size_t last, size_t at)
{
    struct schema_text line = {0};
    uint32_t rule = schema_new_rule(s);
    size_t i = first;
    bool is_name = names->items[first][at] == 0;
    schema_put(&line, "%s[^\"\\\\\\x00-\\x1F\\x7F", is_name ? "" : "| ");
    for (size_t k = first + is_name; k < last;) {
        uint32_t code;
        int n = utf8_decode(names->items[k] + at, strlen(names->items[k] + at), &code);
        put_class_char(&line, code);
        size_t next = k;
        while (next < last && !strncmp(names->items[next] + at, names->items[k] + at, (size_t)n))
            next++;
        k = next;
    }
    schema_put(&line, "] plain*");
    for (i = first + is_name; i < last;) {
        uint32_t code;
        int n = utf8_decode(names->items[i] + at, strlen(names->items[i] + at), &code);
        size_t next = i;
        while (next < last && !strncmp(names->items[next] + at, names->items[i] + at, (size_t)n))
            next++;
        /* A key is written without escapes here, so such names need no care. */
        if (code != '"' && code != '\\' && code >= 0x20 && code != 0x7f) {
            uint32_t rest = put_other_rest(s, names, i, next, at + (size_t)n);
            schema_put(&line, " | [");
            put_class_char(&line, code);
            schema_put(&line, "] r%u", rest);
        }
        i = next;
    }
    schema_put(&s->text, "r%u ::= %s\n", rule, line.failed ? "" : line.data);
    s->text.failed |= line.failed;
    free(line.data);
    return rule;
}

/* A member that is none of those described. */
static hekla_status put_other(struct schema *s, const struct members *members, uint32_t *rule)
{
    struct names names = {calloc(members->n + 1, sizeof(char *)), 0};
    if (!names.items)
        return hekla_fail(s->err, HEKLA_MEMORY, "not enough host memory for %s", s->name);
    for (size_t i = 0; i < members->n; i++) {
        if (strlen(members->items[i].name) > 256) {
            free(names.items);
            return schema_fail(s, "a name of more than 256 bytes beside \"additionalProperties\" "
                                  "is not supported");
        }
        names.items[names.n++] = members->items[i].name;
    }
    qsort(names.items, names.n, sizeof(char *), compare_names);
    *rule = schema_new_rule(s);
    if (names.n == 0) {
        schema_put(&s->text, "r%u ::= string ws \":\" ws r%u ws\n", *rule, members->other);
    } else {
        uint32_t key = put_other_rest(s, &names, 0, names.n, 0);
        schema_put(&s->text, "r%u ::= \"\\\"\" r%u \"\\\"\" ws \":\" ws r%u ws\n", *rule, key,
            members->other);
    }
    free(names.items);
    return HEKLA_OK;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static hekla_status put_member(struct schema *s, const struct member *m)
{
    char *key = NULL;
    json_t *name = json_string(m->name);
    if (name)
        key = json_dumps(name, JSON_ENCODE_ANY);
    json_decref(name);
    if (!key)
        return hekla_fail(s->err, HEKLA_MEMORY, "not enough host memory for %s", s->name);
    schema_put_literal(&s->text, key, strlen(key));
    schema_put(&s->text, " ws \":\" ws r%u ws", m->value);
    free(key);
    return HEKLA_OK;
}

/* What may follow from member i on: begin + 2 i after other members, begin + 2 i + 1 before any. */
static hekla_status put_rests(
    struct schema *s, const struct members *members, uint32_t begin, const char *other)
{
    hekla_status status = HEKLA_OK;
    for (size_t i = 0; i < members->n && status == HEKLA_OK; i++) {
        const struct member *m = &members->items[i];
        uint32_t here = begin + 2 * (uint32_t)i;
        for (uint32_t first = 0; first < 2 && status == HEKLA_OK; first++) {
            schema_put(&s->text, "r%u ::= %s", here + first, first ? "" : "\",\" ws ");
            status = put_member(s, m);
            schema_put(&s->text, " r%u", here + 2);
            if (!m->required)
                schema_put(&s->text, " | r%u", here + 2 + first);
            schema_put(&s->text, "\n");
        }
    }
    uint32_t end = begin + 2 * (uint32_t)members->n;
    if (*other)
        schema_put(&s->text, "r%u ::= (\",\" ws %s)*\nr%u ::= (%s r%u)?\n", end, other, end + 1,
            other, end);
    else
        schema_put(&s->text, "r%u ::= \"\"\nr%u ::= \"\"\n", end, end + 1);
    return status;
}

static hekla_status put_object(
    struct schema *s, json_t *schema, const struct members *members, uint32_t *rule)
{
    json_t *others = json_object_get(schema, "additionalProperties");
    bool open = others ? !json_is_false(others) : members->n == 0;
    char other[16] = "";
    uint32_t other_rule = 0;
    hekla_status status = HEKLA_OK;
    if (open) {
        status = put_other(s, members, &other_rule);
        if (status != HEKLA_OK)
            return status;
        snprintf(other, sizeof(other), "r%u", other_rule);
    }
    uint32_t begin = s->n_rules;
    s->n_rules += 2 * (uint32_t)members->n + 2;
    status = put_rests(s, members, begin, other);
    *rule = schema_new_rule(s);
    schema_put(&s->text, "r%u ::= \"{\" ws r%u \"}\"\n", *rule, begin + 1);
    return status;
}

hekla_status schema_object(struct schema *s, json_t *schema, uint32_t *rule)
{
    struct members members = {0};
    json_t *required = json_object();
    if (!required)
        return hekla_fail(s->err, HEKLA_MEMORY, "not enough host memory for %s", s->name);
    hekla_status status = visit_members(s, schema, required, &members);
    if (status == HEKLA_OK)
        status = put_object(s, schema, &members, rule);
    json_decref(required);
    free(members.items);
    return status;
}

/* ---- arrays -----------------------------------------------------------------------------------
 */

struct list {
    uint32_t *fixed; /* rules of the first values */
    uint32_t n_fixed, item, least, most;
};

static hekla_status visit_fixed(struct schema *s, json_t *tuple, const char *key, struct list *out)
{
    hekla_status status = HEKLA_OK;
    out->fixed = calloc(json_array_size(tuple) + 1, sizeof(*out->fixed));
    if (!out->fixed)
        return hekla_fail(s->err, HEKLA_MEMORY, "not enough host memory for %s", s->name);
    for (size_t i = 0; i < json_array_size(tuple) && status == HEKLA_OK; i++)
        status = schema_visit(
            s, json_array_get(tuple, i), &out->fixed[out->n_fixed++], "/%s/%zu", key, i);
    return status;
}

static hekla_status visit_list(struct schema *s, json_t *schema, struct list *out)
{
    json_t *items = json_object_get(schema, "items");
    json_t *tuple = json_object_get(schema, "prefixItems");
    const char *key = tuple ? "prefixItems" : "items";
    if (!tuple && json_is_array(items)) {
        tuple = items;
        items = json_object_get(schema, "additionalItems");
    }
    hekla_status status = schema_count(s, schema, "minItems", 0, &out->least);
    if (status == HEKLA_OK)
        status = schema_count(s, schema, "maxItems", UINT32_MAX, &out->most);
    if (status == HEKLA_OK && tuple)
        status = visit_fixed(s, tuple, key, out);
    if (status != HEKLA_OK)
        return status;
    /* A tuple is written in full, and ends there unless more is described. */
    if (json_is_false(items) || (tuple && !items))
        out->most = out->most < out->n_fixed ? out->most : out->n_fixed;
    else
        status = schema_visit(s, items ? items : json_true(), &out->item, "/items");
    if (status == HEKLA_OK && out->most < out->n_fixed)
        status = schema_fail(s, "\"maxItems\" is less than the values that are listed");
    if (status == HEKLA_OK && out->most < out->least)
        status = schema_fail(s, "\"minItems\" asks for more values than there may be");
    if (status == HEKLA_OK && out->least > GRAMMAR_MOST_REPEATS)
        status = schema_fail(s, "\"minItems\" is %u, expected 2000 at most", out->least);
    return status;
}

static void put_list(struct schema *s, const struct list *l, uint32_t *rule)
{
    uint32_t least = l->least > l->n_fixed ? l->least - l->n_fixed : 0;
    uint32_t most = l->most == UINT32_MAX ? UINT32_MAX : l->most - l->n_fixed;
    *rule = schema_new_rule(s);
    schema_put(&s->text, "r%u ::= \"[\" ws", *rule);
    for (uint32_t i = 0; i < l->n_fixed; i++)
        schema_put(&s->text, "%s r%u ws", i ? " \",\" ws" : "", l->fixed[i]);
    if (most > 0) {
        bool first = l->n_fixed == 0;
        uint32_t rest_least = first && least ? least - 1 : least;
        uint32_t rest_most = most == UINT32_MAX ? most : first ? most - 1 : most;
        if (first)
            schema_put(&s->text, " (r%u ws", l->item);
        schema_put(&s->text, " (\",\" ws r%u ws){%u,", l->item, rest_least);
        if (rest_most != UINT32_MAX)
            schema_put(&s->text, "%u",
                rest_most < GRAMMAR_MOST_REPEATS ? rest_most : GRAMMAR_MOST_REPEATS);
        schema_put(&s->text, "}%s%s", first ? ")" : "", first && least == 0 ? "?" : "");
    }
    schema_put(&s->text, " \"]\"\n");
}

hekla_status schema_array(struct schema *s, json_t *schema, uint32_t *rule)
{
    struct list list = {0};
    hekla_status status = visit_list(s, schema, &list);
    if (status == HEKLA_OK)
        put_list(s, &list, rule);
    free(list.fixed);
    return status;
}
