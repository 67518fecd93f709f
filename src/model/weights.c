/* Tensors of a file -> matrices and vectors on the device. */
#include "model/model.h"

#include "base/exact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PARTS = 3 };

/* What will be uploaded: a tensor, or several that become one matrix. */
struct job {
    const struct gguf_tensor *parts[MAX_PARTS];
    uint32_t n_parts, layer;
    const struct weight_rule *rule; /* of the first */
    const struct quant_type *type;
    struct matrix *matrix; /* or NULL: */
    struct gpu_view *vector;
    uint64_t row_bytes; /* in the file */
    bool by_quads;
};

struct load {
    struct model *m;
    const struct gguf *g;
    const char *file;
    struct model_progress progress;
    struct job *jobs;
    size_t n_jobs;
    uint8_t *rows; /* file bytes of a stretch of rows */
    uint64_t done_bytes;
};

uint64_t model_dim(const struct model_params *p, enum weight_dim dim)
{
    switch (dim) {
    case DIM_ONE:
        return 1;
    case DIM_VOCAB:
        return p->n_vocab;
    case DIM_EMBD:
        return p->n_embd;
    case DIM_Q:
        return (uint64_t)p->head.n_head * p->head.head_dim;
    case DIM_KV:
        return (uint64_t)p->head.n_head_kv * p->head.head_dim;
    case DIM_FF:
        return p->n_ff;
    case DIM_ROT_HALF:
        return p->head.n_rot / 2;
    }
    return 0;
}

static hekla_status check_shape(const struct load *l, const struct gguf_tensor *t,
    const struct weight_rule *rule, const char *name, struct hekla_error *err)
{
    uint64_t columns = model_dim(&l->m->params, rule->columns);
    uint64_t rows = model_dim(&l->m->params, rule->rows);
    if (t->dims[0] == columns && t->dims[1] == rows && t->dims[2] == 1 && t->dims[3] == 1)
        return HEKLA_OK;
    return hekla_fail(err, HEKLA_FORMAT,
        "%s: tensor %s is %llu x %llu x %llu, expected %llu x %llu from the hyper-parameters",
        l->file, name, (unsigned long long)t->dims[0], (unsigned long long)t->dims[1],
        (unsigned long long)t->dims[2], (unsigned long long)columns, (unsigned long long)rows);
}

static hekla_status check_type(const struct load *l, const struct gguf_tensor *t,
    const struct weight_rule *rule, const char *name, struct hekla_error *err)
{
    const struct quant_type *type = quant_find(t->type);
    const char *known = quant_file_type_name(t->type);
    if (type && (rule->kind != WEIGHT_VECTOR || type == &quant_types[QT_f32]))
        return t->n_bytes
                   ? HEKLA_OK
                   : hekla_fail(err, HEKLA_FORMAT,
                         "%s: tensor %s: a row of %llu weights is not a whole number of %s blocks",
                         l->file, name, (unsigned long long)t->dims[0], type->label);
    char number[32];
    snprintf(number, sizeof(number), "number %u", t->type);
    return hekla_fail(err, HEKLA_UNSUPPORTED, "%s: tensor %s has type %s, expected %s%s", l->file,
        name, known ? known : number, rule->kind == WEIGHT_VECTOR ? "" : "one of ",
        rule->kind == WEIGHT_VECTOR ? "F32" : quant_supported());
}

static hekla_status add_job(
    struct load *l, const struct weight_rule *rule, uint32_t layer, struct hekla_error *err)
{
    char name[96];
    snprintf(name, sizeof(name), rule->name, layer);
    const struct gguf_tensor *t = gguf_find_tensor(l->g, name);
    if (!t)
        return rule->optional
                   ? HEKLA_OK
                   : hekla_fail(err, HEKLA_FORMAT, "%s: tensor %s is missing", l->file, name);
    hekla_status status = check_shape(l, t, rule, name, err);
    if (status == HEKLA_OK)
        status = check_type(l, t, rule, name, err);
    if (status != HEKLA_OK)
        return status;
    struct model_weights *w = &l->m->weights;
    uint8_t *base = rule->per_layer ? (uint8_t *)&w->layers[layer] : (uint8_t *)w;
    struct job *job = &l->jobs[l->n_jobs++];
    *job = (struct job){
        .parts = {t}, .n_parts = 1, .layer = layer, .rule = rule, .type = quant_find(t->type)};
    job->row_bytes = t->n_bytes / t->dims[1];
    if (rule->kind != WEIGHT_VECTOR)
        job->matrix = (void *)(base + rule->field);
    else
        job->vector = (void *)(base + rule->field);
    l->m->file_bytes += t->n_bytes;
    l->m->n_params += t->n_elements;
    return HEKLA_OK;
}

static hekla_status find_tensors(
    struct load *l, const struct weight_rule *rules, size_t n_rules, struct hekla_error *err)
{
    uint32_t n_layer = l->m->params.n_layer;
    hekla_status status = HEKLA_OK;
    l->jobs = calloc(n_rules * ((size_t)n_layer + 1), sizeof(*l->jobs));
    l->m->weights.layers = calloc(n_layer, sizeof(struct model_layer));
    if (!l->jobs || !l->m->weights.layers)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    for (size_t r = 0; r < n_rules && status == HEKLA_OK; r++)
        for (uint32_t i = 0; i < (rules[r].per_layer ? n_layer : 1) && status == HEKLA_OK; i++)
            status = add_job(l, &rules[r], i, err);
    return status;
}

/* Makes one job of those whose rules say `into` for this layer, from the first on as long as they
 * have one format and whole blocks of 32 rows; a vector prevents it. */
static void merge_jobs(struct load *l, size_t into, uint32_t layer)
{
    struct job *found[MAX_PARTS], *first;
    uint32_t n = 0, same = 1;
    for (size_t i = 0; i < l->n_jobs; i++) {
        struct job *job = &l->jobs[i];
        if (job->rule->into != into || job->layer != layer || !job->n_parts)
            continue;
        if (!job->matrix || n == MAX_PARTS || job->parts[0]->dims[1] % 32)
            return;
        found[n++] = job;
    }
    if (n < 2)
        return;
    first = found[0];
    while (same < n && found[same]->type == first->type)
        same++;
    bool turns = first->rule->kind == WEIGHT_TURNS;
    if (same < 2 || (turns && found[1]->parts[0]->dims[1] != first->parts[0]->dims[1]))
        return;
    for (uint32_t i = 1; i < same; i++) {
        first->parts[first->n_parts++] = found[i]->parts[0];
        found[i]->n_parts = 0;
    }
    first->by_quads = turns;
    first->matrix = (void *)((uint8_t *)&l->m->weights.layers[layer] + into);
}

static void merge_all(struct load *l, const struct weight_rule *rules, size_t n_rules)
{
    size_t kept = 0;
    for (size_t r = 0; r < n_rules; r++)
        for (uint32_t i = 0; rules[r].into && i < l->m->params.n_layer; i++)
            merge_jobs(l, rules[r].into, i);
    for (size_t i = 0; i < l->n_jobs; i++)
        if (l->jobs[i].n_parts)
            l->jobs[kept++] = l->jobs[i];
    l->n_jobs = kept;
}

static uint64_t job_rows(const struct job *job)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < job->n_parts; i++)
        sum += job->parts[i]->dims[1];
    return sum;
}

/* A matrix in as many shards as bindings of the device's size need. */
static hekla_status place_matrix(struct load *l, struct job *job, struct hekla_error *err)
{
    struct matrix *x = job->matrix;
    uint64_t rows = job_rows(job);
    x->quant = (enum quant)(job->type - quant_types);
    x->layout = quant_layout_of(job->type, (uint32_t)job->parts[0]->dims[0]);
    x->n_rows = (uint32_t)rows;
    uint64_t quad_bytes = quant_rows_bytes(&x->layout, 4);
    const struct gpu_caps *caps = gpu_device_caps(l->m->dev);
    uint64_t most = caps->max_range < caps->max_slab ? caps->max_range : caps->max_slab;
    uint64_t table_bytes;
    quant_table(job->type, &table_bytes);
    uint64_t per_shard = most < table_bytes ? 0 : (most - table_bytes) / quad_bytes * 4;
    if (!per_shard || quad_bytes > MODEL_STAGING_BYTES || 4 * job->row_bytes > MODEL_STAGING_BYTES)
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: four rows of %.*s have %llu bytes, too many for %s", l->file,
            (int)job->parts[0]->name.n, job->parts[0]->name.data, (unsigned long long)quad_bytes,
            gpu_device_name(l->m->dev));
    uint64_t n = (rows + per_shard - 1) / per_shard;
    per_shard = (rows + n - 1) / n;
    if (n > 1 && per_shard >= 64) /* so that a bias can be bound at a shard's first row */
        per_shard = per_shard / 64 * 64;
    n = (rows + per_shard - 1) / per_shard;
    x->shards = calloc(n, sizeof(*x->shards));
    if (!x->shards)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    for (uint64_t first = 0; first < rows; first += per_shard) {
        uint64_t count = rows - first < per_shard ? rows - first : per_shard;
        struct matrix_shard *shard = &x->shards[x->n_shards++];
        *shard = (struct matrix_shard){.row_first = (uint32_t)first, .n_rows = (uint32_t)count};
        model_store_reserve(
            l->m->store, quant_rows_bytes(&x->layout, (uint32_t)count) + table_bytes, &shard->view);
    }
    return HEKLA_OK;
}

/* Some NVFP4 files scale whole matrices by further tensors: leaving those out would load a wrong
 * model without a word. */
static hekla_status refuse_scales(const struct load *l, struct hekla_error *err)
{
    for (uint64_t i = 0; i < l->g->n_tensors; i++) {
        struct gguf_string name = l->g->tensors[i].name;
        if (name.n >= 5 && memcmp(name.data + name.n - 5, "scale", 5) == 0)
            return hekla_fail(err, HEKLA_UNSUPPORTED,
                "%s: tensor %.*s scales a whole matrix, which is not supported", l->file,
                (int)(name.n < 80 ? name.n : 80), name.data);
    }
    return HEKLA_OK;
}

static int compare_jobs(const void *a, const void *b)
{
    const struct gguf_tensor *x = ((const struct job *)a)->parts[0];
    const struct gguf_tensor *y = ((const struct job *)b)->parts[0];
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Reads with pread, not through the mapping: a file that shrinks meanwhile is then an error instead
 * of a signal, and the pages do not count as this program's memory. */
static hekla_status read_tensor(const struct load *l, const struct gguf_tensor *t, uint64_t offset,
    uint64_t bytes, uint8_t *out, struct hekla_error *err)
{
    const struct gguf_file *f = &l->g->files[t->file];
    if (l->g->make) {
        l->g->make(l->g->make_user, t, offset, bytes, out);
        return HEKLA_OK;
    }
    if (f->fd < 0) {
        memcpy(out, f->data + t->offset + offset, bytes);
        return HEKLA_OK;
    }
    for (uint64_t done = 0; done < bytes;) {
        ssize_t n = pread(f->fd, out + done, bytes - done, (off_t)(t->offset + offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return hekla_fail(err, HEKLA_IO, "%s: tensor %.*s could not be read: %s", f->path,
                (int)(t->name.n < 80 ? t->name.n : 80), t->name.data,
                n < 0 ? strerror(errno) : "the file has become shorter");
        done += (uint64_t)n;
    }
    return HEKLA_OK;
}

static hekla_status report(struct load *l, uint64_t bytes, struct hekla_error *err)
{
    l->done_bytes += bytes;
    if (l->progress.report &&
        !l->progress.report(l->progress.user, (double)l->done_bytes / (double)l->m->file_bytes))
        return hekla_fail(err, HEKLA_IO, "loading was cancelled");
    return HEKLA_OK;
}

/* Reads rows first .. first + n of the matrix, as they will lie: by quads, first all of one part.
 */
static hekla_status read_rows(const struct load *l, const struct job *job, uint64_t first,
    uint64_t n, struct hekla_error *err)
{
    uint64_t bytes = job->row_bytes;
    if (job->by_quads) {
        hekla_status status =
            read_tensor(l, job->parts[0], first / 2 * bytes, n / 2 * bytes, l->rows, err);
        return status ? status
                      : read_tensor(l, job->parts[1], first / 2 * bytes, n / 2 * bytes,
                            l->rows + n / 2 * bytes, err);
    }
    for (uint64_t p = 0, done = 0; done < n; p++) {
        uint64_t rows = job->parts[p]->dims[1];
        if (first >= rows) {
            first -= rows;
            continue;
        }
        uint64_t count = rows - first < n - done ? rows - first : n - done;
        hekla_status status = read_tensor(
            l, job->parts[p], first * bytes, count * bytes, l->rows + done * bytes, err);
        if (status != HEKLA_OK)
            return status;
        done += count;
        first = 0;
    }
    return HEKLA_OK;
}

static hekla_status upload_rows(struct load *l, const struct job *job,
    const struct matrix_shard *shard, uint32_t first, uint32_t n, struct hekla_error *err)
{
    const struct quant_layout *layout = &job->matrix->layout;
    void *out;
    hekla_status status = read_rows(l, job, shard->row_first + first, n, err);
    if (status == HEKLA_OK)
        status = model_store_map(l->m->store, &shard->view, quant_rows_bytes(layout, first),
            quant_rows_bytes(layout, n), &out, err);
    if (status != HEKLA_OK)
        return status;
    if (job->by_quads)
        for (uint32_t q = 0; q < n / 4; q++)
            quant_pack_rows(job->type, layout,
                l->rows + (q % 2 * (n / 2) + q / 2 * 4) * job->row_bytes, job->row_bytes, 4,
                (uint32_t *)out + (size_t)q * layout->quad_u4 * 4);
    else
        quant_pack_rows(job->type, layout, l->rows, job->row_bytes, n, out);
    status = model_store_flush(l->m->store, err);
    return status == HEKLA_OK ? report(l, n * job->row_bytes, err) : status;
}

/* The format's table, behind the rows. */
static hekla_status upload_table(struct load *l, const struct job *job,
    const struct matrix_shard *shard, struct hekla_error *err)
{
    uint64_t bytes, at = quant_rows_bytes(&job->matrix->layout, shard->n_rows);
    const uint32_t *table = quant_table(job->type, &bytes);
    void *out;
    if (!table)
        return HEKLA_OK;
    hekla_status status = model_store_map(l->m->store, &shard->view, at, bytes, &out, err);
    if (status != HEKLA_OK)
        return status;
    memcpy(out, table, bytes);
    return model_store_flush(l->m->store, err);
}

static hekla_status upload_matrix(struct load *l, const struct job *job, struct hekla_error *err)
{
    uint64_t quad_bytes = quant_rows_bytes(&job->matrix->layout, 4);
    uint64_t larger = quad_bytes > 4 * job->row_bytes ? quad_bytes : 4 * job->row_bytes;
    uint32_t most = (uint32_t)(MODEL_STAGING_BYTES / larger) * 4;
    if (most > 8)
        most -= most % 8; /* quads by turns */
    hekla_status status = HEKLA_OK;
    for (uint32_t i = 0; i < job->matrix->n_shards; i++) {
        const struct matrix_shard *shard = &job->matrix->shards[i];
        for (uint32_t first = 0; first < shard->n_rows && status == HEKLA_OK; first += most) {
            uint32_t rest = shard->n_rows - first;
            status = upload_rows(l, job, shard, first, rest < most ? rest : most, err);
        }
        if (status == HEKLA_OK)
            status = upload_table(l, job, shard, err);
    }
    return status;
}

static hekla_status upload_floats(struct load *l, const struct gpu_view *view, const float *values,
    uint64_t bytes, struct hekla_error *err)
{
    for (uint64_t at = 0; at < bytes; at += MODEL_STAGING_BYTES) {
        uint64_t n = bytes - at < MODEL_STAGING_BYTES ? bytes - at : MODEL_STAGING_BYTES;
        float *out;
        hekla_status status = model_store_map(l->m->store, view, at, n, (void **)&out, err);
        if (status != HEKLA_OK)
            return status;
        for (uint64_t i = 0; i < n / 4; i++)
            out[i] = exact_sanitize(values[at / 4 + i]);
        status = model_store_flush(l->m->store, err);
        if (status != HEKLA_OK)
            return status;
    }
    return HEKLA_OK;
}

static hekla_status upload_vector(struct load *l, const struct job *job, struct hekla_error *err)
{
    hekla_status status = read_tensor(l, job->parts[0], 0, job->parts[0]->n_bytes, l->rows, err);
    if (status == HEKLA_OK)
        status = upload_floats(l, job->vector, (const float *)l->rows, job->parts[0]->n_bytes, err);
    return status == HEKLA_OK ? report(l, job->parts[0]->n_bytes, err) : status;
}

static hekla_status upload_rope(struct load *l, struct hekla_error *err)
{
    const struct model_params *p = &l->m->params;
    float *freqs = NULL;
    uint64_t bytes;
    for (size_t i = 0; i < l->n_jobs; i++)
        if (l->jobs[i].vector == &l->m->weights.rope_freqs) {
            hekla_status status =
                read_tensor(l, l->jobs[i].parts[0], 0, l->jobs[i].parts[0]->n_bytes, l->rows, err);
            if (status != HEKLA_OK)
                return status;
            freqs = (float *)l->rows;
        }
    for (uint32_t i = 0; freqs && i < p->head.n_rot / 2; i++)
        if (!(freqs[i] > 1e-6f && freqs[i] < 1e9f))
            return hekla_fail(err, HEKLA_FORMAT,
                "%s: rope_freqs.weight[%u] is %g, expected a positive factor", l->file, i,
                freqs[i]);
    float *table = rope_table_create(&p->rope, p->head.n_rot, p->n_ctx_train, freqs, &bytes);
    if (!table)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for the rotation table");
    hekla_status status = upload_floats(l, &l->m->weights.rope, table, bytes, err);
    free(table);
    return status;
}

static hekla_status place_all(struct load *l, struct hekla_error *err)
{
    const struct model_params *p = &l->m->params;
    hekla_status status = model_store_create(&l->m->store, l->m->dev,
        "not enough memory for the weights (a smaller quantisation or another --device may do)",
        err);
    for (size_t i = 0; i < l->n_jobs && status == HEKLA_OK; i++) {
        if (l->jobs[i].matrix)
            status = place_matrix(l, &l->jobs[i], err);
        else if (l->jobs[i].parts[0]->n_bytes > MODEL_STAGING_BYTES)
            status = hekla_fail(err, HEKLA_UNSUPPORTED,
                "%s: tensor %.60s is too large for a vector", l->file, l->jobs[i].rule->name);
        else
            model_store_reserve(l->m->store, l->jobs[i].parts[0]->n_bytes, l->jobs[i].vector);
    }
    if (status != HEKLA_OK)
        return status;
    model_store_reserve(
        l->m->store, rope_table_bytes(p->head.n_rot, p->n_ctx_train), &l->m->weights.rope);
    l->m->device_bytes = model_store_bytes(l->m->store);
    if (!l->m->weights.output.n_shards)
        l->m->weights.output = l->m->weights.token_embd;
    return HEKLA_OK;
}

static hekla_status place(
    struct load *l, const struct weight_rule *rules, size_t n_rules, struct hekla_error *err)
{
    hekla_status status = refuse_scales(l, err);
    if (status == HEKLA_OK)
        status = find_tensors(l, rules, n_rules, err);
    if (status != HEKLA_OK)
        return status;
    merge_all(l, rules, n_rules);
    qsort(l->jobs, l->n_jobs, sizeof(*l->jobs), compare_jobs); /* read the file in order, once */
    return place_all(l, err);
}

hekla_status model_weights_place(struct model *m, const struct gguf *g, const char *file,
    const struct weight_rule *rules, size_t n_rules, struct hekla_error *err)
{
    struct load l = {.m = m, .g = g, .file = file};
    hekla_status status = place(&l, rules, n_rules, err);
    free(l.jobs);
    return status;
}

hekla_status model_weights_load(struct model *m, const struct gguf *g, const char *file,
    const struct weight_rule *rules, size_t n_rules, struct model_progress progress,
    struct hekla_error *err)
{
    struct load l = {.m = m, .g = g, .file = file, .progress = progress};
    hekla_status status = place(&l, rules, n_rules, err);
    if (status == HEKLA_OK)
        status = model_store_allocate(m->store, err);
    l.rows = status == HEKLA_OK ? malloc(MODEL_STAGING_BYTES) : NULL;
    if (status == HEKLA_OK && !l.rows)
        status = hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    for (size_t i = 0; i < l.n_jobs && status == HEKLA_OK; i++)
        status = l.jobs[i].matrix ? upload_matrix(&l, &l.jobs[i], err)
                                  : upload_vector(&l, &l.jobs[i], err);
    if (status == HEKLA_OK)
        status = upload_rope(&l, err);
    if (status == HEKLA_OK)
        status = gguf_check_unchanged(g, err);
    free(l.jobs);
    free(l.rows);
    return status;
}

static void free_matrix(struct matrix *m)
{
    free(m->shards);
    *m = (struct matrix){0};
}

void model_weights_free(struct model *m)
{
    struct model_weights *w = &m->weights;
    if (w->output.shards != w->token_embd.shards)
        free_matrix(&w->output);
    free_matrix(&w->token_embd);
    for (uint32_t i = 0; w->layers && i < m->params.n_layer; i++) {
        struct model_layer *l = &w->layers[i];
        struct matrix *all[] = {
            &l->qkv, &l->q, &l->k, &l->v, &l->attn_out, &l->gate_up, &l->gate, &l->up, &l->down};
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++)
            free_matrix(all[k]);
    }
    free(w->layers);
    model_store_destroy(m->store);
    *w = (struct model_weights){0};
    m->store = NULL;
}

static uint64_t matrix_bytes(const struct matrix *m)
{
    return quant_rows_bytes(&m->layout, m->n_rows);
}

uint64_t model_decode_bytes(const struct model *m)
{
    const struct model_weights *w = &m->weights;
    uint64_t sum = matrix_bytes(&w->output);
    for (uint32_t i = 0; i < m->params.n_layer; i++) {
        const struct model_layer *l = &w->layers[i];
        const struct matrix *all[] = {
            &l->qkv, &l->q, &l->k, &l->v, &l->attn_out, &l->gate_up, &l->gate, &l->up, &l->down};
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++)
            sum += matrix_bytes(all[k]);
    }
    return sum;
}
