/* Past runs of bench in the user's data folder. */
#define _POSIX_C_SOURCE 200809L
#include "cli/bench.h"

#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER = 1000, MOST_PAST = 2000 };

static bool find_folder(char out[FOLDER])
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int n = -1;
    if (data && data[0] == '/')
        n = snprintf(out, FOLDER, "%s/hekla/bench", data);
    else if (home && home[0] == '/')
        n = snprintf(out, FOLDER, "%s/.local/share/hekla/bench", home);
    return n > 0 && n < FOLDER - 80;
}

static bool make_folder(char *path)
{
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            mkdir(path, 0777); /* the last one tells */
            *p = '/';
        }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

static int is_result(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".json") == 0;
}

json_t *cli_bench_past(void)
{
    json_t *docs = json_array();
    struct dirent **list = NULL;
    char folder[FOLDER], path[FOLDER + 300];
    int n = find_folder(folder) ? scandir(folder, &list, is_result, alphasort) : 0;
    for (int i = 0; i < n; i++) {
        struct hekla_error err = {0};
        snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
        if (i + MOST_PAST >= n && bench_read(docs, path, &err) != HEKLA_OK)
            cli_note("note: a past run is left out: %s", err.text);
        free(list[i]);
    }
    free(list);
    return docs;
}

/* Of the n first among the past runs, those that `now` is slower than. */
static size_t print_drops(json_t *past, size_t n, const json_t *now)
{
    struct bench_text t = {0};
    json_t **docs = calloc(n ? n : 1, sizeof(json_t *));
    for (size_t i = 0; docs && i < n; i++)
        docs[i] = json_array_get(past, i);
    size_t drops = docs ? bench_print_drops(&t, docs, n, now) : 0;
    if (t.data)
        fputs(t.data, stderr);
    free(docs);
    bench_text_free(&t);
    return drops;
}

void cli_bench_keep(const json_t *doc)
{
    struct hekla_error err = {0};
    char folder[FOLDER], path[FOLDER + 100], when[32] = "";
    json_t *past = cli_bench_past();
    print_drops(past, json_array_size(past), doc);
    json_decref(past);
    for (const char *p = bench_string(doc, "time"); *p && strlen(when) < 20; p++)
        if (*p != '-' && *p != ':')
            strncat(when, p, 1);
    if (!find_folder(folder)) {
        cli_note("note: the run is not kept: neither XDG_DATA_HOME nor HOME is a folder");
    } else if (!make_folder(folder)) {
        cli_note("note: the run is not kept: %s: %s", folder, strerror(errno));
    } else {
        /* Several devices may take less than a second. */
        snprintf(path, sizeof(path), "%s/%s-%ld.json", folder, when, (long)getpid());
        for (int i = 1; access(path, F_OK) == 0 && i < 1000; i++)
            snprintf(path, sizeof(path), "%s/%s-%ld-%d.json", folder, when, (long)getpid(), i);
        if (bench_write(path, doc, &err) != HEKLA_OK)
            cli_note("note: the run is not kept: %s", err.text);
    }
}

static void print_run(const json_t *doc)
{
    const json_t *rows = bench_part(doc, "tests"), *device = bench_part(doc, "device");
    cli_writef("%s  %s, %s, %s%s:", bench_string(doc, "time"),
        bench_string(bench_part(doc, "model"), "name"), bench_string(device, "name"),
        bench_string(device, "driver"), bench_bool(doc, "complete") ? "" : " (incomplete)");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        char name[96];
        bench_test_name(json_array_get(rows, i), name, sizeof(name));
        cli_writef("%s %s %.2f t/s", i ? "," : "", name,
            bench_number(json_array_get(rows, i), "median_ts"));
    }
    cli_writef("\n");
}

int cli_bench_history(void)
{
    json_t *past = cli_bench_past();
    size_t n = json_array_size(past), drops = 0;
    for (size_t i = 0; i < n; i++)
        print_run(json_array_get(past, i));
    for (size_t i = 1; i < n; i++)
        drops += print_drops(past, i, json_array_get(past, i));
    json_decref(past);
    cli_writef("%zu runs; %zu tests became more than 5 %% slower\n", n, drops);
    return CLI_OK;
}
