/* The rules' tensors in a file: found, checked, and put together where several become one matrix.
 */
#include "model/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool model_has_kv(const struct model_params *p, uint32_t layer)
{
    return p->shapes[layer].kv_layer == layer && !(p->layers[layer] & LAYER_STATE);
}

uint32_t model_value_first(const struct model_params *p)
{
    return p->latent.rank ? p->head.n_rot : 0;
}

uint32_t model_kv_elements(const struct model_params *p, uint32_t layer)
{
    return (model_value_first(p) ? 1 : 2) * (uint32_t)model_dim(p, DIM_KV, layer);
}

void model_shape_layers(struct model_params *p)
{
    for (uint32_t i = 0; i < p->n_layer; i++)
        p->shapes[i] = (struct layer_shape){p->head, p->n_ff, i};
}

uint64_t model_widest(const struct model_params *p, enum weight_dim dim)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < p->n_layer; i++) {
        uint64_t n = model_dim(p, dim, i);
        most = n > most ? n : most;
    }
    return most;
}

uint64_t model_dim(const struct model_params *p, enum weight_dim dim, uint32_t layer)
{
    const struct layer_shape *s = &p->shapes[layer];
    uint32_t n_head_kv = model_has_kv(p, layer) ? s->head.n_head_kv : 0;
    switch (dim) {
    case DIM_NONE:
        return 0;
    case DIM_ONE:
        return 1;
    case DIM_VOCAB:
        return p->n_vocab;
    case DIM_CTX:
        return p->n_ctx_train;
    case DIM_TOKEN_TYPES:
        return p->n_token_types;
    case DIM_EMBD:
        return p->n_embd;
    case DIM_Q:
        return (uint64_t)s->head.n_head * s->head.head_dim;
    case DIM_KV:
        return (uint64_t)n_head_kv * s->head.head_dim;
    case DIM_HEAD:
        return s->head.head_dim;
    case DIM_HEADS:
        return s->head.n_head;
    case DIM_HEADS_KV:
        return n_head_kv;
    case DIM_FF:
        return s->n_ff;
    case DIM_ROT_HALF:
        return p->rope.n_rot / 2;
    case DIM_EXPERTS:
        return p->experts.n;
    case DIM_FF_EXPERT:
        return p->experts.n_ff;
    case DIM_FF_EXPERT_BOTH:
        return 2ull * p->experts.n_ff;
    case DIM_FF_SHARED:
        return p->experts.n_ff_shared;
    case DIM_LAYER_INPUT:
        return p->n_layer_input;
    case DIM_LAYER_INPUTS:
        return (uint64_t)p->n_layer * p->n_layer_input;
    case DIM_TAPS:
        return p->state.taps;
    case DIM_CHANNELS:
        return p->state.channels;
    case DIM_GATED:
        return 3ull * p->state.channels;
    case DIM_STATE_HEADS:
        return p->state.n_head;
    case DIM_STATE_HEAD:
        return p->state.dim;
    case DIM_STATE_OUT:
        return (uint64_t)p->state.n_head * p->state.dim;
    case DIM_ROT:
        return p->head.n_rot;
    case DIM_LATENT:
        return p->latent.rank;
    case DIM_LATENT_Q:
        return p->latent.q_rank ? p->latent.q_rank : p->n_embd;
    case DIM_LATENT_HEAD:
        return p->latent.head_dim;
    case DIM_LATENT_PLAIN:
        return (uint64_t)p->head.n_head * p->latent.head_dim;
    case DIM_LATENT_ROTATED:
        return (uint64_t)p->head.n_head * p->head.n_rot;
    case DIM_LATENT_VALUE:
        return p->latent.value_dim;
    case DIM_LATENT_VALUES:
        return (uint64_t)p->head.n_head * p->latent.value_dim;
    }
    return 0;
}

uint32_t model_conv_floats(const struct model_params *p)
{
    return p->state.taps ? (p->state.taps - 1) * p->state.channels : 0;
}

uint32_t model_state_floats(const struct model_params *p)
{
    return model_conv_floats(p) + p->state.n_head * p->state.dim * p->state.dim;
}

uint32_t model_attention_layers(const struct model_params *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_layer; i++)
        n += !(p->layers[i] & LAYER_STATE);
    return n;
}

uint64_t load_source_row(const struct head_shape *rotated, uint64_t r)
{
    uint64_t i = rotated ? r % rotated->head_dim : 0;
    if (!rotated || i >= rotated->n_rot)
        return r;
    return r - i + i / 2 + i % 2 * (rotated->n_rot / 2);
}

uint64_t load_vector_floats(const struct load *l, const struct job *job)
{
    const struct model_params *p = &l->m->params;
    if (job->rule->kind == WEIGHT_HEADS)
        return model_dim(p, DIM_Q, job->layer) +
               model_dim(p, DIM_KV, job->layer) * (p->value_norm ? 2 : 1);
    return job->parts[0].tensor->n_elements;
}

/* Rows of the whole tensor, and where the rule's begin. */
static uint64_t slice(
    const struct model_params *p, const struct weight_rule *rule, uint32_t layer, uint64_t *first)
{
    uint64_t q = model_dim(p, DIM_Q, layer), kv = model_dim(p, DIM_KV, layer);
    uint64_t rows = model_dim(p, rule->rows, layer);
    *first = 0;
    switch (rule->slice) {
    case SLICE_ALL:
        return rows;
    case SLICE_Q:
    case SLICE_K:
    case SLICE_V:
        *first = rule->slice == SLICE_Q ? 0 : rule->slice == SLICE_K ? q : q + kv;
        return q + 2 * kv;
    case SLICE_GATE:
    case SLICE_UP:
        *first = rule->slice == SLICE_UP ? rows : 0;
        return 2 * rows;
    case SLICE_HEADS_Q:
    case SLICE_HEADS_GATE:
        *first = rule->slice == SLICE_HEADS_Q ? 0 : p->head.head_dim;
        return 2 * q;
    case SLICE_PLAIN:
    case SLICE_ROTATED:
        *first = rule->slice == SLICE_PLAIN ? 0 : p->latent.head_dim;
        return model_dim(p, DIM_LATENT_PLAIN, layer) + model_dim(p, DIM_LATENT_ROTATED, layer);
    case SLICE_LATENT:
    case SLICE_LATENT_ROTATED:
        *first = rule->slice == SLICE_LATENT ? 0 : p->latent.rank;
        return p->latent.rank + p->head.n_rot;
    }
    return rows;
}

static hekla_status check_shape(const struct load *l, const struct gguf_tensor *t,
    const struct weight_rule *rule, uint32_t layer, const char *name, struct hekla_error *err)
{
    const struct model_params *p = &l->m->params;
    uint64_t first, columns = model_dim(p, rule->columns, layer), n = 1;
    uint64_t rows = slice(p, rule, layer, &first);
    if (rule->kind == WEIGHT_BIAS) {
        columns = rows;
        rows = rule->flags & RULE_EXPERTS ? model_dim(p, DIM_EXPERTS, layer) : 1;
    } else if (rule->kind == WEIGHT_HEADS) {
        rows = t->dims[1] == 1 || rule->columns != DIM_HEAD ? 1 : rows;
    } else if (rule->flags & RULE_EXPERTS) {
        n = model_dim(p, DIM_EXPERTS, layer);
    } else if (rule->flags & RULE_HEADS && rule->slice == SLICE_ALL) {
        n = model_dim(p, DIM_HEADS, layer);
    }
    if (t->dims[0] == columns && t->dims[1] == rows && t->dims[2] == n && t->dims[3] == 1)
        return HEKLA_OK;
    char more[32] = "";
    if (n > 1)
        snprintf(more, sizeof(more), " x %llu", (unsigned long long)n);
    return hekla_fail(err, HEKLA_FORMAT,
        "%s: tensor %s is %llu x %llu x %llu, expected %llu x %llu%s from the hyper-parameters",
        l->file, name, (unsigned long long)t->dims[0], (unsigned long long)t->dims[1],
        (unsigned long long)t->dims[2], (unsigned long long)columns, (unsigned long long)rows,
        more);
}

static bool is_matrix(const struct weight_rule *rule)
{
    return rule->kind == WEIGHT_MATRIX || rule->kind == WEIGHT_TURNS;
}

static hekla_status check_type(const struct load *l, const struct gguf_tensor *t,
    const struct weight_rule *rule, const char *name, struct hekla_error *err)
{
    const struct quant_type *type = quant_find(t->type);
    const char *known = quant_file_type_name(t->type);
    bool matrix = is_matrix(rule);
    if (type && (matrix || type == &quant_types[QT_f32]))
        return t->n_bytes
                   ? HEKLA_OK
                   : hekla_fail(err, HEKLA_FORMAT,
                         "%s: tensor %s: a row of %llu weights is not a whole number of %s blocks",
                         l->file, name, (unsigned long long)t->dims[0], type->label);
    char number[32];
    snprintf(number, sizeof(number), "number %u", t->type);
    return hekla_fail(err, HEKLA_UNSUPPORTED, "%s: tensor %s has type %s, expected %s%s", l->file,
        name, known ? known : number, matrix ? "one of " : "", matrix ? quant_supported() : "F32");
}

static uint8_t *base_of(const struct load *l, const struct weight_rule *rule, uint32_t layer)
{
    struct model_weights *w = &l->m->weights;
    return rule->flags & RULE_LAYER ? (uint8_t *)&w->layers[layer] : (uint8_t *)w;
}

static struct job *find_job(struct load *l, const struct matrix *of)
{
    for (size_t i = 0; i < l->n_jobs; i++)
        if (l->jobs[i].matrix == of)
            return &l->jobs[i];
    return NULL;
}

static hekla_status add_bias(struct load *l, const struct weight_rule *rule, uint32_t layer,
    const struct gguf_tensor *t, const char *name, struct hekla_error *err)
{
    struct job *job = find_job(l, (void *)(base_of(l, rule, layer) + rule->field));
    if (!job)
        return hekla_fail(
            err, HEKLA_FORMAT, "%s: tensor %s has no matrix that it belongs to", l->file, name);
    job->parts[0].bias = t;
    slice(&l->m->params, rule, layer, &job->parts[0].bias_first);
    return HEKLA_OK;
}

/* The rows of each head that a slice has, where it has some of each. */
static void choose_rows(
    const struct model_params *p, const struct weight_rule *rule, uint32_t layer, struct part *part)
{
    uint32_t dim = p->shapes[layer].head.head_dim, plain = p->latent.head_dim, rot = p->head.n_rot;
    if (rule->slice == SLICE_HEADS_Q || rule->slice == SLICE_HEADS_GATE)
        part->kept = part->skipped = dim;
    if (rule->slice == SLICE_PLAIN || rule->slice == SLICE_ROTATED) {
        part->kept = rule->slice == SLICE_PLAIN ? plain : rot;
        part->skipped = plain + rot - part->kept;
    }
}

static void add_job(
    struct load *l, const struct weight_rule *rule, uint32_t layer, const struct gguf_tensor *t)
{
    const struct model_params *p = &l->m->params;
    uint8_t *field = base_of(l, rule, layer) + rule->field;
    struct job *job = &l->jobs[l->n_jobs++];
    uint64_t all = t->dims[1] * t->dims[2];
    *job = (struct job){.n_parts = 1, .layer = layer, .rule = rule, .type = quant_find(t->type)};
    job->parts[0] = (struct part){.tensor = t, .rows = all};
    if (is_matrix(rule)) {
        slice(p, rule, layer, &job->parts[0].first);
        job->parts[0].rows = rule->slice == SLICE_ALL ? all : model_dim(p, rule->rows, layer);
        if (p->neox && rule->flags & RULE_ROTATED)
            job->parts[0].rotated = &p->shapes[layer].head;
        choose_rows(p, rule, layer, &job->parts[0]);
        job->matrix = (void *)field;
    } else if (rule->kind == WEIGHT_SCALAR) {
        job->scalar = (void *)field;
    } else {
        job->vector = (void *)field;
    }
    job->row_bytes = t->n_bytes / all;
    l->m->file_bytes += job->row_bytes * job->parts[0].rows;
    l->m->n_params += t->dims[0] * job->parts[0].rows;
}

static hekla_status add_tensor(
    struct load *l, const struct weight_rule *rule, uint32_t layer, struct hekla_error *err)
{
    char name[96];
    snprintf(name, sizeof(name), rule->name, layer);
    const struct gguf_tensor *t = gguf_find_tensor(l->g, name);
    const struct matrix *field = (void *)(base_of(l, rule, layer) + rule->field);
    if (rule->flags & RULE_INSTEAD && find_job(l, field))
        return HEKLA_OK;
    if (!model_dim(&l->m->params, rule->rows, layer)) { /* nothing asks for it */
        if (t)
            l->used[t - l->g->tensors] = true;
        return HEKLA_OK;
    }
    if (!t)
        return rule->flags & RULE_OPTIONAL
                   ? HEKLA_OK
                   : hekla_fail(err, HEKLA_FORMAT, "%s: tensor %s is missing", l->file, name);
    hekla_status status = check_shape(l, t, rule, layer, name, err);
    if (status == HEKLA_OK)
        status = check_type(l, t, rule, name, err);
    if (status != HEKLA_OK)
        return status;
    l->used[t - l->g->tensors] = true;
    if (rule->kind == WEIGHT_BIAS)
        return add_bias(l, rule, layer, t, name, err);
    add_job(l, rule, layer, t);
    return HEKLA_OK;
}

/* Of a layer behind the last that guesses further tokens. */
static bool guesses_ahead(const struct load *l, struct gguf_string name)
{
    const struct model_params *p = &l->m->params;
    uint64_t layer = 0, i = 4;
    if (name.n < 6 || memcmp(name.data, "blk.", 4) != 0)
        return false;
    while (i < name.n && i < 12 && name.data[i] >= '0' && name.data[i] <= '9')
        layer = layer * 10 + (uint64_t)(name.data[i++] - '0');
    return i > 4 && i < name.n && name.data[i] == '.' && layer >= p->n_layer &&
           layer < (uint64_t)p->n_layer + p->n_next;
}

/* A tensor that nobody asks for would be left out without a word, and the model be a wrong one. */
static hekla_status refuse_unused(const struct load *l, struct hekla_error *err)
{
    for (uint64_t i = 0; i < l->g->n_tensors; i++) {
        struct gguf_string name = l->g->tensors[i].name;
        int n = (int)(name.n < 80 ? name.n : 80);
        if (l->used[i] || guesses_ahead(l, name))
            continue;
        if (name.n >= 5 && memcmp(name.data + name.n - 5, "scale", 5) == 0)
            return hekla_fail(err, HEKLA_UNSUPPORTED,
                "%s: tensor %.*s scales a whole matrix, which is not supported", l->file, n,
                name.data);
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s: tensor %.*s is not one that hekla knows of this architecture", l->file, n,
            name.data);
    }
    return HEKLA_OK;
}

/* Of a rule of the whole model, or of a layer. */
static uint64_t blocks_of(
    const struct model_params *p, const struct weight_rule *rule, uint32_t layer)
{
    uint32_t flags = rule->flags & RULE_LAYER ? p->layers[layer] : 0;
    return flags & LAYER_STATE   ? p->state.blocks
           : flags & LAYER_DENSE ? p->experts.dense_blocks
                                 : p->blocks;
}

static hekla_status find_tensors(
    struct load *l, const struct weight_rule *rules, size_t n_rules, struct hekla_error *err)
{
    const struct model_params *p = &l->m->params;
    uint32_t n_layer = p->n_layer;
    hekla_status status = HEKLA_OK;
    l->jobs = calloc(n_rules * ((size_t)n_layer + 1), sizeof(*l->jobs));
    l->used = calloc((size_t)l->g->n_tensors + 1, sizeof(*l->used));
    l->m->weights.layers = calloc(n_layer, sizeof(struct model_layer));
    if (!l->jobs || !l->used || !l->m->weights.layers)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    for (size_t r = 0; r < n_rules && status == HEKLA_OK; r++)
        for (uint32_t i = 0; i < (rules[r].flags & RULE_LAYER ? n_layer : 1) && status == HEKLA_OK;
             i++)
            if (rules[r].blocks & blocks_of(p, &rules[r], i))
                status = add_tensor(l, &rules[r], i, err);
    return status;
}

/* Makes one job of those whose rules say `into` for this layer, from the first on as long as they
 * have one format and whole blocks of 32 rows. */
static void merge_jobs(struct load *l, size_t into, uint32_t layer)
{
    struct job *found[MAX_PARTS], *first;
    uint32_t n = 0, same = 1;
    for (size_t i = 0; i < l->n_jobs; i++) {
        struct job *job = &l->jobs[i];
        if (!job->rule->into || job->rule->into != into || job->layer != layer || !job->n_parts)
            continue;
        if (n == MAX_PARTS || job->parts[0].rows % 32)
            return;
        found[n++] = job;
    }
    if (n < 2)
        return;
    first = found[0];
    while (same < n && found[same]->type == first->type)
        same++;
    bool turns = first->rule->kind == WEIGHT_TURNS;
    if (same < 2 || (turns && found[1]->parts[0].rows != first->parts[0].rows))
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

static int compare_jobs(const void *a, const void *b)
{
    const struct part *p = &((const struct job *)a)->parts[0];
    const struct part *q = &((const struct job *)b)->parts[0];
    const struct gguf_tensor *x = p->tensor, *y = q->tensor;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return p->first < q->first ? -1 : p->first > q->first;
}

hekla_status load_find(
    struct load *l, const struct weight_rule *rules, size_t n_rules, struct hekla_error *err)
{
    hekla_status status = find_tensors(l, rules, n_rules, err);
    if (status == HEKLA_OK)
        status = refuse_unused(l, err);
    if (status != HEKLA_OK)
        return status;
    merge_all(l, rules, n_rules);
    qsort(l->jobs, l->n_jobs, sizeof(*l->jobs), compare_jobs); /* read the file in order, once */
    return HEKLA_OK;
}
