/* A JSON schema becomes a grammar (see grammar.h). Texts of the grammar always satisfy the schema;
 * it may leave out ways to write the same value, such as more blanks or \u escapes. "oneOf" is read
 * as "anyOf". What a grammar cannot promise is refused. https://json-schema.org/draft/2020-12 */
#include "sample/schema.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rules that every grammar of a schema has. A blank may be left out, or a few be written. */
static const char common_rules[] =
    "ws ::= | \" \" | \"\\n\"{1,2} [ \\t]{0,20}\n"
    "hex ::= [0-9a-fA-F]\n"
    "plain ::= [^\"\\\\\\x00-\\x1F\\x7F]\n"
    "char ::= plain | \"\\\\\" ([\"\\\\bfnrt] | \"u\" ([0-9a-cefA-CEF] hex{3} | [dD] [0-7] "
    "hex{2}))\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "digits ::= \"0\" | [1-9] [0-9]{0,15}\n"
    "integer ::= \"-\"? digits\n"
    "positive ::= digits (\".\" [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?\n"
    "number ::= \"-\"? positive\n"
    "boolean ::= \"true\" | \"false\"\n"
    "member ::= string ws \":\" ws value ws\n"
    "object ::= \"{\" ws (member (\",\" ws member)*)? \"}\"\n"
    "array ::= \"[\" ws (value ws (\",\" ws value ws)*)? \"]\"\n"
    "value ::= object | array | string | number | boolean | \"null\"\n"
    "date ::= [0-9]{4} \"-\" (\"0\" [1-9] | \"1\" [0-2]) \"-\" (\"0\" [1-9] | [12] [0-9] | \"3\" "
    "[01])\n"
    "time ::= ([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9] \":\" [0-5] [0-9] (\".\" [0-9]{3})? "
    "(\"Z\" | [-+] ([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9])\n"
    "uuid ::= hex{8} \"-\" hex{4} \"-\" hex{4} \"-\" hex{4} \"-\" hex{12}\n";

hekla_status schema_fail(struct schema *s, const char *format, ...)
{
    char what[300];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return hekla_fail(s->err, HEKLA_ARGUMENT, "%s, at %s: %s", s->name,
        utf8_label(s->place, strlen(s->place)).text, what);
}

static bool reserve(struct schema_text *t, size_t n)
{
    if (t->failed || n > GRAMMAR_MOST_BYTES - t->n) {
        t->failed = true;
        return false;
    }
    if (t->n + n + 1 <= t->cap)
        return true;
    size_t cap = 2 * (t->n + n + 1);
    char *grown = realloc(t->data, cap);
    t->failed = !grown;
    if (!grown)
        return false;
    t->data = grown;
    t->cap = cap;
    return true;
}

void schema_put(struct schema_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !reserve(t, (size_t)n))
        return;
    va_start(args, format);
    vsnprintf(t->data + t->n, (size_t)n + 1, format, args);
    va_end(args);
    t->n += (size_t)n;
}

void schema_put_literal(struct schema_text *t, const char *bytes, size_t n)
{
    schema_put(t, "\"");
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)bytes[i];
        if (c == '"' || c == '\\')
            schema_put(t, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            schema_put(t, "\\x%02X", c);
        else
            schema_put(t, "%c", c);
    }
    schema_put(t, "\"");
}

uint32_t schema_new_rule(struct schema *s)
{
    return s->n_rules++;
}

/* A rule with this text. */
static hekla_status write_rule(struct schema *s, uint32_t *rule, const char *text)
{
    *rule = schema_new_rule(s);
    schema_put(&s->text, "r%u ::= %s\n", *rule, text);
    return HEKLA_OK;
}

hekla_status schema_count(
    struct schema *s, const json_t *schema, const char *key, uint32_t fallback, uint32_t *out)
{
    const json_t *value = json_object_get(schema, key);
    *out = fallback;
    if (!value)
        return HEKLA_OK;
    double number = json_is_number(value) ? json_number_value(value) : -1;
    if (!(number >= 0 && number <= 4e9) || number != (double)(uint32_t)number)
        return schema_fail(s, "\"%s\" is no whole number from 0 on", key);
    *out = (uint32_t)number;
    return HEKLA_OK;
}

/* ---- what is not supported --------------------------------------------------------------------
 */

static hekla_status check_keywords(struct schema *s, const json_t *schema)
{
    static const char *const refused[] = {"not", "if", "dependentRequired", "dependentSchemas",
        "dependencies", "patternProperties", "propertyNames", "minProperties", "maxProperties",
        "unevaluatedProperties", "unevaluatedItems", "contains", "multipleOf", "$dynamicRef",
        "$recursiveRef"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (json_object_get(schema, refused[i]))
            return schema_fail(s, "\"%s\" is not supported", refused[i]);
    if (json_is_true(json_object_get(schema, "uniqueItems")))
        return schema_fail(s, "\"uniqueItems\" is not supported");
    return HEKLA_OK;
}

/* A keyword that says what a value must be cannot stand beside `key`, which says all of it here. */
static hekla_status check_alone(struct schema *s, const json_t *schema, const char *key)
{
    static const char *const others[] = {"$ref", "const", "enum", "anyOf", "oneOf", "allOf",
        "properties", "required", "additionalProperties", "items", "prefixItems", "minItems",
        "maxItems", "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(others[i], key) != 0 && json_object_get(schema, others[i]))
            return schema_fail(s, "\"%s\" beside \"%s\" is not supported", others[i], key);
    return HEKLA_OK;
}

enum { MOST_TARGETS = 4096, MOST_MERGES = 1000 };

/* ---- references -------------------------------------------------------------------------------
 */

/* One step of a JSON pointer, with ~1 and ~0 as they are meant. */
static size_t pointer_step(const char *pointer, char *out, size_t cap)
{
    size_t n = 0, i = 0;
    for (; pointer[i] && pointer[i] != '/'; i++) {
        char c = pointer[i];
        if (c == '~' && (pointer[i + 1] == '0' || pointer[i + 1] == '1'))
            c = pointer[++i] == '0' ? '~' : '/';
        if (n + 1 < cap)
            out[n++] = c;
    }
    out[n] = 0;
    return i;
}

static json_t *find_target(const struct schema *s, const char *ref)
{
    json_t *at = s->root;
    if (*ref++ != '#')
        return NULL;
    while (at && *ref == '/') {
        char step[256];
        ref += 1 + pointer_step(ref + 1, step, sizeof(step));
        if (json_is_array(at)) {
            char *end;
            unsigned long i = strtoul(step, &end, 10);
            at = *step >= '0' && *step <= '9' && !*end ? json_array_get(at, i) : NULL;
        } else {
            at = json_object_get(at, step);
        }
    }
    return *ref ? NULL : at;
}

static hekla_status resolve(struct schema *s, const json_t *schema, json_t **out)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    hekla_status status = check_alone(s, schema, "$ref");
    if (status != HEKLA_OK)
        return status;
    if (!ref)
        return schema_fail(s, "\"$ref\" is no text");
    *out = find_target(s, ref);
    if (*out)
        return HEKLA_OK;
    return schema_fail(s,
        "\"$ref\" to \"%s\" leads nowhere; expected #, or #/ and a path in this "
        "schema",
        utf8_label(ref, strlen(ref)).text);
}

static hekla_status convert(struct schema *s, json_t *schema, uint32_t *rule);

static hekla_status visit_ref(struct schema *s, const json_t *schema, uint32_t *rule)
{
    json_t *target = NULL;
    hekla_status status = resolve(s, schema, &target);
    if (status != HEKLA_OK)
        return status;
    for (uint32_t i = 0; i < s->n_targets; i++)
        if (s->targets[i].schema == target) {
            *rule = s->targets[i].rule;
            return HEKLA_OK;
        }
    if (s->n_targets == MOST_TARGETS)
        return schema_fail(s, "more than %d schemas are referred to", MOST_TARGETS);
    if (s->n_targets == s->cap_targets) {
        uint32_t cap = s->cap_targets ? 2 * s->cap_targets : 16;
        struct schema_target *grown = realloc(s->targets, cap * sizeof(*grown));
        if (!grown)
            return hekla_fail(s->err, HEKLA_MEMORY, "not enough host memory for %s", s->name);
        s->targets = grown;
        s->cap_targets = cap;
    }
    uint32_t inner;
    *rule = schema_new_rule(s);
    s->targets[s->n_targets++] = (struct schema_target){target, *rule};
    status = convert(s, target, &inner);
    schema_put(&s->text, "r%u ::= r%u\n", *rule, inner);
    return status;
}

/* ---- several schemas --------------------------------------------------------------------------
 */

static hekla_status visit_any(struct schema *s, const json_t *list, const char *key, uint32_t *rule)
{
    struct schema_text line = {0};
    hekla_status status = HEKLA_OK;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return schema_fail(s, "\"%s\" is no list of schemas", key);
    for (size_t i = 0; i < json_array_size(list) && status == HEKLA_OK; i++) {
        uint32_t one;
        status = schema_visit(s, json_array_get(list, i), &one, "/%s/%zu", key, i);
        schema_put(&line, "%sr%u", i ? " | " : "", one);
    }
    if (status == HEKLA_OK)
        status = write_rule(s, rule, line.failed ? "" : line.data);
    s->text.failed |= line.failed;
    free(line.data);
    return status;
}

static hekla_status merge(struct schema *s, json_t *whole, json_t *part);

static hekla_status merge_list(struct schema *s, json_t *whole, const json_t *list)
{
    hekla_status status = HEKLA_OK;
    for (size_t i = 0; i < json_array_size(list) && status == HEKLA_OK; i++)
        status = merge(s, whole, json_array_get(list, i));
    return status;
}

static hekla_status merge_properties(struct schema *s, json_t *have, json_t *more)
{
    const char *name;
    json_t *property;
    json_object_foreach(more, name, property)
    {
        const json_t *other = json_object_get(have, name);
        if (other && !json_equal(other, property))
            return schema_fail(
                s, "\"allOf\" describes \"%s\" in two ways", utf8_label(name, strlen(name)).text);
        json_object_set(have, name, property);
    }
    return HEKLA_OK;
}

/* Joins one keyword of a piece of an allOf into `whole`. */
static hekla_status merge_key(struct schema *s, json_t *whole, const char *key, json_t *value)
{
    json_t *have = json_object_get(whole, key);
    if (!strcmp(key, "allOf"))
        return merge_list(s, whole, value);
    if (!strcmp(key, "$defs") || !strcmp(key, "definitions"))
        return HEKLA_OK;
    if (!have)
        return json_object_set_new(whole, key, json_copy(value))
                   ? hekla_fail(s->err, HEKLA_MEMORY, "not enough host memory for %s", s->name)
                   : HEKLA_OK;
    if (!strcmp(key, "properties") && json_is_object(have) && json_is_object(value))
        return merge_properties(s, have, value);
    if (!strcmp(key, "required") && json_is_array(have) && json_is_array(value))
        json_array_extend(have, value);
    else if (strcmp(key, "title") && strcmp(key, "description") && !json_equal(have, value))
        return schema_fail(
            s, "\"allOf\" with several \"%s\" is not supported", utf8_label(key, strlen(key)).text);
    return HEKLA_OK;
}

static hekla_status merge(struct schema *s, json_t *whole, json_t *part)
{
    const char *key;
    json_t *value;
    hekla_status status = HEKLA_OK;
    if (++s->n_merges > MOST_MERGES)
        return schema_fail(s, "\"allOf\" joins more than %d schemas", MOST_MERGES);
    if (!json_is_object(part))
        return schema_fail(s, "\"allOf\" holds something else than objects");
    if (json_object_get(part, "$ref")) {
        status = resolve(s, part, &part);
        return status == HEKLA_OK ? merge(s, whole, part) : status;
    }
    json_object_foreach(part, key, value)
    {
        if (status == HEKLA_OK)
            status = merge_key(s, whole, key, value);
    }
    return status;
}

static hekla_status visit_all(struct schema *s, json_t *schema, uint32_t *rule)
{
    json_t *whole = json_object();
    if (!whole || json_array_append_new(s->kept, whole))
        return hekla_fail(s->err, HEKLA_MEMORY, "not enough host memory for %s", s->name);
    hekla_status status = merge(s, whole, schema);
    return status == HEKLA_OK ? convert(s, whole, rule) : status;
}

/* ---- values -----------------------------------------------------------------------------------
 */

static bool has_type(const json_t *value, const char *type)
{
    if (!strcmp(type, "integer"))
        return json_is_integer(value);
    return (!strcmp(type, "string") && json_is_string(value)) ||
           (!strcmp(type, "number") && json_is_number(value)) ||
           (!strcmp(type, "boolean") && json_is_boolean(value)) ||
           (!strcmp(type, "null") && json_is_null(value)) ||
           (!strcmp(type, "object") && json_is_object(value)) ||
           (!strcmp(type, "array") && json_is_array(value));
}

/* type: absent, a name or a list of names. */
static bool is_of(const json_t *value, const json_t *type)
{
    if (json_is_string(type))
        return has_type(value, json_string_value(type));
    for (size_t i = 0; i < json_array_size(type); i++)
        if (is_of(value, json_array_get(type, i)))
            return true;
    return !type;
}

static void put_value(struct schema_text *line, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (!text) {
        line->failed = true;
        return;
    }
    schema_put_literal(line, text, strlen(text));
    free(text);
}

/* "const" or "enum". */
static hekla_status visit_values(struct schema *s, json_t *schema, uint32_t *rule)
{
    struct schema_text line = {0};
    const json_t *one = json_object_get(schema, "const"), *list = json_object_get(schema, "enum");
    const json_t *type = json_object_get(schema, "type");
    size_t n = one ? 1 : json_array_size(list), taken = 0;
    hekla_status status = check_alone(s, schema, one ? "const" : "enum");
    for (size_t i = 0; i < n && status == HEKLA_OK; i++) {
        const json_t *value = one ? one : json_array_get(list, i);
        if (!is_of(value, type))
            continue;
        schema_put(&line, "%s", taken++ ? " | " : "");
        put_value(&line, value);
    }
    if (status == HEKLA_OK && taken == 0)
        status = schema_fail(s, "\"%s\" leaves no value", one ? "const" : "enum");
    if (status == HEKLA_OK)
        status = write_rule(s, rule, line.failed ? "" : line.data);
    s->text.failed |= line.failed;
    free(line.data);
    return status;
}

static hekla_status visit_string(struct schema *s, json_t *schema, uint32_t *rule)
{
    const json_t *pattern = json_object_get(schema, "pattern");
    const char *format = json_string_value(json_object_get(schema, "format"));
    uint32_t least, most;
    char line[100];
    hekla_status status = schema_count(s, schema, "minLength", 0, &least);
    if (status == HEKLA_OK)
        status = schema_count(s, schema, "maxLength", UINT32_MAX, &most);
    if (status != HEKLA_OK)
        return status;
    if (pattern && (least > 0 || most < UINT32_MAX))
        return schema_fail(s, "\"pattern\" beside a length is not supported");
    if (pattern)
        return json_is_string(pattern) ? schema_pattern(s, json_string_value(pattern), rule)
                                       : schema_fail(s, "\"pattern\" is no text");
    if (least == 0 && most == UINT32_MAX && format) {
        if (!strcmp(format, "date") || !strcmp(format, "time") || !strcmp(format, "uuid")) {
            snprintf(line, sizeof(line), "\"\\\"\" %s \"\\\"\"", format);
            return write_rule(s, rule, line);
        }
        if (!strcmp(format, "date-time"))
            return write_rule(s, rule, "\"\\\"\" date \"T\" time \"\\\"\"");
    }
    if (least > GRAMMAR_MOST_REPEATS)
        return schema_fail(s, "\"minLength\" is %u, expected 2000 at most", least);
    if (most < least)
        return schema_fail(s, "\"maxLength\" is less than \"minLength\"");
    if (most == UINT32_MAX)
        snprintf(line, sizeof(line), "\"\\\"\" char{%u,} \"\\\"\"", least);
    else
        snprintf(line, sizeof(line), "\"\\\"\" char{%u,%u} \"\\\"\"", least,
            most < GRAMMAR_MOST_REPEATS ? most : GRAMMAR_MOST_REPEATS);
    return write_rule(s, rule, line);
}

static hekla_status visit_number(struct schema *s, json_t *schema, uint32_t *rule)
{
    const json_t *least = json_object_get(schema, "minimum");
    static const char *const limits[] = {"maximum", "exclusiveMinimum", "exclusiveMaximum"};
    for (size_t i = 0; i < 3; i++)
        if (json_object_get(schema, limits[i]))
            return schema_fail(
                s, "\"%s\" of a number is not supported, only of an integer", limits[i]);
    if (least &&
        (!json_is_number(least) || json_number_value(least) > 0 || json_number_value(least) < 0))
        return schema_fail(s, "\"minimum\" of a number is not supported, only 0; an integer can "
                              "have any");
    return write_rule(s, rule, least ? "positive" : "number");
}

static hekla_status visit_type(struct schema *s, json_t *schema, const char *type, uint32_t *rule)
{
    if (!strcmp(type, "object"))
        return schema_object(s, schema, rule);
    if (!strcmp(type, "array"))
        return schema_array(s, schema, rule);
    if (!strcmp(type, "string"))
        return visit_string(s, schema, rule);
    if (!strcmp(type, "integer"))
        return schema_integer(s, schema, rule);
    if (!strcmp(type, "number"))
        return visit_number(s, schema, rule);
    if (!strcmp(type, "boolean"))
        return write_rule(s, rule, "boolean");
    if (!strcmp(type, "null"))
        return write_rule(s, rule, "\"null\"");
    return schema_fail(s,
        "unknown type \"%s\"; expected object, array, string, integer, number, "
        "boolean or null",
        utf8_label(type, strlen(type)).text);
}

static hekla_status visit_types(
    struct schema *s, json_t *schema, const json_t *types, uint32_t *rule)
{
    struct schema_text line = {0};
    hekla_status status = HEKLA_OK;
    if (json_is_string(types))
        return visit_type(s, schema, json_string_value(types), rule);
    if (json_array_size(types) == 0 || json_array_size(types) > 7)
        return schema_fail(s, "\"type\" is neither a name nor a list of 1 to 7 names");
    for (size_t i = 0; i < json_array_size(types) && status == HEKLA_OK; i++) {
        const char *type = json_string_value(json_array_get(types, i));
        uint32_t one = 0;
        status = type ? visit_type(s, schema, type, &one)
                      : schema_fail(s, "\"type\" is neither a name nor a list of names");
        schema_put(&line, "%sr%u", i ? " | " : "", one);
    }
    if (status == HEKLA_OK)
        status = write_rule(s, rule, line.failed ? "" : line.data);
    s->text.failed |= line.failed;
    free(line.data);
    return status;
}

/* The type that is meant where none is given but something is said about one. */
static const char *implied_type(const json_t *schema)
{
    static const char *const hints[][2] = {{"properties", "object"}, {"required", "object"},
        {"additionalProperties", "object"}, {"items", "array"}, {"prefixItems", "array"},
        {"minItems", "array"}, {"maxItems", "array"}, {"pattern", "string"},
        {"minLength", "string"}, {"maxLength", "string"}, {"format", "string"},
        {"minimum", "integer"}, {"maximum", "integer"}, {"exclusiveMinimum", "integer"},
        {"exclusiveMaximum", "integer"}};
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (json_object_get(schema, hints[i][0]))
            return hints[i][1];
    return NULL;
}

static hekla_status convert_object(struct schema *s, json_t *schema, uint32_t *rule)
{
    const json_t *type = json_object_get(schema, "type");
    hekla_status status = check_keywords(s, schema);
    if (status != HEKLA_OK)
        return status;
    if (json_object_get(schema, "$ref"))
        return visit_ref(s, schema, rule);
    if (json_object_get(schema, "const") || json_object_get(schema, "enum"))
        return visit_values(s, schema, rule);
    if (json_object_get(schema, "allOf"))
        return visit_all(s, schema, rule);
    for (int i = 0; i < 2; i++) {
        const char *key = i ? "oneOf" : "anyOf";
        if (!json_object_get(schema, key))
            continue;
        status = check_alone(s, schema, key);
        return status == HEKLA_OK ? visit_any(s, json_object_get(schema, key), key, rule) : status;
    }
    if (type)
        return visit_types(s, schema, type, rule);
    const char *implied = implied_type(schema);
    return implied ? visit_type(s, schema, implied, rule) : write_rule(s, rule, "value");
}

static hekla_status convert(struct schema *s, json_t *schema, uint32_t *rule)
{
    if (json_is_true(schema))
        return write_rule(s, rule, "value");
    if (!json_is_object(schema))
        return schema_fail(s, json_is_false(schema) ? "false allows no value at all"
                                                    : "expected a schema, which is an object");
    if (s->text.failed || s->text.n > GRAMMAR_MOST_BYTES / 2)
        return hekla_fail(s->err, HEKLA_ARGUMENT, "%s is too large", s->name);
    if (s->depth == SCHEMA_MOST_DEPTH)
        return schema_fail(s, "more than 64 schemas inside each other");
    s->depth++;
    hekla_status status = convert_object(s, schema, rule);
    s->depth--;
    return status;
}

hekla_status schema_visit(struct schema *s, json_t *schema, uint32_t *rule, const char *format, ...)
{
    size_t n = strlen(s->place);
    va_list args;
    *rule = 0;
    va_start(args, format);
    vsnprintf(s->place + n, sizeof(s->place) - n, format, args);
    va_end(args);
    hekla_status status = convert(s, schema, rule);
    s->place[n] = 0;
    return status;
}

hekla_status schema_to_grammar(
    char **out, const char *schema, size_t n, const char *name, struct hekla_error *err)
{
    json_error_t wrong;
    if (n > GRAMMAR_MOST_BYTES)
        return hekla_fail(err, HEKLA_ARGUMENT, "%s has %zu bytes, expected %d at most", name, n,
            GRAMMAR_MOST_BYTES);
    struct schema s = {.place = "#", .name = name, .err = err, .kept = json_array()};
    uint32_t rule;
    s.root = json_loadb(schema, n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &wrong);
    hekla_status status;
    if (!s.root || !s.kept)
        status = hekla_fail(err, HEKLA_ARGUMENT, "%s is no JSON: line %d, column %d: %s", name,
            wrong.line, wrong.column, utf8_label(wrong.text, strlen(wrong.text)).text);
    else
        status = convert(&s, s.root, &rule);
    if (status == HEKLA_OK) {
        schema_put(&s.text, "%sroot ::= r%u\n", common_rules, rule);
        if (s.text.failed)
            status = hekla_fail(err, HEKLA_ARGUMENT, "%s is too large", name);
    }
    if (status == HEKLA_OK)
        *out = s.text.data;
    else
        free(s.text.data);
    free(s.targets);
    json_decref(s.kept);
    json_decref(s.root);
    return status;
}
