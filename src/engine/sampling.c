/* Sampling of one call to generate: on the device, or on the host from its logits; grammars. */
#include "engine/engine.h"

#include "base/le.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct hekla_grammar {
    struct grammar *grammar;
};

hekla_status hekla_grammar_open(hekla_grammar **out, enum hekla_grammar_kind kind, const char *text,
    size_t n, struct hekla_error *err)
{
    struct hekla_error local;
    char *made = NULL;
    hekla_status status = HEKLA_OK;
    err = err ? err : &local;
    hekla_error_clear(err);
    struct hekla_grammar *g = calloc(1, sizeof(*g));
    if (!g)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a grammar");
    if (kind == HEKLA_JSON_SCHEMA)
        status = schema_to_grammar(&made, text, n, "the JSON schema", err);
    if (status == HEKLA_OK)
        status = grammar_parse(&g->grammar, made ? made : text, made ? strlen(made) : n,
            made ? "the grammar of the JSON schema" : "the grammar", err);
    free(made);
    if (status == HEKLA_OK)
        *out = g;
    else
        free(g);
    return status;
}

void hekla_grammar_close(hekla_grammar *g)
{
    if (!g)
        return;
    grammar_destroy(g->grammar);
    free(g);
}

/* ---- defaults ---------------------------------------------------------------------------------
 */

struct hekla_sampling hekla_sampling_default(void)
{
    return (struct hekla_sampling){.temperature = 0.8f,
        .top_k = 40,
        .top_p = 0.95f,
        .min_p = 0.05f,
        .repeat_penalty = 1.0f,
        .penalty_last_n = 64};
}

struct hekla_sampling hekla_model_sampling(const hekla_model *model)
{
    return model->sampling;
}

hekla_status hekla_sampling_check(
    const hekla_model *model, const struct hekla_sampling *sampling, struct hekla_error *err)
{
    struct sample_chain chain;
    hekla_error_clear(err);
    return sample_chain_init(&chain, sampling, model->m.params.n_vocab, err);
}

static hekla_status read_sequence(struct hekla_model *model, struct hekla_error *err)
{
    struct gguf_string names;
    hekla_status status =
        gguf_get_string(model->gguf, "general.sampling.sequence", false, &names, err);
    if (status != HEKLA_OK || !names.data)
        return status;
    model->samplers = calloc(names.n + 1, 1);
    if (!model->samplers)
        return hekla_fail(err, HEKLA_MEMORY, "not enough host memory for a model");
    memcpy(model->samplers, names.data, names.n);
    model->sampling.samplers = model->samplers;
    return HEKLA_OK;
}

/* A count; a negative one means `negative`. */
static hekla_status read_count(const struct gguf *g, const char *key, uint32_t negative,
    uint32_t *value, struct hekla_error *err)
{
    const struct gguf_key *k = gguf_find_key(g, key);
    if (k && k->type == GGUF_I32 && (int32_t)le_u32(k->data) < 0) {
        *value = negative;
        return HEKLA_OK;
    }
    return gguf_get_u32(g, key, false, *value, value, err);
}

hekla_status engine_read_sampling(
    struct hekla_model *model, const char *file, struct hekla_error *err)
{
    struct hekla_sampling *p = &model->sampling;
    *p = hekla_sampling_default();
    const struct {
        const char *key;
        float *value;
    } reals[] = {{"general.sampling.temp", &p->temperature}, {"general.sampling.top_p", &p->top_p},
        {"general.sampling.min_p", &p->min_p},
        {"general.sampling.xtc_probability", &p->xtc_probability},
        {"general.sampling.xtc_threshold", &p->xtc_threshold},
        {"general.sampling.penalty_repeat", &p->repeat_penalty},
        {"general.sampling.mirostat_tau", &p->mirostat_tau},
        {"general.sampling.mirostat_eta", &p->mirostat_eta}};
    const struct {
        const char *key;
        uint32_t *value, negative;
    } counts[] = {{"general.sampling.top_k", &p->top_k, 0},
        {"general.sampling.penalty_last_n", &p->penalty_last_n, SAMPLE_MOST_LAST_N},
        {"general.sampling.mirostat", &p->mirostat, 0}};
    struct sample_chain chain;
    struct hekla_error why = {0};
    hekla_status status = read_sequence(model, err);
    for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]) && status == HEKLA_OK; i++)
        status =
            gguf_get_f32(model->gguf, reals[i].key, false, *reals[i].value, reals[i].value, err);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) && status == HEKLA_OK; i++)
        status =
            read_count(model->gguf, counts[i].key, counts[i].negative, counts[i].value, err);
    if (p->top_p <= 0)
        p->top_p = 1e-30f; /* the likeliest token; 0 would be off */
    if (status == HEKLA_OK &&
        sample_chain_init(&chain, p, model->m.params.n_vocab, &why) != HEKLA_OK)
        return hekla_fail(err, HEKLA_FORMAT, "%s: general.sampling: %s", file, why.text);
    return status;
}

/* ---- one call ---------------------------------------------------------------------------------
 */

static size_t token_bytes(const void *user, hekla_token token, char *out, size_t cap)
{
    return hekla_token_bytes(user, token, false, out, cap);
}

static bool token_is_end(const void *user, hekla_token token)
{
    return hekla_token_is_end(user, token);
}

static void explain(const struct hekla_session *s, const struct session_sampling *sampling)
{
    char chain[200];
    sample_chain_describe(&sampling->chain, chain, sizeof(chain));
    engine_notice(s->model, HEKLA_NOTICE_DETAIL, "sampling on the %s: %s%s%s%s%s",
        sampling->on_host ? "host" : "device", chain, sampling->on_host ? " (because of " : "",
        sampling->on_host ? sampling->chain.why : "", sampling->on_host ? ")" : "",
        sampling->matcher ? "; what the grammar refuses is drawn again on the host" : "");
}

hekla_status session_sampling_create(struct session_sampling *out, struct hekla_session *s,
    const struct hekla_sampling *p, struct hekla_error *err)
{
    struct hekla_model *model = s->model;
    *out = (struct session_sampling){
        .vocab = {model->m.params.n_vocab, token_bytes, token_is_end, (void *)model}};
    hekla_status status =
        sample_chain_init(&out->chain, p ? p : &model->sampling, out->vocab.n, err);
    out->on_host = out->chain.why != NULL;
    if (status == HEKLA_OK && out->chain.p.grammar)
        status = grammar_matcher_create(&out->matcher, out->chain.p.grammar->grammar, err);
    if (status == HEKLA_OK && (out->on_host || out->matcher))
        status = sampler_create(&out->sampler, &out->chain, &out->vocab, err);
    if (status == HEKLA_OK)
        explain(s, out);
    return status;
}

void session_sampling_destroy(struct session_sampling *sampling)
{
    sampler_destroy(sampling->sampler);
    grammar_matcher_destroy(sampling->matcher);
}

bool session_sampling_allows(struct session_sampling *sampling, hekla_token token)
{
    return !sampling->matcher || sample_allows(&sampling->vocab, sampling->matcher, token);
}

hekla_status session_sampling_draw(struct session_sampling *sampling, struct hekla_session *s,
    uint32_t pos, bool refused, hekla_token *token, struct hekla_error *err)
{
    const float *logits = s->readback.host;
    if (!refused) {
        *token = sampler_draw(sampling->sampler, logits, s->tokens, pos, NULL);
        if (*token != SAMPLE_NONE && session_sampling_allows(sampling, *token))
            return HEKLA_OK;
        if (!sampling->matcher)
            return hekla_fail(err, HEKLA_ARGUMENT, "the logit biases leave no token to choose");
    }
    sampling->refused++;
    *token = sampler_draw(sampling->sampler, logits, s->tokens, pos, sampling->matcher);
    if (*token != SAMPLE_NONE || grammar_matcher_may_end(sampling->matcher))
        return HEKLA_OK;
    return hekla_fail(err, HEKLA_UNSUPPORTED,
        "no token of the vocabulary can follow: the grammar wants something else at position %u",
        pos);
}

hekla_status session_sampling_accept(
    struct session_sampling *sampling, hekla_token token, struct hekla_error *err)
{
    char bytes[HEKLA_PIECE_MAX];
    const struct sample_vocab *vocab = &sampling->vocab;
    if (sampling->sampler)
        sampler_accept(sampling->sampler);
    if (!sampling->matcher || token_is_end(vocab->user, token))
        return HEKLA_OK;
    size_t n = token_bytes(vocab->user, token, bytes, sizeof(bytes));
    return grammar_matcher_accept(sampling->matcher, bytes, n)
               ? HEKLA_OK
               : hekla_fail(err, HEKLA_UNSUPPORTED, "the grammar cannot be followed any further");
}
