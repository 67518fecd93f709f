/* What find.c found -> matrices and vectors on the device. */
#include "model/load.h"

#include "base/exact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t job_rows(const struct job *job)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < job->n_parts; i++)
        sum += job->parts[i].rows;
    return sum;
}

static hekla_status refuse_size(const struct load *l, const struct job *job, const char *what,
    uint64_t bytes, struct hekla_error *err)
{
    struct gguf_string name = job->parts[0].tensor->name;
    return hekla_fail(err, HEKLA_UNSUPPORTED, "%s: %s of %.*s %s %llu bytes, too many for %s",
        l->file, what, (int)name.n, name.data, what[0] == 'f' ? "have" : "has",
        (unsigned long long)bytes, gpu_device_name(l->m->dev));
}

/* A matrix in as many shards as bindings of the device's size need. */
static hekla_status place_matrix(struct load *l, struct job *job, struct hekla_error *err)
{
    struct matrix *x = job->matrix;
    uint64_t rows = job_rows(job);
    x->quant = (enum quant)(job->type - quant_types);
    x->layout = quant_layout_of(job->type, (uint32_t)job->parts[0].tensor->dims[0]);
    x->n_rows = (uint32_t)rows;
    uint64_t quad_bytes = quant_rows_bytes(&x->layout, 4);
    const struct gpu_caps *caps = gpu_device_caps(l->m->dev);
    uint64_t most = caps->max_range < caps->max_slab ? caps->max_range : caps->max_slab;
    uint64_t table_bytes;
    quant_table(job->type, &table_bytes);
    uint64_t per_shard = most < table_bytes ? 0 : (most - table_bytes) / quad_bytes * 4;
    if (!per_shard || quad_bytes > MODEL_STAGING_BYTES || 4 * job->row_bytes > MODEL_STAGING_BYTES)
        return refuse_size(l, job, "four rows", quad_bytes, err);
    if (rows <= per_shard) {
        per_shard = rows;
    } else if (job->rule->flags & (RULE_EXPERTS | RULE_HEADS)) { /* whole ones */
        bool heads = job->rule->flags & RULE_HEADS;
        uint64_t unit = rows / (heads ? l->m->params.head.n_head : l->m->params.experts.n);
        if (per_shard < unit)
            return refuse_size(l, job, heads ? "a head" : "an expert", unit * quad_bytes / 4, err);
        per_shard = per_shard / unit * unit;
    } else {
        uint64_t n = (rows + per_shard - 1) / per_shard;
        per_shard = (rows + n - 1) / n;
        if (per_shard >= 64) /* so that a bias can be bound at a shard's first row */
            per_shard = per_shard / 64 * 64;
    }
    uint64_t n = (rows + per_shard - 1) / per_shard;
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

/* Rows first .. first + n of a part. */
static hekla_status read_part(const struct load *l, const struct part *part, uint64_t first,
    uint64_t n, uint8_t *out, struct hekla_error *err)
{
    uint64_t bytes = part->tensor->n_bytes / (part->tensor->dims[1] * part->tensor->dims[2]);
    hekla_status status = HEKLA_OK;
    if (!part->rotated && !part->kept)
        return read_tensor(l, part->tensor, (part->first + first) * bytes, n * bytes, out, err);
    for (uint64_t i = 0; i < n && status == HEKLA_OK; i++) {
        uint64_t row = load_source_row(part->rotated, first + i);
        row += part->kept ? row / part->kept * part->skipped : 0;
        status =
            read_tensor(l, part->tensor, (part->first + row) * bytes, bytes, out + i * bytes, err);
    }
    return status;
}

/* Reads rows first .. first + n of the matrix, as they will lie: by quads, first all of one part.
 */
static hekla_status read_rows(const struct load *l, const struct job *job, uint64_t first,
    uint64_t n, struct hekla_error *err)
{
    uint64_t bytes = job->row_bytes;
    if (job->by_quads) {
        hekla_status status = read_part(l, &job->parts[0], first / 2, n / 2, l->rows, err);
        return status
                   ? status
                   : read_part(l, &job->parts[1], first / 2, n / 2, l->rows + n / 2 * bytes, err);
    }
    for (uint64_t p = 0, done = 0; done < n; p++) {
        uint64_t rows = job->parts[p].rows;
        if (first >= rows) {
            first -= rows;
            continue;
        }
        uint64_t count = rows - first < n - done ? rows - first : n - done;
        hekla_status status =
            read_part(l, &job->parts[p], first, count, l->rows + done * bytes, err);
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

/* The biases of all rows, in the order of the rows; 0 for a part without. */
static hekla_status upload_bias(struct load *l, const struct job *job, struct hekla_error *err)
{
    uint64_t n = job->matrix->n_rows;
    float *out = calloc(n, sizeof(*out)), *file = (float *)l->rows;
    hekla_status status =
        out ? HEKLA_OK : hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    for (uint64_t p = 0, at = 0; p < job->n_parts && status == HEKLA_OK; p++) {
        const struct part *part = &job->parts[p];
        if (part->bias)
            status = read_tensor(
                l, part->bias, part->bias_first * 4, part->rows * 4, (uint8_t *)file, err);
        for (uint64_t r = 0; part->bias && r < part->rows && status == HEKLA_OK; r++) {
            uint64_t to = job->by_quads ? r / 4 * 8 + p * 4 + r % 4 : at + r;
            out[to] = file[load_source_row(part->rotated, r)];
        }
        at += part->rows;
    }
    if (status == HEKLA_OK)
        status = upload_floats(l, &job->matrix->bias, out, n * 4, err);
    free(out);
    return status;
}

/* A norm for each head of Q (they come first in the view) or of K, and that of V behind it. */
static hekla_status upload_heads(struct load *l, const struct job *job, struct hekla_error *err)
{
    const struct head_shape *h = &l->m->params.shapes[job->layer].head;
    bool is_q = job->rule->rows == DIM_HEADS;
    uint32_t n_heads = is_q ? h->n_head : h->n_head_kv, dim = h->head_dim;
    uint64_t given = (uint64_t)n_heads * dim, n = given;
    bool each = job->parts[0].tensor->n_elements > dim;
    const float *file = (float *)l->rows;
    struct gpu_view view = *job->vector;
    n += !is_q && l->m->params.value_norm ? given : 0;
    float *out = malloc(n * sizeof(*out));
    if (!out)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    for (uint64_t i = 0; i < n; i++) {
        uint64_t from = load_source_row(l->m->params.neox ? h : NULL, i % dim);
        out[i] = i < given ? file[(each ? i / dim * dim : 0) + from] : 1.0f;
    }
    view.offset += is_q ? 0 : (uint64_t)h->n_head * dim * 4;
    hekla_status status = upload_floats(l, &view, out, n * 4, err);
    free(out);
    return status;
}

/* What the elements are multiplied with; 0: nothing. */
static float vector_scale(const struct load *l, const struct job *job)
{
    const struct model_weights *w = &l->m->weights;
    if (job->vector == &w->output_norm || job->vector == &w->output_norm_bias)
        return l->m->params.output_scale;
    return job->vector == &w->layers[job->layer].router_norm ? l->m->params.experts.router_scale
                                                             : 0;
}

/* 0 would be read as none. */
static hekla_status take_scalar(
    const struct load *l, const struct job *job, float value, struct hekla_error *err)
{
    struct gguf_string name = job->parts[0].tensor->name;
    *job->scalar = exact_sanitize(value);
    if (*job->scalar == 0)
        return hekla_fail(err, HEKLA_FORMAT, "%s: tensor %.*s is 0, expected another number",
            l->file, (int)name.n, name.data);
    return HEKLA_OK;
}

static hekla_status upload_vector(struct load *l, const struct job *job, struct hekla_error *err)
{
    const struct gguf_tensor *t = job->parts[0].tensor;
    float scale = vector_scale(l, job), *x = (float *)l->rows;
    hekla_status status = read_tensor(l, t, 0, t->n_bytes, l->rows, err);
    if (status == HEKLA_OK && job->rule->kind == WEIGHT_HEADS)
        status = upload_heads(l, job, err);
    else if (status == HEKLA_OK && job->scalar)
        status = take_scalar(l, job, x[0], err);
    else if (status == HEKLA_OK) {
        for (uint64_t i = 0; scale != 0 && i < t->n_elements; i++)
            x[i] = exact_sanitize(x[i]) * scale;
        status = upload_floats(l, job->vector, x, t->n_bytes, err);
    }
    return status == HEKLA_OK ? report(l, t->n_bytes, err) : status;
}

/* The rotations of one table. freqs: where the file's factors of the frequencies go, or NULL. */
static hekla_status upload_rope(struct load *l, const struct gpu_view *to,
    const struct model_rope *rope, const struct gpu_view *freqs_of, struct hekla_error *err)
{
    const struct model_params *p = &l->m->params;
    const float *freqs = NULL;
    uint64_t bytes;
    for (size_t i = 0; i < l->n_jobs; i++)
        if (freqs_of && l->jobs[i].vector == freqs_of) {
            const struct gguf_tensor *t = l->jobs[i].parts[0].tensor;
            hekla_status status = read_tensor(l, t, 0, t->n_bytes, l->rows, err);
            if (status != HEKLA_OK)
                return status;
            freqs = (float *)l->rows;
            for (uint32_t k = 0; k < rope->n_rot / 2; k++)
                if (!(freqs[k] > 1e-6f && freqs[k] < 1e38f))
                    return hekla_fail(err, HEKLA_FORMAT,
                        "%s: %.*s[%u] is %g, expected a positive factor", l->file, (int)t->name.n,
                        t->name.data, k, (double)freqs[k]);
        }
    float *table = rope_table_create(rope, p->n_ctx_train, freqs, &bytes);
    if (!table)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for the rotation table");
    hekla_status status = upload_floats(l, to, table, bytes, err);
    free(table);
    return status;
}

static hekla_status upload_ropes(struct load *l, struct hekla_error *err)
{
    const struct model_params *p = &l->m->params;
    struct model_weights *w = &l->m->weights;
    hekla_status status = upload_rope(l, &w->rope, &p->rope, &w->rope_freqs, err);
    if (status == HEKLA_OK && w->rope_local.buffer)
        status = upload_rope(l, &w->rope_local, &p->rope_local, NULL, err);
    if (status == HEKLA_OK && w->rope_short.buffer)
        status = upload_rope(l, &w->rope_short, &p->rope, &w->rope_freqs_short, err);
    return status;
}

static void reserve_ropes(struct load *l)
{
    const struct model_params *p = &l->m->params;
    struct model_weights *w = &l->m->weights;
    uint64_t bytes = rope_table_bytes(&p->rope, p->n_ctx_train);
    model_store_reserve(l->m->store, bytes, &w->rope);
    if (p->rope_local.base > 0)
        model_store_reserve(
            l->m->store, rope_table_bytes(&p->rope_local, p->n_ctx_train), &w->rope_local);
    if (p->long_rope)
        model_store_reserve(l->m->store, bytes, &w->rope_short);
}

/* Space for a matrix and its biases, or for a vector; heads of Q and K share one. */
static hekla_status place_job(struct load *l, struct job *job, struct hekla_error *err)
{
    bool biased = false;
    if (!job->matrix) {
        if (job->parts[0].tensor->n_bytes > MODEL_STAGING_BYTES)
            return hekla_fail(err, HEKLA_UNSUPPORTED, "%s: tensor %.60s is too large for a vector",
                l->file, job->rule->name);
        if (!job->scalar && !job->vector->buffer)
            model_store_reserve(l->m->store, load_vector_floats(l, job) * 4, job->vector);
        return HEKLA_OK;
    }
    hekla_status status = place_matrix(l, job, err);
    for (uint32_t i = 0; i < job->n_parts; i++) {
        biased |= job->parts[i].bias != NULL;
        if (job->parts[i].bias && job->parts[i].bias->n_bytes > MODEL_STAGING_BYTES)
            return hekla_fail(err, HEKLA_UNSUPPORTED, "%s: tensor %.60s is too large for a vector",
                l->file, job->rule->name);
    }
    if (status == HEKLA_OK && biased)
        model_store_reserve(l->m->store, job->matrix->n_rows * UINT64_C(4), &job->matrix->bias);
    return status;
}

static hekla_status place(
    struct load *l, const struct weight_rule *rules, size_t n_rules, struct hekla_error *err)
{
    hekla_status status = load_find(l, rules, n_rules, err);
    if (status == HEKLA_OK)
        status = model_store_create(&l->m->store, l->m->dev,
            "not enough memory for the weights (a smaller quantisation or another --device may do)",
            err);
    for (size_t i = 0; i < l->n_jobs && status == HEKLA_OK; i++)
        status = place_job(l, &l->jobs[i], err);
    if (status != HEKLA_OK)
        return status;
    reserve_ropes(l);
    l->m->device_bytes = model_store_bytes(l->m->store);
    if (!l->m->weights.output.n_shards)
        l->m->weights.output = l->m->weights.token_embd;
    return HEKLA_OK;
}

static void release(struct load *l)
{
    free(l->jobs);
    free(l->used);
    free(l->rows);
}

hekla_status model_weights_place(struct model *m, const struct gguf *g, const char *file,
    const struct weight_rule *rules, size_t n_rules, struct hekla_error *err)
{
    struct load l = {.m = m, .g = g, .file = file};
    hekla_status status = place(&l, rules, n_rules, err);
    release(&l);
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
    for (size_t i = 0; i < l.n_jobs && status == HEKLA_OK; i++)
        if (l.jobs[i].matrix && l.jobs[i].matrix->bias.buffer)
            status = upload_bias(&l, &l.jobs[i], err);
    if (status == HEKLA_OK)
        status = upload_ropes(&l, err);
    if (status == HEKLA_OK)
        status = gguf_check_unchanged(g, err);
    release(&l);
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
    free_matrix(&w->layer_embd);
    free_matrix(&w->layer_proj);
    for (uint32_t i = 0; w->layers && i < m->params.n_layer; i++) {
        struct model_layer *l = &w->layers[i];
#define MATRIX(name) free_matrix(&l->name);
        MODEL_MATRICES(MATRIX)
#undef MATRIX
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
    const struct model_experts *x = &m->params.experts;
    uint64_t sum = matrix_bytes(&w->output) + matrix_bytes(&w->layer_proj);
    for (uint32_t i = 0; i < m->params.n_layer; i++) {
        const struct model_layer *l = &w->layers[i];
        uint64_t of_experts = matrix_bytes(&l->experts_both) + matrix_bytes(&l->experts_gate) +
                              matrix_bytes(&l->experts_up) + matrix_bytes(&l->experts_fused) +
                              matrix_bytes(&l->experts_down);
#define MATRIX(name) sum += matrix_bytes(&l->name);
        MODEL_MATRICES(MATRIX)
#undef MATRIX
        if (of_experts) /* of which a token needs a few */
            sum -= of_experts / x->n * (x->n - x->n_used);
    }
    return sum;
}
