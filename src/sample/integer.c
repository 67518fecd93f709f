/* Whole numbers of a schema, with their limits digit by digit. */
#include "sample/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t most_magnitude = 999999999999999; /* 15 digits: exact in any reader */

static bool is_run(const char *text, char c)
{
    return strspn(text, (char[]){c, 0}) == strlen(text);
}

/* Texts of as many digits as a and b, from a to b. */
static void put_digits(struct schema_text *t, const char *a, const char *b)
{
    size_t n = strlen(a);
    if (n == 0) {
        schema_put(t, "\"\"");
    } else if (is_run(a, '0') && is_run(b, '9')) {
        schema_put(t, "[0-9]{%zu}", n);
    } else if (a[0] == b[0]) {
        schema_put(t, "\"%c\" ", a[0]);
        put_digits(t, a + 1, b + 1);
    } else {
        char lows[20], highs[20];
        memset(lows, '0', n - 1);
        memset(highs, '9', n - 1);
        lows[n - 1] = highs[n - 1] = 0;
        schema_put(t, "(\"%c\" ", a[0]);
        put_digits(t, a + 1, highs);
        if (a[0] + 1 < b[0])
            schema_put(t, " | [%c-%c] [0-9]{%zu}", a[0] + 1, b[0] - 1, n - 1);
        schema_put(t, " | \"%c\" ", b[0]);
        put_digits(t, lows, b + 1);
        schema_put(t, ")");
    }
}

/* Numbers from a to b, 0 <= a <= b: one alternative for each length. */
static void put_range(struct schema_text *t, const char *sign, int64_t a, int64_t b)
{
    for (int64_t least = 0, most = 9; least <= b; least = most + 1, most = 10 * most + 9) {
        char low[24], high[24];
        if (most < a)
            continue;
        snprintf(low, sizeof(low), "%lld", (long long)(a > least ? a : least));
        snprintf(high, sizeof(high), "%lld", (long long)(b < most ? b : most));
        schema_put(t, " |%s ", sign);
        put_digits(t, low, high);
    }
}

/* A limit; `outside`: the number itself is not allowed, and the next one towards `step` is meant.
 */
static hekla_status read_limit(
    struct schema *s, const json_t *schema, const char *key, int step, bool outside, int64_t *limit)
{
    const json_t *value = json_object_get(schema, key);
    double number = json_number_value(value);
    if (!value)
        return HEKLA_OK;
    if (!json_is_number(value))
        return schema_fail(s, "\"%s\" is no number", key);
    if (!(number >= -1e15 && number <= 1e15))
        return schema_fail(s, "\"%s\" is %g, expected -1e15 to 1e15", key, number);
    int64_t whole = (int64_t)number;
    if ((double)whole == number)
        whole += outside ? step : 0;
    else if (step > 0 ? (double)whole < number : (double)whole > number)
        whole += step;
    if (step > 0 ? whole > *limit : whole < *limit)
        *limit = whole;
    return HEKLA_OK;
}

hekla_status schema_integer(struct schema *s, json_t *schema, uint32_t *rule)
{
    int64_t least = -most_magnitude, most = most_magnitude;
    hekla_status status = read_limit(s, schema, "minimum", 1, false, &least);
    if (status == HEKLA_OK)
        status = read_limit(s, schema, "exclusiveMinimum", 1, true, &least);
    if (status == HEKLA_OK)
        status = read_limit(s, schema, "maximum", -1, false, &most);
    if (status == HEKLA_OK)
        status = read_limit(s, schema, "exclusiveMaximum", -1, true, &most);
    if (status == HEKLA_OK && least > most)
        status = schema_fail(s, "the limits leave no integer");
    if (status != HEKLA_OK)
        return status;
    struct schema_text line = {0};
    if (least < 0)
        put_range(&line, " \"-\"", most < 0 ? -most : 1, -least);
    if (most >= 0)
        put_range(&line, "", least > 0 ? least : 0, most);
    *rule = schema_new_rule(s);
    schema_put(&s->text, "r%u ::=%s\n", *rule, line.failed ? "" : line.data + 2);
    s->text.failed |= line.failed;
    free(line.data);
    return HEKLA_OK;
}
