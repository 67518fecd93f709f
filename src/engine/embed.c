/* Embeddings: the hidden states of a text's tokens, pooled on the host in the order of positions.
 */
#include "engine/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pool {
    enum hekla_pooling pooling;
    uint32_t n_embd;
    float *out;
    double *sums; /* [n_embd] */
};

static void add_row(void *user, uint32_t pos, const float *row)
{
    struct pool *p = user;
    size_t bytes = p->n_embd * sizeof(*row);
    switch (p->pooling) {
    case HEKLA_POOLING_NONE:
        memcpy(p->out + (size_t)pos * p->n_embd, row, bytes);
        break;
    case HEKLA_POOLING_CLS:
        if (pos == 0)
            memcpy(p->out, row, bytes);
        break;
    case HEKLA_POOLING_LAST:
        memcpy(p->out, row, bytes);
        break;
    default:
        for (uint32_t i = 0; i < p->n_embd; i++)
            p->sums[i] += (double)row[i];
    }
}

enum hekla_pooling engine_pooling(const struct gguf *g, const char *arch)
{
    static const enum hekla_pooling types[] = {
        HEKLA_POOLING_NONE, HEKLA_POOLING_MEAN, HEKLA_POOLING_CLS, HEKLA_POOLING_LAST};
    char key[128];
    uint32_t type;
    struct hekla_error err;
    snprintf(key, sizeof(key), "%s.pooling_type", arch);
    if (!gguf_find_key(g, key))
        return HEKLA_POOLING_MEAN;
    if (gguf_get_u32(g, key, true, 0, &type, &err) != HEKLA_OK ||
        type >= sizeof(types) / sizeof(types[0]))
        return HEKLA_POOLING_OTHER;
    return types[type];
}

static hekla_status check_pooling(enum hekla_pooling pooling, struct hekla_error *err)
{
    if (pooling == HEKLA_POOLING_OTHER)
        return hekla_fail(err, HEKLA_UNSUPPORTED,
            "the model's file asks for a pooling that is not supported, such as a ranking head's: "
            "choose none, mean, cls or last");
    if (pooling < HEKLA_POOLING_NONE || pooling > HEKLA_POOLING_OTHER)
        return hekla_fail(err, HEKLA_ARGUMENT, "there is no pooling %d", (int)pooling);
    return HEKLA_OK;
}

/* The multiplier of the logits is in the weights of the last norm, and not in embeddings. */
static void take_out_scale(const struct model_params *p, float *out, size_t n)
{
    for (size_t i = 0; p->output_scale != 0 && i < n; i++)
        out[i] = (float)((double)out[i] / (double)p->output_scale);
}

hekla_status hekla_session_embed(hekla_session *s, const hekla_token *tokens, size_t n,
    enum hekla_pooling pooling, float *out, struct hekla_error *err)
{
    struct hekla_error local;
    err = err ? err : &local;
    hekla_error_clear(err);
    if (!s->embeddings)
        return hekla_fail(err, HEKLA_ARGUMENT, "the session was not opened for embeddings");
    if (n == 0)
        return hekla_fail(err, HEKLA_ARGUMENT, "a text without tokens has no embedding");
    if (pooling == HEKLA_POOLING_AUTO)
        pooling = s->model->info.pooling;
    hekla_status status = check_pooling(pooling, err);
    if (status != HEKLA_OK)
        return status;
    uint32_t n_embd = s->model->m.params.n_embd;
    struct pool p = {
        .pooling = pooling,
        .n_embd = n_embd,
        .out = out,
        .sums = calloc(n_embd, sizeof(*p.sums)),
    };
    if (!p.sums)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for an embedding");
    void (*on_logits)(void *user, uint32_t pos, const float *logits) = s->on_logits;
    void *user = s->on_logits_user;
    hekla_session_rewind(s, 0);
    hekla_session_on_logits(s, add_row, &p);
    status = hekla_session_eval(s, tokens, n, err);
    hekla_session_on_logits(s, on_logits, user);
    for (uint32_t i = 0; p.pooling == HEKLA_POOLING_MEAN && status == HEKLA_OK && i < n_embd; i++)
        out[i] = (float)(p.sums[i] / (double)n);
    if (status == HEKLA_OK)
        take_out_scale(
            &s->model->m.params, out, pooling == HEKLA_POOLING_NONE ? n * n_embd : n_embd);
    free(p.sums);
    return status;
}

static double size_of(const float *x, size_t n, int p)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double v = fabs((double)x[i]);
        sum = p == 0 ? fmax(sum, v) : p == 1 ? sum + v : p == 2 ? sum + v * v : sum + pow(v, p);
    }
    return p == 0 ? sum / 32760 : p == 1 ? sum : p == 2 ? sqrt(sum) : pow(sum, 1.0 / p);
}

void hekla_embedding_normalize(float *x, size_t n, int p)
{
    double size = p < 0 ? 0 : size_of(x, n, p);
    for (size_t i = 0; size > 0 && i < n; i++)
        x[i] = (float)((double)x[i] / size);
}
