/* hekla embed: texts as vectors. Flags, formats and their layout are llama-embedding's. */
#include "cli/cli.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/options.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum format { FORMAT_TEXT, FORMAT_ARRAY, FORMAT_JSON, FORMAT_JSON_PLUS, FORMAT_RAW };

struct embed_options {
    const char *model, *prompt, *file, *separator, *device;
    int64_t n_batch, norm;
    int pooling, format, numerics;
    bool escape;
};

#define AT(member) offsetof(struct embed_options, member)

static const struct cli_option rows[] = {
    CLI_ROW_MODEL(AT(model)),
    {.type = CLI_OPTION_TEXT,
        .names = "-p|--prompt",
        .offset = AT(prompt),
        .value = "TEXT",
        .help = "the texts"},
    {.type = CLI_OPTION_TEXT,
        .names = "-f|--file",
        .offset = AT(file),
        .value = "FILE",
        .help = "the texts from a file; default: stdin"},
    {.type = CLI_OPTION_TEXT,
        .names = "--embd-separator",
        .offset = AT(separator),
        .value = "TEXT",
        .fallback = "\n",
        .help = "what stands between two texts; \"\": nothing, it is all one; default: a new line"},
    {.type = CLI_OPTION_CHOICE,
        .names = "--pooling",
        .offset = AT(pooling),
        .choices = "auto|none|mean|cls|last",
        .fallback = "auto",
        .help = "how tokens become one vector: their mean, the first, the last, or none: a vector "
                "for each; auto: what the model's file says, else the mean"},
    {.type = CLI_OPTION_INTEGER,
        .names = "--embd-normalize",
        .offset = AT(norm),
        .value = "N",
        .fallback = "2",
        .min = -1,
        .max = 100,
        .help = "-1: none; 0: by the largest value, to 32760; 1: by the sum of absolute values; "
                "2: to a length of 1; more: by the p-norm"},
    {.type = CLI_OPTION_CHOICE,
        .names = "--embd-output-format",
        .offset = AT(format),
        .choices = "text|array|json|json+|raw",
        .fallback = "text",
        .help = "text: numbers of several texts, and of tokens, only in part; array: [[...], ...]; "
                "json: as OpenAI's API; json+: and cosine similarities; raw: "
                "a line for each, blanks between"},
    {.type = CLI_OPTION_INTEGER,
        .names = "-ub|--ubatch-size",
        .offset = AT(n_batch),
        .value = "N",
        .fallback = "512",
        .min = 1,
        .max = 8192,
        .help = "most tokens evaluated at once; of an encoder, such as BERT, always all of a text"},
    CLI_ROW_ESCAPE(AT(escape)),
    CLI_ROW_NO_ESCAPE(AT(escape)),
    CLI_ROW_NUMERICS(AT(numerics)),
    {.type = CLI_OPTION_TEXT,
        .names = "-dev|--device",
        .offset = AT(device),
        .value = "ID",
        .help = "as in \"hekla run\""},
};

static const struct cli_options options_of_embed = {
    .command = "embed",
    .usage = "[-m FILE] [-p TEXT | -f FILE] [flags]",
    .about = "Turns texts into vectors: the hidden states of a text's tokens, pooled and "
             "normalised. Each line is a text of its own. Exact: every device gives the same bits, "
             "but with --numerics fast.",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};

/* A text, and its vectors: one, or without pooling one for each token. */
struct text {
    const char *data;
    size_t n;
    hekla_token *tokens;
    size_t n_tokens, n_vectors;
    float *vectors; /* [n_vectors][n_embd] */
};

struct work {
    const struct embed_options *o;
    struct text *texts;
    size_t n;
    uint32_t n_embd;
    enum hekla_pooling pooling;
};

static void free_work(struct work *w)
{
    for (size_t i = 0; i < w->n; i++) {
        free(w->texts[i].tokens);
        free(w->texts[i].vectors);
    }
    free(w->texts);
}

/* The first `separator` in what is left; its end without one. */
static size_t find_end(const char *data, size_t n, const char *separator)
{
    size_t length = strlen(separator);
    for (size_t i = 0; length && i + length <= n; i++)
        if (memcmp(data + i, separator, length) == 0)
            return i;
    return n;
}

static int split(struct work *w, const struct cli_text *text)
{
    const char *at = text->data;
    size_t left = text->n, length = strlen(w->o->separator);
    for (bool more = true; more;) {
        size_t n = find_end(at, left, w->o->separator);
        struct text *grown = realloc(w->texts, (w->n + 1) * sizeof(*grown));
        if (!grown)
            return cli_fail(CLI_MEMORY, "not enough memory for the texts");
        w->texts = grown;
        w->texts[w->n++] = (struct text){.data = at, .n = n};
        more = n < left;
        if (more) {
            at += n + length;
            left -= n + length;
        }
    }
    return CLI_OK;
}

static int tokenize(struct work *w, const hekla_model *model, size_t *longest)
{
    struct hekla_model_info info;
    hekla_model_get_info(model, &info);
    w->n_embd = info.n_embd;
    w->pooling = w->o->pooling ? (enum hekla_pooling)w->o->pooling : info.pooling;
    for (size_t i = 0; i < w->n; i++) {
        struct text *t = &w->texts[i];
        if (t->n == 0)
            return cli_fail(CLI_USAGE, "text %zu of %zu is empty", i + 1, w->n);
        int code = cli_input_tokenize(model, t->data, t->n,
            HEKLA_TOKENIZE_BOS | HEKLA_TOKENIZE_SPECIAL, &t->tokens, &t->n_tokens);
        if (code != CLI_OK)
            return code;
        if (t->n_tokens == 0)
            return cli_fail(CLI_USAGE, "text %zu of %zu has no tokens", i + 1, w->n);
        if (t->n_tokens > info.n_ctx_train)
            return cli_fail(CLI_USAGE,
                "text %zu of %zu has %zu tokens, and the model was trained for %u at most", i + 1,
                w->n, t->n_tokens, info.n_ctx_train);
        *longest = t->n_tokens > *longest ? t->n_tokens : *longest;
    }
    return CLI_OK;
}

static int embed_text(struct work *w, hekla_session *session, struct text *t)
{
    struct hekla_error err;
    t->n_vectors = w->pooling == HEKLA_POOLING_NONE ? t->n_tokens : 1;
    t->vectors = calloc(t->n_vectors * w->n_embd, sizeof(*t->vectors));
    if (!t->vectors)
        return cli_fail(CLI_MEMORY, "not enough memory for the vectors");
    hekla_status status =
        hekla_session_embed(session, t->tokens, t->n_tokens, w->pooling, t->vectors, &err);
    if (status != HEKLA_OK)
        return cli_fail_status(status, &err);
    for (size_t i = 0; i < t->n_vectors; i++)
        hekla_embedding_normalize(t->vectors + i * w->n_embd, w->n_embd, (int)w->o->norm);
    return cli_interrupt_count() > 0 ? CLI_INTERRUPTED : CLI_OK;
}

static int embed_all(struct work *w, hekla_model *model, size_t longest)
{
    struct hekla_error err;
    hekla_session *session = NULL;
    hekla_status status = hekla_session_open(&session, model,
        &(struct hekla_session_options){.n_ctx = (uint32_t)longest,
            .n_batch = (uint32_t)w->o->n_batch,
            .embeddings = true,
            .numerics = (enum hekla_numerics)w->o->numerics},
        &err);
    int code = status == HEKLA_OK ? CLI_OK : cli_fail_status(status, &err);
    for (size_t i = 0; i < w->n && code == CLI_OK; i++)
        code = embed_text(w, session, &w->texts[i]);
    hekla_session_close(session);
    return code;
}

/* ---- output -----------------------------------------------------------------------------------
 */

static double similarity(const struct work *w, const float *a, const float *b)
{
    double product = 0, aa = 0, bb = 0;
    for (uint32_t i = 0; i < w->n_embd; i++) {
        product += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? product / sqrt(aa * bb) : aa == bb;
}

static void write_numbers(const struct work *w, const float *x, uint32_t n, const char *whole,
    const char *real, const char *between)
{
    for (uint32_t i = 0; i < n; i++) {
        cli_writef("%s", i ? between : "");
        cli_writef(w->o->norm == 0 ? whole : real, (double)x[i]);
    }
}

/* How a text begins. */
static const char *label_of(const struct text *t, size_t most, char out[16])
{
    snprintf(out, 16, "%.*s", (int)(t->n < most ? t->n : most), t->data);
    return out;
}

static void write_similarities(const struct work *w)
{
    char label[16];
    cli_writef("\ncosine similarity matrix:\n\n");
    for (size_t k = 0; k < w->n; k++)
        cli_writef("%6s ", label_of(&w->texts[k], 6, label));
    cli_writef("\n");
    for (size_t i = 0; i < w->n; i++) {
        for (size_t k = 0; k < w->n; k++)
            cli_writef("%6.2f ", similarity(w, w->texts[i].vectors, w->texts[k].vectors));
        cli_writef("%s\n", label_of(&w->texts[i], 10, label));
    }
}

/* All numbers of one text's vector, the first of several, the ends of tokens'. */
static void write_text(const struct work *w)
{
    size_t number = 0;
    bool tokens = w->pooling == HEKLA_POOLING_NONE;
    uint32_t some = tokens ? 3 : 16, n = !tokens && w->n == 1 ? w->n_embd : some;
    n = n < w->n_embd ? n : w->n_embd;
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < w->texts[i].n_vectors; k++) {
            const float *x = w->texts[i].vectors + k * w->n_embd;
            cli_writef("embedding %zu: ", number++);
            write_numbers(w, x, n, "%6.0f", "%9.6f", " ");
            if (tokens) {
                cli_writef("  ... ");
                write_numbers(w, x + w->n_embd - n, n, "%6.0f", "%9.6f", " ");
            }
            cli_writef("\n");
        }
    if (w->n > 1 && w->pooling != HEKLA_POOLING_NONE)
        write_similarities(w);
}

static void write_array(const struct work *w)
{
    bool first = true;
    cli_writef("[");
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < w->texts[i].n_vectors; k++) {
            cli_writef(first ? "[" : ",[");
            write_numbers(w, w->texts[i].vectors + k * w->n_embd, w->n_embd, "%1.0f", "%1.7f", ",");
            cli_writef("]");
            first = false;
        }
    cli_writef("]\n");
}

static void write_raw(const struct work *w)
{
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < w->texts[i].n_vectors; k++) {
            write_numbers(w, w->texts[i].vectors + k * w->n_embd, w->n_embd, "%1.0f", "%1.7f", " ");
            cli_writef("\n");
        }
}

static json_t *vector_json(const struct work *w, const float *x)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < w->n_embd; i++)
        json_array_append_new(array, json_real((double)x[i]));
    return array;
}

static json_t *similarities_json(const struct work *w)
{
    json_t *all = json_array();
    for (size_t i = 0; i < w->n; i++) {
        json_t *row = json_array();
        for (size_t k = 0; k < w->n; k++)
            json_array_append_new(
                row, json_real(similarity(w, w->texts[i].vectors, w->texts[k].vectors)));
        json_array_append_new(all, row);
    }
    return all;
}

static int write_json(const struct work *w)
{
    json_t *data = json_array(), *root = json_object();
    size_t number = 0;
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < w->texts[i].n_vectors; k++) {
            json_t *item = json_object();
            json_object_set_new(item, "object", json_string("embedding"));
            json_object_set_new(item, "index", json_integer((json_int_t)number++));
            json_object_set_new(
                item, "embedding", vector_json(w, w->texts[i].vectors + k * w->n_embd));
            json_array_append_new(data, item);
        }
    json_object_set_new(root, "object", json_string("list"));
    json_object_set_new(root, "data", data);
    if (w->o->format == FORMAT_JSON_PLUS && w->n > 1 && w->pooling != HEKLA_POOLING_NONE)
        json_object_set_new(root, "cosineSimilarity", similarities_json(w));
    /* 9 digits tell all floats apart. */
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(root);
    if (!text)
        return cli_fail(CLI_MEMORY, "not enough memory for the JSON text");
    cli_writef("%s\n", text);
    free(text);
    return CLI_OK;
}

static int write_all(const struct work *w)
{
    switch ((enum format)w->o->format) {
    case FORMAT_TEXT:
        write_text(w);
        return CLI_OK;
    case FORMAT_ARRAY:
        write_array(w);
        return CLI_OK;
    case FORMAT_RAW:
        write_raw(w);
        return CLI_OK;
    default:
        return write_json(w);
    }
}

int cli_embed(int argc, char **argv)
{
    struct embed_options options = {0};
    struct cli_text text = {0};
    struct work w = {.o = &options};
    hekla_model *model = NULL;
    size_t longest = 0;
    enum cli_parse parsed = cli_options_parse(&options_of_embed, argc, argv, &options);
    if (parsed != CLI_PARSE_OK)
        return parsed == CLI_PARSE_HELP ? CLI_OK : CLI_USAGE;
    if (options.prompt && options.file)
        return cli_fail(CLI_USAGE, "only one of -p and -f can give the texts");
    int code = cli_input_text(&text, options.prompt, options.file, options.escape);
    if (code == CLI_OK && !options.prompt)
        cli_text_drop_newline(&text);
    if (code == CLI_OK)
        code = split(&w, &text);
    if (code == CLI_OK)
        code = cli_open_model(&model, options.model, options.device, NULL);
    if (code == CLI_OK)
        code = tokenize(&w, model, &longest);
    if (code == CLI_OK)
        code = embed_all(&w, model, longest);
    if (code == CLI_OK)
        code = write_all(&w);
    free_work(&w);
    cli_text_free(&text);
    hekla_model_close(model);
    return code;
}
