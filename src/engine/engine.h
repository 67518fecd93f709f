/*
 * engine/: implements the public header: model, session, generation. The top room: it joins all
 * others and adds no arithmetic of its own.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "arch/arch.h"
#include "arch/shape.h"
#include "plan/plan.h"
#include "sample/sample.h"
#include "text/tokenizer.h"

#include <pthread.h>

struct hekla_model {
    struct gguf *gguf;
    struct tokenizer *tokenizer;     /* NULL: of a synthetic model */
    struct arch_synthetic synthetic; /* what makes its weights, and */
    void *directory;                 /* its tensors, for gguf */
    const struct arch *arch;
    const char *arch_name;
    struct plan_pipelines *pipelines;
    struct kernel_verdicts *verdicts; /* NULL: on the reference device, or nothing is proved */
    struct hekla_proof proof;         /* owns its texts */
    struct kernel_tuning tuning;      /* what was found fast on this device, once it was read */
    bool tuning_read;
    hekla_notice_fn notice; /* may be NULL */
    void *notice_user;
    struct model m; /* m.dev NULL: vocabulary only; m.weights.layers NULL: lost for good */
    struct hekla_model_info info;
    uint64_t identity; /* that only this model has; the same on every machine and device */
    struct hekla_sampling sampling; /* its own defaults; owns the text of samplers: */
    char *samplers;
    /* What it takes to load the weights again. */
    char *file, *caps;
    struct model_progress progress;
    pthread_mutex_t lock; /* guards: */
    uint32_t n_sessions;
    bool recovered; /* the device was lost once */
};

/* Steps are recorded for these sizes; a step uses the smallest that holds its tokens. */
enum { STEP_SIZES = 4 };
/* Copies of recurrent state, besides the slots of the ring. */
enum { STATE_KEPT = 2 };

struct hekla_session {
    struct hekla_model *model;
    struct model_store *memory; /* KV cache and scratch; NULL: lost with the device */
    struct gpu_buffer step, history, ring, readback, nll_readback;
    struct arch_scratch scratch;
    struct gpu_view scores, nll;
    uint32_t n_ctx, n_batch, sizes[STEP_SIZES];
    uint32_t most; /* tokens of a step that the device does in the time it should take */
    bool all_logits;
    bool embeddings;             /* rows of them in place of logits; with all_logits */
    bool fast;                   /* numerics */
    uint32_t kv_type;            /* KV_TYPE_... */
    struct kernel_tuning tuning; /* the model's when the session was opened or tuned */

    struct plan *eval[STEP_SIZES]
                     [ARCH_LOGITS_KINDS]; /* by size and enum arch_logits; recorded at first use */
    struct plan *score[STEP_SIZES];       /* the surprise of given tokens */
    struct plan *sample;                  /* a token from the logits that are there */
    struct plan *decode;                  /* one token: evaluate, sample the next */
    struct plan *fetch;                   /* logits to the host */

    hekla_token *tokens; /* [n_ctx], what the device's history holds up to pos */
    uint32_t pos;
    bool shifts; /* generation drops tokens after the first n_keep when the context is full */
    uint32_t n_keep;
    uint32_t written;   /* positions that the cache has held: after a rewind more than pos */
    uint32_t kept_from; /* layers that see a window hold nothing before it: of a restored session */
    enum { LOGITS_NONE, LOGITS_ON_DEVICE, LOGITS_ON_HOST } logits; /* of position pos - 1 */
    uint32_t state_slots; /* state.h: of the ring; 0: no layer has a recurrent state */
    uint32_t state_at[STATE_SLOTS + STATE_KEPT]; /* the position that the state in a slot is of */
    void (*on_logits)(void *user, uint32_t pos, const float *logits);
    void *on_logits_user;
    struct hekla_stats stats;
    struct gpu_counters counters_at_open;
    struct session_profile *profile; /* NULL: not asked for */
    enum hekla_phase phase;          /* what evaluated tokens count as there */
};

/* model.c: hekla_model_open. prove false: kernels are taken to work, which only a measurement on a
 * device that drops its work may do. */
hekla_status engine_open(hekla_model **out, const struct hekla_model_options *options, bool prove,
    struct hekla_error *err);

/* prove.c: makes model->verdicts, and keeps what it takes to prove more. */
hekla_status engine_prove_begin(
    struct hekla_model *model, const struct hekla_proof *proof, struct hekla_error *err);
/* The verdicts on the kernels that the model needs with a KV cache of a type, and for fast
 * numerics; tests those that are not known. Nothing to do without model->verdicts. */
hekla_status engine_prove(
    struct hekla_model *model, uint32_t kv_type, bool fast, struct hekla_error *err);
/* embed.c: what the file says of embeddings, or the mean. arch: as in keys. */
enum hekla_pooling engine_pooling(const struct gguf *g, const char *arch);
/* A line for whoever opened the model. */
void engine_notice(const struct hekla_model *model, enum hekla_notice kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* recover.c. After a failure with *err: if the device was lost, opens it again, once in a model's
 * life, and loads the weights again. Else, or if that fails too, returns the error. */
hekla_status engine_recover(struct hekla_model *model, struct hekla_error *err);
/* The same for a session: afterwards it is as it was, with its tokens evaluated again. Only for a
 * model's only session: others may be at work on another thread. */
hekla_status session_recover(struct hekla_session *s, struct hekla_error *err);
/* model.c: pipelines and weights, onto the device that is open. */
hekla_status engine_load(struct hekla_model *model, struct hekla_error *err);
/* What model->synthetic says, without weights. */
hekla_status engine_open_synthetic(
    struct hekla_model *model, const char *name, struct hekla_error *err);
/* Opens the device and loads the weights of a model whose header is known. */
hekla_status engine_open_weights(struct hekla_model *model,
    const struct hekla_model_options *options, const char *file, bool prove,
    struct hekla_error *err);
struct hekla_model *engine_create(struct hekla_error *err);

/* identity.c: model->identity. */
hekla_status engine_identify(struct hekla_model *model, struct hekla_error *err);

/* memory.c: the type of KV cache where nobody asks for one. */
uint32_t session_default_kv(const struct hekla_model *model);
/* Sizes the context for `available` bytes, and decides where all that a session needs on
 * the device lies, without allocating it. */
hekla_status session_place(struct hekla_session *s, const struct hekla_session_options *options,
    uint64_t available, struct hekla_error *err);
/* Sizes the context, places and allocates everything a session needs. */
hekla_status session_allocate(
    struct hekla_session *s, const struct hekla_session_options *options, struct hekla_error *err);
/* What kernels rely on to begin as zeros; and the KV cache. */
hekla_status session_clear(struct hekla_session *s, struct hekla_error *err);
hekla_status session_clear_cache(struct hekla_session *s, struct hekla_error *err);
/* tune.c: shapes for what this model is on this device, where they are not known yet. Under the
 * model's lock. */
hekla_status session_tune_first(struct hekla_session *s, struct hekla_error *err);
/* Layers from the first on whose K and V lie apart. */
uint32_t session_kv_layers(const struct hekla_session *s);
/* Positions in the cache of a layer that sees a window. */
uint32_t session_ring(const struct hekla_session *s);
/* session.c */
/* Tokens before pos are evaluated again where a rewind went back further than windows are kept. */
hekla_status session_refill(struct hekla_session *s, struct hekla_error *err);
/* Recorded steps; they are recorded again when needed. */
void session_drop_plans(struct hekla_session *s);
/* Gives back what lies on the device. */
void session_release(struct hekla_session *s);
/* Appends and evaluates; no more than the tokens' logits are reported. */
hekla_status session_append(
    struct hekla_session *s, const hekla_token *tokens, size_t n, struct hekla_error *err);
void session_init_list(const struct hekla_session *s, struct op_list *list, uint32_t n_tokens);
/* Index of the smallest recorded size that holds n tokens. */
uint32_t session_size_for(const struct hekla_session *s, uint32_t n);
/* Runs plan for n tokens from s->pos on, which it leaves to the caller to advance. The device also
 * learns the tokens behind them, up to n_known in all. */
hekla_status session_run_step(struct hekla_session *s, struct plan *plan, const hekla_token *tokens,
    uint32_t n, uint32_t n_known, struct hekla_error *err);
/* HEKLA_ARGUMENT if they do not fit or are not in the vocabulary; or if they are part of a text
 * that must be evaluated at once. */
hekla_status session_check_tokens(
    const struct hekla_session *s, const hekla_token *tokens, size_t n, struct hekla_error *err);
hekla_status session_run(struct hekla_session *s, struct plan *plan, struct hekla_error *err);
/* Copies logits rows to the host, as part of a list. */
void session_append_fetch(const struct hekla_session *s, struct op_list *list, uint32_t rows);
/* The newest logits, from the device to s->readback. */
hekla_status session_fetch_logits(struct hekla_session *s, struct hekla_error *err);

/* sampling.c: how the tokens of one call to generate are chosen. */
struct session_sampling {
    struct sample_chain chain;
    struct sample_vocab vocab;
    struct sampler *sampler;         /* NULL: the device alone samples */
    struct grammar_matcher *matcher; /* NULL: no grammar */
    bool on_host;
    uint64_t refused; /* tokens that the grammar did not allow at first */
};
hekla_status session_sampling_create(struct session_sampling *out, struct hekla_session *s,
    const struct hekla_sampling *p, struct hekla_error *err);
void session_sampling_destroy(struct session_sampling *sampling);
/* With a grammar: whether it allows the token. */
bool session_sampling_allows(struct session_sampling *sampling, hekla_token token);
/* The token for position pos from the logits on the host; SAMPLE_NONE: the text is complete. */
hekla_status session_sampling_draw(struct session_sampling *sampling, struct hekla_session *s,
    uint32_t pos, bool refused, hekla_token *token, struct hekla_error *err);
/* The token becomes part of the text. */
hekla_status session_sampling_accept(
    struct session_sampling *sampling, hekla_token token, struct hekla_error *err);
/* The file's general.sampling.*, checked, into model->sampling. */
hekla_status engine_read_sampling(
    struct hekla_model *model, const char *file, struct hekla_error *err);

/* profile.c: a stretch of a phase, for the statistics; and the times of a plan that has just run.
 */
struct session_span {
    double wall, cpu; /* seconds */
    struct gpu_counters counters;
};
struct session_span session_span_begin(const struct hekla_session *s);
void session_span_end(struct hekla_session *s, enum hekla_phase phase,
    const struct session_span *began, uint64_t n_tokens);
hekla_status session_profile_create(struct hekla_session *s, struct hekla_error *err);
void session_profile_destroy(struct session_profile *p);
void session_profile_add(struct hekla_session *s, const struct plan *plan, enum hekla_phase phase,
    uint32_t n_tokens, uint32_t pos);

/* shift.c: with n_ctx tokens in s->tokens, of which the newest may not be evaluated yet: drops half
 * of those after the first n_keep and evaluates the rest. Reports no logits. */
hekla_status session_shift(struct hekla_session *s, struct hekla_error *err);

#endif
