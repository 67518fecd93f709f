/*
 * An op is plain data: kernel, specialization constants, arguments, buffer ranges, group counts. A
 * list of them is a program that plan/ records for a device or runs on the C reference.
 */
#ifndef KERNELS_OP_H
#define KERNELS_OP_H

#include "args.h"
#include "kernels/kernels.h"
#include "kernels/shape.h"

struct op {
    enum kernel kernel;
    int quant; /* or -1 */
    uint32_t spec[SPEC_COUNT];
    uint32_t groups[3];
    struct gpu_view indirect; /* buffer != NULL: the device reads the group counts here */
    struct gpu_view views[GPU_MAX_BUFFERS];
    uint32_t n_views;
    uint32_t reads, writes; /* bit i: view i */
    uint8_t args[128];      /* what every device takes as push constants */
    uint32_t args_bytes;
    uint32_t layer;       /* it belongs to, from 1; 0: to none */
    struct shape_key key; /* kind 0: there is nothing to choose */
};

enum op_timing {
    OP_TIMING_OFF,
    OP_TIMING_ON,    /* a timestamp after each op */
    OP_TIMING_ALONE, /* and a barrier between them: no op begins before the last one has ended */
};

struct op_list {
    const struct gpu_caps *caps;
    const struct kernel_verdicts *verdicts; /* NULL: every kernel may be used */
    struct gpu_view step;                   /* struct step_args */
    struct gpu_view history;                /* [n_ctx + 1] token ids */
    enum kernel variant; /* for tests: taken where it is one of several; 0: the best is */
    const struct kernel_tuning *tuning; /* shapes that are fast here; NULL: nothing is known */
    uint32_t trial;                     /* not 0: this shape of every kernel that has it */
    bool fast;                          /* numerics: inexact kernels may be taken */
    uint32_t n_tokens;                  /* most tokens of a step: sizes the grids */
    uint32_t layer;                     /* that ops appended now belong to */
    enum op_timing timing;
    struct op *ops;
    uint32_t n, capacity;
    bool out_of_memory; /* checked once, when the list is complete */
};

void op_list_free(struct op_list *list);

/* f32 rows, one a token: [n_tokens][stride], n used; stride is n rounded up to 32, and the padding
 * is 0 and never written. */
struct rows {
    struct gpu_view view;
    uint32_t n, stride;
};

/* The same as 8-bit blocks in slot order: [n_tokens][layout.slots * 40 bytes, padded to 16]. */
struct rows_q8 {
    struct gpu_view view;
    struct quant_layout layout; /* of a row */
    uint32_t stride_u4;
};

/* A weight matrix [n_rows, n], stored by rows in one or more shards (no binding may be larger than
 * caps->max_range). */
struct matrix_shard {
    struct gpu_view view;
    uint32_t row_first, n_rows;
};
struct matrix {
    enum quant quant;
    struct quant_layout layout; /* of a row; layout.n = columns */
    uint32_t n_rows;
    uint32_t n_shards;
    struct matrix_shard *shards;
    struct gpu_view bias; /* [n_rows], or no buffer */
};

/* K and V of a layer; see kv.glsl for the order of elements. Position p is at p % n_ctx. */
struct kv_cache {
    struct gpu_view k, v;
    uint32_t n_ctx;       /* a multiple of K_TILE; of ATTN_CHUNK, where it holds a window only */
    uint32_t type;        /* KV_TYPE_... */
    uint32_t value_first; /* V is K's elements from this one on, and v is not there; 0: it is */
};

struct head_shape {
    uint32_t n_head, n_head_kv, head_dim, n_rot;
};

uint32_t rows_q8_stride_u4(const struct quant_layout *layout);

/* y (+)= scale * embedding rows of the step's tokens or positions; flags: EMBED_... */
void op_embed(
    struct op_list *list, struct rows y, const struct matrix *w, float scale, uint32_t flags);
/* y = x * g / rms(x). last: only the newest token, to row 0. */
void op_rmsnorm(
    struct op_list *list, struct rows y, struct rows x, struct gpu_view g, float eps, bool last);
/* y = the norm of `rows` rows of n elements a token, which may be x; (see args.h) */
struct norm_rows {
    struct gpu_view g, bias; /* [rows][n], or [n] if they are shared; or no buffer */
    uint32_t n, rows;
    float eps, scale; /* scale: with add; 0: 1 */
    uint32_t first;   /* of the elements of a token */
    bool centred, add, last, shared;
    bool length; /* rows are divided by their length, or by eps if that is more */
};
void op_norm_rows(struct op_list *list, struct rows y, struct rows x, const struct norm_rows *p);
/* n_cols: tokens, or 0 for as many as the step has. */
void op_quantize(struct op_list *list, struct rows_q8 y, struct rows x, uint32_t n_cols);
/* x: `rows` rows a token, side by side; y has one for each of them. */
void op_quantize_rows(
    struct op_list *list, struct rows_q8 y, struct rows x, uint32_t rows, uint32_t n_cols);
/* y[y_first ..] (+)= w x + bias; nothing for a matrix without shards. x as f32 or 8-bit rows, as
 * the matrix' class asks; bias may have a NULL buffer. */
struct matvec_input {
    struct rows f32;
    struct rows_q8 q8;
};
void op_matvec(struct op_list *list, struct rows y, uint32_t y_first, const struct matrix *w,
    const struct matvec_input *x, struct gpu_view bias, bool add, uint32_t n_cols);
/* The same for the one token of a decode step, with more of a layer in one dispatch. x: f32, normed
 * by g and quantised by the kernel itself. */
struct norm_input {
    struct rows x;
    struct gpu_view g; /* [x.n] */
    float eps;
};
/* Whether the functions below can be used. */
bool op_can_norm(const struct op_list *list, const struct matrix *w);
void op_norm_matvec(struct op_list *list, struct rows y, uint32_t y_first, const struct matrix *w,
    const struct norm_input *in);
bool op_can_qkv(const struct op_list *list, const struct matrix *w, const struct kv_cache *kv);
/* w: rows of Q, K and V from `first` on, whole heads. q: the rotated Q; K and V go to the cache. */
void op_norm_qkv(struct op_list *list, struct rows q, const struct kv_cache *kv,
    const struct matrix *w, uint32_t first, const struct norm_input *in, struct gpu_view rope,
    struct head_shape shape);
/* w: quads of gate and up rows by turns. y = silu(gate) * up. */
void op_norm_swiglu(
    struct op_list *list, struct rows_q8 y, const struct matrix *w, const struct norm_input *in);
/* The same for many tokens, x normed, y as f32. */
bool op_can_swiglu(const struct op_list *list, const struct matrix *w);
void op_swiglu(
    struct op_list *list, struct rows y, const struct matrix *w, const struct matvec_input *x);
/* qkv: [Q | K | V] a token; K begins at k_first, V at v_first. Without heads of K and V: Q alone.
 */
void op_rope_kv(struct op_list *list, struct rows qkv, uint32_t k_first, uint32_t v_first,
    const struct kv_cache *kv, struct gpu_view rope, struct head_shape shape);
/* y = attention of Q (the first values of qkv). partials: op_attention_partial_bytes, zeros at
 * first and then only ever given to attention. For one token chunks are computed side by side, else
 * by one dispatch after the other. */
void op_attention(struct op_list *list, struct rows y, struct rows qkv, const struct kv_cache *kv,
    struct gpu_view partials, struct head_shape shape);
/* The same with more to it; 0 or no buffer: without. */
struct attn_options {
    float scale;           /* 0: 1 / sqrt(head_dim) */
    float softcap;         /* scores become cap * tanh(score / cap) */
    uint32_t window;       /* positions that a token sees, its own included */
    struct gpu_view sinks; /* [n_head]: a further score, without a value */
    float temperature;     /* scores times 1 + temperature * ln(1 + pos / temperature_span) */
    uint32_t temperature_span;
    bool whole; /* a token sees all tokens of its step, also those after it; without a window */
};
void op_attention_with(struct op_list *list, struct rows y, struct rows qkv,
    const struct kv_cache *kv, struct gpu_view partials, struct head_shape shape,
    const struct attn_options *options);
/* The same for one token, where heads are whole blocks. */
bool op_can_attention_q8(const struct op_list *list, struct head_shape shape);
void op_attention_q8(struct op_list *list, struct rows_q8 y, struct rows qkv,
    const struct kv_cache *kv, struct gpu_view partials, struct head_shape shape,
    const struct attn_options *options);
/* y = silu(gate) * up; x: [gate | up], up begins at up_first; or 0: four of each by turns. */
void op_silu_mul(struct op_list *list, struct rows y, struct rows x, uint32_t up_first);
/* y = act(gate) * up, in `rows` rows a token; as 8-bit blocks if q8 is given. */
struct glu {
    uint32_t n, rows, up_first, act; /* see glu_args */
};
void op_glu(struct op_list *list, struct rows y, const struct rows_q8 *q8, struct rows x,
    const struct glu *p);
/* The recurrent state of a layer, and more slots behind the first `slots`; see args.h. */
struct state_cache {
    struct gpu_view view;
    uint32_t slots, slot_size; /* slot_size: floats */
};
/* y = the convolution of x, and the state after the step; flags: CONV_GATED, CONV_SILU. */
void op_conv(struct op_list *list, struct rows y, struct rows x, struct gpu_view w, uint32_t taps,
    const struct state_cache *state, uint32_t flags);
/* y = what the delta rule reads; gates: alpha at 0, beta at beta_first; dt, a: [n_head]. */
struct delta {
    uint32_t n_head, n_group, dim, beta_first, state_first;
    struct gpu_view dt, a;
};
void op_delta(struct op_list *list, struct rows y, struct rows x, struct rows gates,
    const struct state_cache *state, const struct delta *p);
/* y = cap * tanh(y / cap) */
void op_softcap(struct op_list *list, struct rows y, float cap, uint32_t n_cols);
/* Experts: which ones a step's tokens have; see args.h for pairs. */
struct expert_pairs {
    uint32_t n_used, capacity;    /* capacity: most tokens of a step */
    struct gpu_view ids, weights; /* [n_tokens * n_used] */
    struct gpu_view list, count;  /* [n_expert][capacity], [n_expert] */
};
struct routing {
    bool sigmoid, renormed;
    float scale;
    uint32_t n_group, n_group_used; /* the choice is among the groups with the best two; 0: all */
};
/* x: scores of all experts; bias: [n_expert], added for the choice; scales: [n_expert], of the
 * weights; or no buffer. */
void op_route(struct op_list *list, const struct expert_pairs *to, struct rows x,
    const struct routing *p, struct gpu_view bias, struct gpu_view scales);
/* y[pair] = the pair's expert's rows of w times x[token], or x[pair]. A shard has whole experts. */
void op_matvec_id(struct op_list *list, struct rows y, const struct matrix *w, uint32_t n_expert,
    const struct matvec_input *x, bool x_by_pair, const struct expert_pairs *pairs);
/* y[token][y_first + e y_step ..] = the rows of each expert e of w times x[token], or times
 * x[token] [e]: x then has a row for each, side by side, and as 8-bit blocks one after the other.
 */
void op_matvec_each(struct op_list *list, struct rows y, uint32_t y_first, uint32_t y_step,
    const struct matrix *w, uint32_t n_expert, const struct matvec_input *x, bool x_by_expert);
/* x[token] (+)= the weighted sum of y over its pairs. */
void op_mix(
    struct op_list *list, struct rows x, struct rows y, const struct expert_pairs *pairs, bool add);
/* scores = logits after penalties; then the next token into history, ring and step. */
void op_sample(struct op_list *list, struct gpu_view logits, struct gpu_view scores,
    struct gpu_view ring, uint32_t n_vocab);
/* nll[t] = -ln p(the token after the step's token t). */
void op_nll(struct op_list *list, struct gpu_view nll, struct rows logits);
void op_copy(struct op_list *list, struct gpu_view from, struct gpu_view to);
/* Reads x; y gets one word from each of op_stream_threads invocations. */
void op_stream(struct op_list *list, struct gpu_view y, struct gpu_view x);
uint32_t op_stream_threads(const struct gpu_caps *caps);
/* Computes; which: K_peak_f32 or K_peak_dot. y gets one word from each invocation, and its size
 * says how many there are: op_peak_threads fill a device. */
void op_peak(struct op_list *list, enum kernel which, struct gpu_view y, struct gpu_view x,
    uint32_t n_rounds);
uint32_t op_peak_threads(const struct gpu_caps *caps);

/* What an op moves and computes, by its own data, in a step of n_tokens from position pos: every
 * byte counted once, as if caches were large enough. Multiplications and additions of products. */
struct op_traffic {
    uint64_t read, written, operations;
};
struct op_traffic op_traffic(const struct op *op, uint32_t n_tokens, uint32_t pos);

/* For the files here: a new op with the list's defaults, or a dummy when out of memory. */
struct op *op_append(struct op_list *list, enum kernel kernel, int quant);
/* The shape to give an op whose kernel has n_shapes candidates: 0, or one of theirs from 1 on,
 * which may not fit. Makes the op's key, unless a trial is beyond what there is to try. */
uint32_t op_shape(
    const struct op_list *list, struct op *op, struct shape_key key, uint32_t n_shapes);
void op_set_args(struct op *op, const void *args, uint32_t bytes);
void op_bind(struct op *op, uint32_t binding, struct gpu_view view, bool reads, bool writes);

/* Bytes of n elements of K or V, a multiple of 32 where they are quantised. */
uint64_t op_kv_bytes(uint32_t type, uint64_t n);
/* Bytes of attention's partial results for n_ctx positions and steps of n_tokens. */
uint64_t op_attention_partial_bytes(struct head_shape shape, uint32_t n_ctx, uint32_t n_tokens);

#endif
