/* Whether a JSON value satisfies a schema: a validator for tests, by the words of the standard and
 * by nothing that the converter uses; and random texts that a grammar allows. */
#ifndef TESTS_SCHEMA_CHECK_H
#define TESTS_SCHEMA_CHECK_H

#include "sample/grammar.h"

#include <jansson.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

static inline bool is_type(const json_t *v, const char *type)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return !strcmp(type, "object");
    case JSON_ARRAY:
        return !strcmp(type, "array");
    case JSON_STRING:
        return !strcmp(type, "string");
    case JSON_INTEGER:
        return !strcmp(type, "integer") || !strcmp(type, "number");
    case JSON_REAL:
        return !strcmp(type, "number");
    case JSON_NULL:
        return !strcmp(type, "null");
    default:
        return !strcmp(type, "boolean");
    }
}

static inline size_t code_points(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static inline bool satisfies(json_t *root, json_t *schema, json_t *v);

static inline bool object_satisfies(json_t *root, json_t *schema, json_t *v)
{
    json_t *properties = json_object_get(schema, "properties"), *value, *name;
    json_t *others = json_object_get(schema, "additionalProperties");
    const char *key;
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i, name)
    {
        if (!json_object_get(v, json_string_value(name)))
            return false;
    }
    json_object_foreach(v, key, value)
    {
        json_t *one = json_object_get(properties, key);
        if (one ? !satisfies(root, one, value) : others && !satisfies(root, others, value))
            return false;
    }
    return true;
}

static inline bool array_satisfies(json_t *root, json_t *schema, json_t *v)
{
    json_t *prefix = json_object_get(schema, "prefixItems"), *value;
    json_t *items = json_object_get(schema, "items"), *limit;
    size_t i;
    if ((limit = json_object_get(schema, "minItems")) &&
        (double)json_array_size(v) < json_number_value(limit))
        return false;
    if ((limit = json_object_get(schema, "maxItems")) &&
        (double)json_array_size(v) > json_number_value(limit))
        return false;
    json_array_foreach(v, i, value)
    {
        json_t *one = i < json_array_size(prefix) ? json_array_get(prefix, i) : items;
        if (one && !satisfies(root, one, value))
            return false;
    }
    return true;
}

static inline bool text_satisfies(json_t *schema, json_t *v)
{
    const char *text = json_string_value(v), *pattern;
    json_t *limit = json_object_get(schema, "minLength");
    if (limit && (double)code_points(text) < json_number_value(limit))
        return false;
    if ((limit = json_object_get(schema, "maxLength")) &&
        (double)code_points(text) > json_number_value(limit))
        return false;
    if ((pattern = json_string_value(json_object_get(schema, "pattern")))) {
        regex_t regex;
        if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
            abort();
        int wrong = regexec(&regex, text, 0, NULL, 0);
        regfree(&regex);
        return !wrong;
    }
    return true;
}

static inline bool number_satisfies(json_t *schema, json_t *v)
{
    double x = json_number_value(v);
    json_t *l;
    return !((l = json_object_get(schema, "minimum")) && x < json_number_value(l)) &&
           !((l = json_object_get(schema, "maximum")) && x > json_number_value(l)) &&
           !((l = json_object_get(schema, "exclusiveMinimum")) && x <= json_number_value(l)) &&
           !((l = json_object_get(schema, "exclusiveMaximum")) && x >= json_number_value(l));
}

static inline bool type_satisfies(json_t *type, json_t *v)
{
    json_t *one;
    size_t i;
    if (!type || json_is_string(type))
        return !type || is_type(v, json_string_value(type));
    json_array_foreach(type, i, one)
    {
        if (is_type(v, json_string_value(one)))
            return true;
    }
    return false;
}

/* How many schemas of the list it satisfies. */
static inline size_t count_satisfied(json_t *root, json_t *list, json_t *v)
{
    json_t *one;
    size_t i, n = 0;
    json_array_foreach(list, i, one)
    {
        n += satisfies(root, one, v);
    }
    return n;
}

static inline bool satisfies(json_t *root, json_t *schema, json_t *v)
{
    json_t *x, *one;
    size_t i, n = 0;
    if (json_is_boolean(schema))
        return json_is_true(schema);
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    if (ref) {
        const char *name = strrchr(ref, '/');
        json_t *defs = json_object_get(root, "$defs");
        return satisfies(root, name ? json_object_get(defs, name + 1) : root, v);
    }
    if ((x = json_object_get(schema, "const")) && !json_equal(x, v))
        return false;
    if ((x = json_object_get(schema, "enum"))) {
        json_array_foreach(x, i, one)
        {
            n += json_equal(one, v) != 0;
        }
        if (!n)
            return false;
    }
    if ((x = json_object_get(schema, "anyOf")) && !count_satisfied(root, x, v))
        return false;
    if ((x = json_object_get(schema, "oneOf")) && !count_satisfied(root, x, v))
        return false;
    if ((x = json_object_get(schema, "allOf")) && count_satisfied(root, x, v) < json_array_size(x))
        return false;
    return type_satisfies(json_object_get(schema, "type"), v) &&
           (!json_is_object(v) || object_satisfies(root, schema, v)) &&
           (!json_is_array(v) || array_satisfies(root, schema, v)) &&
           (!json_is_string(v) || text_satisfies(schema, v)) &&
           (!json_is_number(v) || number_satisfies(schema, v));
}

/* Whether the text is JSON that satisfies the schema. */
static inline bool text_is_valid(const char *schema, const char *text, size_t n)
{
    json_t *s = json_loads(schema, JSON_DECODE_ANY, NULL);
    json_t *v = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    bool valid = s && v && satisfies(s, s, v);
    json_decref(s);
    json_decref(v);
    return valid;
}

/* Schemas of all kinds. */
static const char *const test_schemas[] = {
    "{}",
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":1,"
    "\"maxLength\":8},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":150}},\"required\":"
    "[\"name\",\"age\"]}",
    "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"x\",1,null]},\"b\":{\"const\":{\"k\":"
    "[1,2]}},\"c\":{\"type\":\"boolean\"}},\"required\":[\"b\"],\"additionalProperties\":false}",
    "{\"type\":\"object\",\"properties\":{\"ab\":{\"type\":\"integer\",\"minimum\":-3,\"maximum\":"
    "7},\"a\":{\"type\":\"null\"},\"\xc3\xa4\":{\"type\":\"null\"}},\"additionalProperties\":"
    "{\"type\":\"boolean\"}}",
    "{\"type\":\"array\",\"items\":{\"enum\":[\"red\",\"green\",\"blue\"]},\"minItems\":2,"
    "\"maxItems\":4}",
    "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"string\",\"maxLength\":3},{\"type\":"
    "\"number\"}],\"items\":{\"type\":\"null\"},\"maxItems\":4}",
    "{\"anyOf\":[{\"type\":\"integer\",\"exclusiveMinimum\":-12,\"exclusiveMaximum\":1005},"
    "{\"type\":[\"null\",\"boolean\"]}]}",
    "{\"$defs\":{\"tree\":{\"type\":\"object\",\"properties\":{\"value\":{\"type\":\"integer\"},"
    "\"children\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/tree\"},\"maxItems\":2}},"
    "\"required\":[\"value\"],\"additionalProperties\":false}},\"$ref\":\"#/$defs/tree\"}",
    "{\"type\":\"string\",\"pattern\":\"^(ab|c+)[0-9]{2,3}[^a-z\\\"]?x.y$\"}",
    "{\"type\":\"string\",\"pattern\":\"q[\\\"/]w*\"}",
    "{\"allOf\":[{\"type\":\"object\",\"properties\":{\"p\":{\"type\":\"integer\"}},\"required\":"
    "[\"p\"]},{\"properties\":{\"q\":{\"type\":\"string\",\"maxLength\":2}},\"required\":[\"q\"]}]"
    "}",
    "{\"type\":\"object\",\"required\":[\"z\"],\"additionalProperties\":{\"type\":\"integer\"}}",
    "{\"type\":\"integer\",\"minimum\":98,\"maximum\":10234}",
    "{\"type\":\"integer\",\"maximum\":-7}",
    "{\"type\":\"number\",\"minimum\":0}",
};
enum { N_TEST_SCHEMAS = sizeof(test_schemas) / sizeof(test_schemas[0]) };

static inline uint32_t next_random(uint64_t *x)
{
    *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*x >> 33);
}

/* A random text that the grammar allows, byte by byte; closing signs are favoured, the more the
 * longer it gets. Returns its length; complete or not, *complete tells. */
static inline size_t random_text(
    const struct grammar *g, uint64_t *random, char *out, size_t cap, bool *complete)
{
    static const char closing[] = "\"}]0eq/";
    struct grammar_matcher *m = NULL;
    size_t n = 0;
    if (grammar_matcher_create(&m, g, NULL))
        abort();
    *complete = false;
    while (n < cap) {
        char allowed[256];
        uint32_t n_allowed = 0;
        if (grammar_matcher_may_end(m) && next_random(random) % 3 == 0)
            break;
        for (const char *c = closing; *c; c++)
            if (next_random(random) % cap < 32 + 2 * n && grammar_matcher_allows(m, c, 1))
                allowed[n_allowed++] = *c;
        bool any = n_allowed == 0;
        for (int b = 0; b < 256 && any; b++) {
            char c = (char)b;
            if (grammar_matcher_allows(m, &c, 1))
                allowed[n_allowed++] = c;
        }
        if (n_allowed == 0)
            break;
        out[n] = allowed[next_random(random) % n_allowed];
        if (!grammar_matcher_accept(m, out + n, 1))
            abort();
        n++;
    }
    *complete = grammar_matcher_may_end(m);
    grammar_matcher_destroy(m);
    return n;
}

#endif
