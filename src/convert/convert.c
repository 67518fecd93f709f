#include "base/utf8.h"
#include "convert/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEFAULT_ALIGNMENT = 32, QUANTIZATION_VERSION = 2 };

static const struct quant_type *type_of(const struct gguf_tensor *t)
{
    return quant_find(t->type);
}

static hekla_status check_source(const struct gguf *g, struct hekla_error *err)
{
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const struct gguf_tensor *t = &g->tensors[i];
        const struct quant_type *type = type_of(t);
        if (type && type->class == QUANT_CLASS_FLOAT)
            continue;
        const char *name = quant_file_type_name(t->type);
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: tensor %s is of type %s%s; quantise a file whose weights are F32, F16 or BF16",
            gguf_name(g), utf8_label(t->name.data, (size_t)t->name.n).text,
            name ? name : "unknown to this program",
            type ? ", and quantising a second time would add its errors to the first" : "");
    }
    return HEKLA_OK;
}

/* Whether path and an input file are one file under two names. */
static bool is_input(const struct gguf *g, const char *path)
{
    struct stat out, in;
    if (stat(path, &out) != 0)
        return false;
    for (uint32_t i = 0; i < g->n_files; i++)
        if (fstat(g->files[i].fd, &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return true;
    return false;
}

static hekla_status check_target(const struct gguf *g, const char *path, struct hekla_error *err)
{
    char *temporary = malloc(strlen(path) + sizeof(OUTFILE_SUFFIX));
    if (!temporary)
        return hekla_fail(err, HEKLA_MEMORY, "no memory for a file name");
    sprintf(temporary, "%s" OUTFILE_SUFFIX, path);
    bool same = is_input(g, path) || is_input(g, temporary);
    free(temporary);
    return same ? hekla_fail(err, HEKLA_ARGUMENT,
                      "%s: is the file to read; the new file needs another name", gguf_name(g))
                : HEKLA_OK;
}

static hekla_status plan(
    struct convert *c, const struct convert_options *options, struct hekla_error *err)
{
    const struct gguf *g = c->gguf;
    struct mix_model model;
    mix_look(&model, g);
    c->tensors = calloc((size_t)g->n_tensors + 1, sizeof(*c->tensors));
    c->wanted = calloc((size_t)g->n_tensors + 1, sizeof(*c->wanted));
    c->first_piece = calloc((size_t)g->n_tensors + 1, sizeof(*c->first_piece));
    if (!c->tensors || !c->wanted || !c->first_piece)
        return hekla_fail(err, HEKLA_MEMORY, "%s: no memory for its directory", gguf_name(g));
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        struct gguf_tensor *t = &c->tensors[i];
        *t = g->tensors[i];
        t->type =
            quant_types[mix_choose(options->mix, &model, t, options->pure, &c->wanted[i])].file_id;
        bool fits = quant_file_bytes(t->type, t->dims[0], t->n_elements / t->dims[0], &t->n_bytes);
        if (!fits)
            return hekla_fail(err, HEKLA_UNSUPPORTED, "%s: tensor %s is too large", gguf_name(g),
                utf8_label(t->name.data, (size_t)t->name.n).text);
        c->first_piece[i + 1] = c->first_piece[i] + (t->n_elements + PIECE - 1) / PIECE;
    }
    return HEKLA_OK;
}

/* A split model becomes one file, so the keys about its parts go. */
static hekla_status make_head(struct convert *c, const struct mix *mix, struct hekla_error *err)
{
    static const char *const leave[] = {"split.no", "split.count", "split.tensors.count", NULL};
    const struct gguf_u32_key set[] = {{"general.file_type", mix->file_type},
        {"general.quantization_version", QUANTIZATION_VERSION}};
    struct gguf_head head = {.from = c->gguf,
        .set = set,
        .n_set = sizeof(set) / sizeof(set[0]),
        .leave = leave,
        .tensors = c->tensors,
        .n_tensors = c->gguf->n_tensors};
    hekla_status status =
        gguf_get_u32(c->gguf, "general.alignment", false, DEFAULT_ALIGNMENT, &head.alignment, err);
    return status ? status : gguf_write_head(&c->head, &head, &c->bytes_after, err);
}

hekla_status convert_open(
    struct convert **out, const struct convert_options *options, struct hekla_error *err)
{
    struct convert *c = calloc(1, sizeof(*c));
    if (!c)
        return hekla_fail(err, HEKLA_MEMORY, "no memory to open a model");
    c->out = options->out;
    hekla_status status = gguf_open(&c->gguf, options->in, quant_file_bytes, err);
    if (!status)
        status = check_source(c->gguf, err);
    if (!status)
        status = check_target(c->gguf, options->out, err);
    if (!status)
        status = plan(c, options, err);
    if (!status)
        status = make_head(c, options->mix, err);
    if (status)
        convert_close(c);
    else
        *out = c;
    return status;
}

void convert_close(struct convert *c)
{
    if (!c)
        return;
    gguf_close(c->gguf);
    free(c->tensors);
    free(c->wanted);
    free(c->first_piece);
    free(c->head.data);
    free(c);
}

uint64_t convert_tensor_count(const struct convert *c)
{
    return c->gguf->n_tensors;
}

struct convert_tensor convert_tensor_at(const struct convert *c, uint64_t i)
{
    const struct gguf_tensor *t = &c->tensors[i];
    return (struct convert_tensor){.name = t->name,
        .row = t->dims[0],
        .n_elements = t->n_elements,
        .bytes = t->n_bytes,
        .from = type_of(&c->gguf->tensors[i]),
        .wanted = &quant_types[c->wanted[i]],
        .to = type_of(t)};
}

uint64_t convert_bytes_before(const struct convert *c)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->gguf->n_files; i++)
        sum += c->gguf->files[i].size;
    return sum;
}

uint64_t convert_bytes_after(const struct convert *c)
{
    return c->bytes_after;
}

hekla_status convert_run(struct convert *c, const struct convert_run *run, struct hekla_error *err)
{
    struct outfile file;
    hekla_status status = outfile_open(&file, c->out, err);
    if (status)
        return status;
    if (run->temporary)
        run->temporary(file.temporary);
    status = outfile_reserve(&file, c->bytes_after, err);
    if (!status)
        status = outfile_write(&file, 0, c->head.data, c->head.n, err);
    if (!status)
        status = convert_pieces(c, &file, run, err);
    if (!status)
        status = gguf_check_unchanged(c->gguf, err);
    if (!status)
        status = outfile_sync(&file, err);
    /* Before the name is freed: from here on nothing is left to remove, or we remove it. */
    if (run->temporary)
        run->temporary(NULL);
    if (!status)
        return outfile_commit(&file, err);
    outfile_abandon(&file);
    return status;
}
