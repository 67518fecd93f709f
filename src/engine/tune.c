/*
 * Shapes of ops (kernels/shape.h) that a device is fastest with: a decode step, and layers of a
 * prompt, are run with one candidate after the other and timed op by op. A shape whose results
 * differ in one bit is not used. What was found is kept by device, driver and build.
 */
#include "engine/engine.h"

#include "base/clock.h"
#include "selftest/kept.h"
#include "selftest/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number is another after a change of the tables of candidates. */
static const char header[] = "hekla tuning 1\n";

enum {
    RUNS = 3,          /* timed, after one that warms up */
    DECODE_POS = 511,  /* a position with a few chunks of attention */
    PROMPT_LAYERS = 4, /* of those, enough to see each kind of matrix */
};
#define GAIN 0.97 /* of the rule's time, that a candidate must get below */

struct tuner {
    struct hekla_session *s;
    struct kernel_tuning *table;                  /* the model's */
    double seconds[TUNING_MOST][MOST_SHAPES + 1]; /* of a row's ops in a step; 0: not measured */
    uint32_t tried[TUNING_MOST], differed[TUNING_MOST];
    uint32_t wanted[TUNING_MOST]; /* tokens of the step that a row is measured in; 0: in none */
    bool anew;                    /* rows that are known, too */
    double end;                   /* by clock_now */
    void *results;                /* of the rule */
    uint32_t done, total;
};

/* ---- the file ------------------------------------------------------------------------------- */

static bool find_file(const struct hekla_model *model, char path[SELFTEST_PATH])
{
    const struct gpu_identity *id = gpu_device_identity(model->m.dev);
    if (!model->proof.folder)
        return false;
    int n = snprintf(path, SELFTEST_PATH, "%s/tuning-%s-%" PRIu32 "-%016" PRIx64 ".txt",
        model->proof.folder, id->uuid, id->driver_id, kept_key(model->m.dev));
    return n > 0 && n < SELFTEST_PATH;
}

static uint32_t most_shapes(enum kernel kernel)
{
    return kernel_rows[kernel].base == K_matvec   ? MATVEC_SHAPES
           : kernel_rows[kernel].base == K_matmul ? MATMUL_SHAPES
           : kernel == K_attention                ? ATTENTION_SHAPES
                                                  : 0;
}

static bool parse_line(const char *line, struct kernel_tuning *out)
{
    struct tuning_row *row = &out->rows[out->n];
    char kernel[32], quant[32];
    if (out->n == TUNING_MOST ||
        sscanf(line, "%31s %31s %" SCNx32 " %" SCNu32 " %" SCNu32 " %" SCNu32, kernel, quant,
            &row->key.kind, &row->key.n_rows, &row->key.n_blocks, &row->shape) != 6 ||
        !verdict_find_row(kernel, quant, &row->kernel, &row->quant) || row->kernel == K_copy ||
        row->shape > most_shapes(row->kernel))
        return false;
    out->n++;
    return true;
}

/* Nothing, where there is no such file or another driver's. */
static void read_table(struct hekla_model *model)
{
    char path[SELFTEST_PATH], driver[256];
    bool same = false, valid = true;
    model->tuning.n = 0;
    if (!find_file(model, path))
        return;
    char *text = kept_read(path, header, model->m.dev, driver, &same), *at = text, *line;
    while (text && valid && same && (line = kept_line(&at)))
        valid = parse_line(line, &model->tuning);
    if (!valid)
        model->tuning.n = 0;
    free(text);
}

static void write_table(const struct hekla_model *model)
{
    char path[SELFTEST_PATH];
    char *text = calloc(1, KEPT_LARGEST);
    struct hekla_error err = {0};
    size_t n = 0;
    for (uint32_t i = 0; text && i < model->tuning.n && n < KEPT_LARGEST; i++) {
        const struct tuning_row *r = &model->tuning.rows[i];
        n += (size_t)snprintf(text + n, KEPT_LARGEST - n, "%s %s %x %u %u %u\n",
            kernel_rows[r->kernel].name, r->quant < 0 ? "-" : quant_types[r->quant].name,
            r->key.kind, r->key.n_rows, r->key.n_blocks, r->shape);
    }
    if (text && find_file(model, path) &&
        kept_write(path, header, model->m.dev, text, &err) != HEKLA_OK)
        engine_notice(model, HEKLA_NOTICE_DETAIL, "tuning is not kept: %s", err.text);
    free(text);
}

/* ---- measuring ------------------------------------------------------------------------------ */

static uint32_t first_attention(const struct model_params *p)
{
    uint32_t i = 0;
    while (i + 1 < p->n_layer && p->layers[i] & LAYER_STATE)
        i++;
    return i + 1;
}

/* Whether a layer is among the few that a prompt is measured with: formats change in the middle. */
static bool is_measured(const struct model_params *p, uint32_t layer)
{
    return layer <= PROMPT_LAYERS / 2 || layer == first_attention(p) ||
           (layer > p->n_layer / 2 && layer <= p->n_layer / 2 + PROMPT_LAYERS / 2);
}

/* Leaves the embedding and some layers of a prompt's ops. */
static void keep_some(const struct model_params *p, struct op_list *list)
{
    uint32_t n = 0, reached = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        uint32_t layer = list->ops[i].layer;
        reached = layer > reached ? layer : reached;
        if (layer ? is_measured(p, layer) : !reached)
            list->ops[n++] = list->ops[i];
    }
    list->n = n;
}

/* What results are compared by: the logits of a decode step; of a prompt as much of the first and
 * the last tokens' residuals as there is room for. */
static void append_results(const struct hekla_session *s, struct op_list *list)
{
    struct gpu_view all = s->scratch.x.view, part = all;
    if (list->n_tokens == 1) {
        session_append_fetch(s, list, 1);
        return;
    }
    uint64_t room = s->readback.size / 2 / 4 * 4;
    all.size = (uint64_t)list->n_tokens * s->scratch.x.stride * 4;
    part.size = all.size < room ? all.size : room;
    op_copy(list, part, (struct gpu_view){&s->readback, 0, part.size});
    part.offset = all.offset + all.size - part.size;
    op_copy(list, part, (struct gpu_view){&s->readback, room, part.size});
}

static void build(const struct tuner *t, uint32_t n_tokens, uint32_t trial, struct op_list *list)
{
    const struct hekla_session *s = t->s;
    session_init_list(s, list, n_tokens);
    list->trial = trial;
    list->timing = OP_TIMING_ALONE;
    arch_build(&s->model->m, &s->scratch,
        n_tokens > 1    ? ARCH_LOGITS_NONE
        : s->embeddings ? ARCH_EMBEDDINGS
                        : ARCH_LOGITS_LAST,
        list);
    if (n_tokens > 1)
        keep_some(&s->model->m.params, list);
    append_results(s, list);
}

static void prepare_step(struct hekla_session *s, uint32_t n_tokens)
{
    uint32_t *history = s->history.host, pos = 0;
    if (n_tokens == 1)
        pos = s->n_ctx - 1 < DECODE_POS ? s->n_ctx - 1 : DECODE_POS;
    for (uint32_t i = 0; i < n_tokens; i++)
        history[pos + i] = (i * 97 + 13) % s->model->m.params.n_vocab;
    *(struct step_args *)s->step.host = (struct step_args){
        .n_tokens = n_tokens,
        .pos = pos,
        .chunks_x = (pos + ATTN_CHUNK) / ATTN_CHUNK,
        .chunks_y = s->model->m.params.head.n_head,
        .chunks_z = 1,
    };
}

/* The table's size for an op that has no row. */
static uint32_t row_of(const struct tuner *t, const struct op *op)
{
    return op->key.kind ? tuning_find(t->table, op->kernel, op->quant, &op->key) : t->table->n;
}

/* Adds up the times of ops that have a row, the least of several runs. */
static void add_times(struct tuner *t, const struct op *ops, uint32_t n, const double *times,
    uint32_t n_tokens, uint32_t trial)
{
    double sums[TUNING_MOST] = {0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = row_of(t, &ops[i]);
        if (row < t->table->n)
            sums[row] += times[i];
    }
    for (uint32_t i = 0; i < t->table->n; i++) {
        double *least = &t->seconds[i][trial];
        if (t->wanted[i] == n_tokens && sums[i] > 0 && (*least == 0 || sums[i] < *least))
            *least = sums[i];
    }
}

static hekla_status run_plan(
    struct tuner *t, struct plan *plan, uint32_t n_tokens, uint32_t trial, struct hekla_error *err)
{
    uint32_t n;
    const struct op *ops = plan_ops(plan, &n);
    double *times = calloc(n, sizeof(*times));
    if (!times)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory to measure shapes");
    hekla_status status = HEKLA_OK;
    for (uint32_t run = 0; run < 1 + RUNS && status == HEKLA_OK; run++) {
        status = session_run(t->s, plan, err);
        if (status == HEKLA_OK && run > 0)
            status = plan_times(plan, times, err);
        if (status == HEKLA_OK && run > 0)
            add_times(t, ops, n, times, n_tokens, trial);
    }
    free(times);
    return status;
}

/* A trial that gives other results, or none, has no times. */
static void judge(struct tuner *t, uint32_t n_tokens, uint32_t trial, bool same)
{
    for (uint32_t i = 0; i < t->table->n; i++) {
        if (t->wanted[i] != n_tokens || t->seconds[i][trial] == 0)
            continue;
        t->tried[i]++;
        t->differed[i] += !same;
        if (!same)
            t->seconds[i][trial] = 0;
    }
}

static hekla_status try_shape(
    struct tuner *t, uint32_t n_tokens, uint32_t trial, struct hekla_error *err)
{
    struct op_list list;
    struct plan *plan = NULL;
    struct hekla_session *s = t->s;
    build(t, n_tokens, trial, &list);
    memset(s->readback.host, 0, s->readback.size);
    prepare_step(s, n_tokens);
    hekla_status status = plan_create(&plan, s->model->m.dev, s->model->pipelines, &list, err);
    if (status == HEKLA_OK)
        status = run_plan(t, plan, n_tokens, trial, err);
    plan_destroy(plan);
    if (trial == 0) {
        if (status == HEKLA_OK)
            memcpy(t->results, s->readback.host, s->readback.size);
        return status;
    }
    judge(t, n_tokens, trial,
        status == HEKLA_OK && memcmp(t->results, s->readback.host, s->readback.size) == 0);
    if (status == HEKLA_OK || gpu_device_is_gone(s->model->m.dev))
        return status;
    hekla_error_clear(err); /* one that a driver cannot compile is not used, that is all */
    return HEKLA_OK;
}

/* The rows of a list that are to be measured; false: none. */
static bool find_rows(struct tuner *t, uint32_t n_tokens)
{
    struct op_list list;
    bool any = false;
    build(t, n_tokens, 0, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        const struct op *op = &list.ops[i];
        uint32_t row = row_of(t, op);
        bool known = row < t->table->n;
        if (!op->key.kind || (known ? !t->anew : row == TUNING_MOST))
            continue;
        if (!known)
            t->table->rows[t->table->n++] = (struct tuning_row){op->kernel, op->quant, op->key, 0};
        any = true;
        if (!t->wanted[row])
            t->wanted[row] = n_tokens;
    }
    op_list_free(&list);
    return any;
}

/* Until time is up, `share` of what is left of it. */
static hekla_status measure(
    struct tuner *t, uint32_t n_tokens, double share, struct hekla_error *err)
{
    double now = clock_now(), end = now + (t->end - now) * share;
    hekla_status status = HEKLA_OK;
    for (uint32_t trial = 0; trial <= MOST_SHAPES && status == HEKLA_OK; trial++) {
        engine_notice(t->s->model, HEKLA_NOTICE_PROGRESS,
            "measuring shapes of kernels for this model, %u of %u", ++t->done, t->total);
        status = try_shape(t, n_tokens, trial, err);
        if (clock_now() > end)
            break;
    }
    return status;
}

static void choose(struct tuner *t)
{
    for (uint32_t i = 0; i < t->table->n; i++) {
        const double *seconds = t->seconds[i];
        uint32_t best = 0;
        for (uint32_t k = 1; t->wanted[i] && k <= MOST_SHAPES; k++)
            if (seconds[k] > 0 && seconds[k] < seconds[best] * (best ? 1 : GAIN))
                best = k;
        if (t->wanted[i])
            t->table->rows[i].shape = best;
    }
}

static void report(
    const struct tuner *t, void (*row)(void *user, const struct hekla_tuning_row *row), void *user)
{
    for (uint32_t i = 0; i < t->table->n; i++) {
        const struct tuning_row *r = &t->table->rows[i];
        if (t->wanted[i] && row)
            row(user, &(struct hekla_tuning_row){
                          .kernel = kernel_rows[r->kernel].name,
                          .format = r->quant < 0 ? "-" : quant_types[r->quant].label,
                          .rows = r->key.n_rows,
                          .columns = kernel_is_of_cache(r->kernel) ? r->key.n_blocks
                                                                   : 32 * r->key.n_blocks,
                          .shape = r->shape,
                          .tried = t->tried[i],
                          .differed = t->differed[i],
                          .seconds_before = t->seconds[i][0],
                          .seconds = t->seconds[i][r->shape],
                      });
    }
}

/* What ran left its traces in the session's memory. */
static hekla_status finish(struct tuner *t, hekla_status status, struct hekla_error *err)
{
    struct hekla_session *s = t->s;
    engine_notice(s->model, HEKLA_NOTICE_PROGRESS, "%s", "");
    free(t->results);
    if (status == HEKLA_OK)
        choose(t);
    write_table(s->model);
    s->tuning = s->model->tuning;
    return status == HEKLA_OK ? session_clear(s, err) : status;
}

static hekla_status tune(struct tuner *t, double seconds, struct hekla_error *err)
{
    struct hekla_session *s = t->s;
    uint32_t most = s->sizes[STEP_SIZES - 1];
    if (!s->model->tuning_read)
        read_table(s->model);
    s->model->tuning_read = true;
    t->table = &s->model->tuning;
    s->tuning.n = 0; /* while measuring, shapes are the rule's */
    bool decode = find_rows(t, 1), prompt = most > 1 && find_rows(t, most);
    t->total = (decode + prompt) * (1 + MOST_SHAPES);
    s->tuning = s->model->tuning;
    if (!decode && !prompt)
        return HEKLA_OK;
    write_table(s->model); /* should this end the program, the next start will not try again */
    s->tuning.n = 0;
    t->results = malloc(s->readback.size);
    if (!t->results)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory to measure shapes");
    t->end = clock_now() + seconds;
    hekla_status status = session_clear_cache(s, err);
    if (decode && status == HEKLA_OK)
        status = measure(t, 1, prompt ? 0.6 : 1, err);
    if (prompt && status == HEKLA_OK)
        status = measure(t, most, 1, err);
    return finish(t, status, err);
}

/* Where a processor plays the GPU, or work is dropped, there is nothing to choose. */
static bool can_tune(const struct hekla_session *s)
{
    struct gpu_device *dev = s->model->m.dev;
    return s->model->verdicts && !gpu_device_caps(dev)->row_threads &&
           gpu_device_has_timestamps(dev);
}

hekla_status session_tune_first(struct hekla_session *s, struct hekla_error *err)
{
    enum { SECONDS = 2 };
    struct tuner *t = can_tune(s) && s->model->proof.folder ? calloc(1, sizeof(*t)) : NULL;
    if (!t)
        return HEKLA_OK;
    t->s = s;
    hekla_status status = tune(t, SECONDS, err);
    free(t);
    if (status == HEKLA_OK || gpu_device_is_gone(s->model->m.dev))
        return status;
    engine_notice(s->model, HEKLA_NOTICE_DETAIL, "shapes are not measured: %s", err->text);
    hekla_error_clear(err); /* a session works without */
    return HEKLA_OK;
}

hekla_status hekla_session_tune(hekla_session *s, double seconds,
    void (*row)(void *user, const struct hekla_tuning_row *row), void *user,
    struct hekla_error *err)
{
    struct hekla_error local = {0};
    err = err ? err : &local;
    hekla_error_clear(err);
    if (s->pos)
        return hekla_fail(err, HEKLA_ARGUMENT, "only a session without tokens can be tuned");
    if (!can_tune(s))
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "%s has no shapes to choose from: only GPUs with timestamps have",
            gpu_device_name(s->model->m.dev));
    struct tuner *t = calloc(1, sizeof(*t));
    if (!t)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory to measure shapes");
    t->s = s;
    t->anew = true;
    session_drop_plans(s);
    pthread_mutex_lock(&s->model->lock);
    hekla_status status = tune(t, seconds, err);
    pthread_mutex_unlock(&s->model->lock);
    if (status == HEKLA_OK)
        report(t, row, user);
    free(t);
    return status;
}
