/*
 * What a grammar costs: tokens a second with a large JSON schema and without, in turn.
 *
 *   grammar_bench [-m FILE] [-n TOKENS] [-r ROUNDS]
 *
 * The schema has 400 members with limits, patterns, lists and references. Both runs generate as
 * many tokens after the same prompt, with the usual samplers and other seeds each round. The speeds
 * are medians; how many tokens the grammar refused is told, too.
 */
#include "hekla/hekla.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS = 400, SCHEMA_BYTES = 200000, MOST_ROUNDS = 101 };

static const hekla_token prompt[] = {1, 2, 3, 4, 5, 6, 7, 8};

static size_t write_schema(char *out)
{
    static const char *const kinds[] = {"{\"type\":\"integer\",\"minimum\":-5,\"maximum\":12345}",
        "{\"type\":\"string\",\"minLength\":2,\"maxLength\":40}",
        "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/node\"},\"maxItems\":5}",
        "{\"type\":\"string\",\"pattern\":\"^[A-Z]{2}-[0-9]{4,6}$\"}",
        "{\"enum\":[\"red\",\"green\",\"blue\",\"a longer value\",null,17]}",
        "{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"boolean\"},{\"$ref\":\"#/$defs/node\"}]}",
        "{\"type\":\"string\",\"format\":\"date-time\"}"};
    size_t n = (size_t)sprintf(out,
        "{\"$defs\":{\"node\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
        "\"next\":{\"$ref\":\"#/$defs/node\"}},\"required\":[\"name\"]}},\"type\":\"object\","
        "\"properties\":{");
    for (int i = 0; i < MEMBERS; i++)
        n += (size_t)sprintf(out + n, "%s\"member_%d\":%s", i ? "," : "", i, kinds[i % 7]);
    n += (size_t)sprintf(out + n, "},\"required\":[");
    for (int i = 0; i < MEMBERS; i += 3)
        n += (size_t)sprintf(out + n, "%s\"member_%d\"", i ? "," : "", i);
    return n + (size_t)sprintf(out + n, "]}");
}

static void must(hekla_status status, const struct hekla_error *err)
{
    if (status == HEKLA_OK)
        return;
    fprintf(stderr, "grammar_bench: %s\n", err->text);
    exit(1);
}

static void notice(void *refused, enum hekla_notice kind, const char *line)
{
    unsigned long long n;
    if (kind == HEKLA_NOTICE_DETAIL && sscanf(line, "the grammar refused %llu of", &n) == 1)
        *(unsigned long long *)refused += n;
}

struct speed {
    double tokens, per_second, host_ms; /* host_ms: of its processor, for a token */
};

static struct speed run(hekla_session *session, const struct hekla_sampling *p, long n)
{
    struct hekla_error err = {0};
    struct hekla_stats before, after;
    must(hekla_session_sync(session, prompt, sizeof(prompt) / sizeof(prompt[0]), NULL, &err), &err);
    hekla_session_get_stats(session, &before);
    must(hekla_session_generate(session, p, n, true, NULL, NULL, NULL, &err), &err);
    hekla_session_get_stats(session, &after);
    double tokens = (double)(after.generation.tokens - before.generation.tokens);
    return (struct speed){tokens, tokens / (after.generation.seconds - before.generation.seconds),
        1e3 * (after.generation.cpu_seconds - before.generation.cpu_seconds) / tokens};
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, long n)
{
    qsort(values, (size_t)n, sizeof(*values), compare);
    return values[n / 2];
}

int main(int argc, char **argv)
{
    struct hekla_model_options options = {
        .device = getenv("HEKLA_TEST_DEVICE"), .caps = getenv("HEKLA_CAPS"), .notice = notice};
    unsigned long long refused = 0;
    long n = 128, rounds = 7;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "-m"))
            options.path = argv[i + 1];
        else if (!strcmp(argv[i], "-n"))
            n = strtol(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "-r"))
            rounds = strtol(argv[i + 1], NULL, 10);
    }
    rounds = rounds < 1 ? 1 : rounds > MOST_ROUNDS ? MOST_ROUNDS : rounds;
    options.notice_user = &refused;
    struct hekla_error err = {0};
    hekla_model *model;
    hekla_session *session;
    hekla_grammar *grammar;
    char *schema = malloc(SCHEMA_BYTES);
    if (!schema)
        return 1;
    size_t n_schema = write_schema(schema);
    must(hekla_model_open(&model, &options, &err), &err);
    must(hekla_session_open(&session, model, &(struct hekla_session_options){.n_ctx = 2048}, &err),
        &err);
    must(hekla_grammar_open(&grammar, HEKLA_JSON_SCHEMA, schema, n_schema, &err), &err);
    double speeds[2][MOST_ROUNDS], host[2][MOST_ROUNDS], ratios[MOST_ROUNDS], all = 0;
    struct hekla_sampling p = hekla_sampling_default();
    run(session, &p, 8);
    for (long i = 0; i < rounds; i++) {
        p.seed = (uint64_t)i;
        for (int k = 0; k < 2; k++) {
            int with = (int)((i + k) & 1);
            p.grammar = with ? grammar : NULL;
            struct speed one = run(session, &p, n);
            speeds[with][i] = one.per_second;
            host[with][i] = one.host_ms;
            all += with ? one.tokens : 0;
        }
        ratios[i] = speeds[1][i] / speeds[0][i];
    }
    printf("schema of %zu bytes, %ld tokens, %ld rounds, %.1f %% of the tokens refused\n"
           "tokens/s: %.1f without, %.1f with, median of the rounds' ratios %.3f\n"
           "the host's processor, ms a token: %.3f without, %.3f with\n",
        n_schema, n, rounds, 100 * (double)refused / all, median(speeds[0], rounds),
        median(speeds[1], rounds), median(ratios, rounds), median(host[0], rounds),
        median(host[1], rounds));
    hekla_grammar_close(grammar);
    hekla_session_close(session);
    hekla_model_close(model);
    free(schema);
    return 0;
}
